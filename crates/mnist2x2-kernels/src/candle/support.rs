//! What all operations share: slices of tensors, working memory, and the slot for what a forward pass saves.

use std::cell::RefCell;
use std::ops::{Deref, Range};
use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, Error, Layout, Result, Storage, Tensor, bail};

use crate::Scratch;
use crate::memory::Buffer;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Runs a kernel with this thread's working memory.
pub(super) fn with_scratch<R>(kernel: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(kernel)
}

/// Where an operation keeps what its forward pass saves for its backward pass.
#[derive(Debug, Default)]
pub(super) struct Saved(Mutex<Option<Buffer>>);

impl Saved {
    /// Runs a forward pass that saves `len` numbers.
    pub(super) fn write(&self, len: usize, forward: impl FnOnce(&mut [f32], &mut Scratch)) {
        let mut buffer = Buffer::new(len);
        with_scratch(|scratch| forward(&mut buffer, scratch));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(buffer);
    }

    /// Runs a backward pass on what was saved.
    pub(super) fn read(&self, backward: impl FnOnce(&[f32], &mut Scratch)) -> Result<()> {
        let saved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(buffer) = &*saved else {
            bail!("no forward pass came before this backward pass");
        };
        with_scratch(|scratch| backward(buffer, scratch));
        Ok(())
    }
}

/// The numbers of a contiguous operand.
pub(super) fn operand<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    Ok(&storage.as_slice()?[contiguous(layout)?])
}

fn contiguous(layout: &Layout) -> Result<Range<usize>> {
    let offsets = layout.contiguous_offsets();
    offsets.map(|(start, end)| start..end).ok_or_else(|| Error::RequiresContiguous { op: "kernel" }.bt())
}

/// The numbers of a contiguous tensor on the CPU, readable for as long as this lives.
pub(super) struct Numbers<G> {
    storage: G,
    range: Range<usize>,
}

/// Reads a contiguous `f32` tensor on the CPU.
pub(super) fn numbers(tensor: &Tensor) -> Result<Numbers<impl Deref<Target = Storage> + '_>> {
    let (storage, layout) = tensor.storage_and_layout();
    let range = contiguous(layout)?;
    match &*storage {
        Storage::Cpu(numbers) => drop(numbers.as_slice::<f32>()?),
        _ => bail!("a kernel for the CPU was given a tensor on {:?}", tensor.device().location()),
    }
    Ok(Numbers { storage, range })
}

impl<G: Deref<Target = Storage>> Deref for Numbers<G> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(numbers)) => &numbers[self.range.clone()],
            _ => unreachable!("`numbers` lets only f32 on the CPU through"),
        }
    }
}

/// A gradient with the shape of what it is the gradient of.
pub(super) fn like(of: &Tensor, numbers: Vec<f32>) -> Result<Tensor> {
    Tensor::from_vec(numbers, of.shape(), of.device())
}

/// Asserts that a packed parameter slice has the size its sub-layer asks for.
pub(super) fn expect_size(what: &str, params: &Tensor, size: usize) -> Result<()> {
    if params.dims() != [size] {
        bail!("{what}: parameters of shape {:?}, not [{size}]", params.dims());
    }
    Ok(())
}
