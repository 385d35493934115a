//! What all operations share: slices of tensors, reused memory, and the slot for what a forward pass saves.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut, Range};
use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, Error, Layout, Result, Storage, Tensor, bail};

use crate::Scratch;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Runs a kernel with this thread's working memory.
pub(super) fn with_scratch<R>(kernel: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(kernel)
}

/// What a thread has done with: the system's allocator would hand such sizes back to the kernel and fetch them again, page by page,
/// in every training step. Each thread has a pool of its own, so what it takes is in the cache of its core.
#[derive(Debug, Default)]
struct Pool {
    /// By their lengths.
    buffers: BTreeMap<usize, Vec<Vec<f32>>>,
    /// How many it gave out and did not get back.
    lent: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

impl Pool {
    /// The smallest buffer that holds `len` numbers and is not much larger, or a new one.
    fn lend(&mut self, len: usize) -> Vec<f32> {
        self.lent += 1;
        let fitting =
            self.buffers.range_mut(len..=len.saturating_mul(2)).find_map(|(_, buffers)| buffers.pop());
        fitting.unwrap_or_else(|| vec![0.0; len])
    }

    /// Keeps no more than it gave out: a thread that only ends what others began would fill the memory.
    fn take_back(&mut self, numbers: Vec<f32>) {
        if self.lent > 0 {
            self.lent -= 1;
            self.buffers.entry(numbers.len()).or_default().push(numbers);
        }
    }
}

/// Memory that goes to the pool of the thread that drops it; it holds anything.
#[derive(Debug)]
pub(super) struct Buffer {
    numbers: Vec<f32>,
    len: usize,
}

impl Buffer {
    /// A buffer of `len` numbers.
    pub(super) fn new(len: usize) -> Self {
        let numbers = if len == 0 { Vec::new() } else { POOL.with_borrow_mut(|pool| pool.lend(len)) };
        Self { numbers, len }
    }

    /// A buffer of zeros.
    pub(super) fn zeros(len: usize) -> Self {
        let mut buffer = Self::new(len);
        buffer.fill(0.0);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut self.numbers);
        if !numbers.is_empty() {
            // While the thread ends there may be no pool any more.
            let _ = POOL.try_with(|pool| pool.borrow_mut().take_back(numbers));
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_what_it_gave_out_and_no_more() {
        let kept = || POOL.with_borrow(|pool| pool.buffers.values().map(Vec::len).sum::<usize>());
        let foreign = std::thread::spawn(|| [5, 6].map(Buffer::new)).join().unwrap();
        drop(foreign);
        assert_eq!(kept(), 0);
        let own = [100, 120].map(Buffer::new);
        let place = own[1].as_ptr();
        drop(own);
        assert_eq!(kept(), 2);
        assert_eq!(Buffer::new(110).as_ptr(), place, "the smallest that holds them");
        assert_eq!(kept(), 2);
    }
}
