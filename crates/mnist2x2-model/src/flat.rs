//! The parameters as one flat vector: what an optimiser sees, and what is added up over shards.

use std::ops::Range;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, InplaceOp1, Layout, Result as CandleResult, Storage, Tensor};

use crate::Error;
use crate::parameters::{Packed, Parameters};

impl Parameters {
    /// All values in flat order.
    ///
    /// # Errors
    /// [`Error::Candle`] if the device fails.
    pub fn to_flat(&self) -> Result<Vec<f32>, Error> {
        let values = self.packs().iter().map(|packed| packed.values.to_vec1());
        Ok(values.collect::<CandleResult<Vec<_>>>()?.concat())
    }

    /// Overwrites all values of trainable parameters; models built on them and frozen views see the new ones.
    ///
    /// # Errors
    /// [`Error::Tensors`] if these parameters are frozen or `flat` has another length.
    pub fn set_flat(&self, flat: &[f32]) -> Result<(), Error> {
        for (packed, range) in self.ranges(flat.len())? {
            let (variable, values) = (packed.trained()?, &flat[range]);
            if variable.device().is_cpu() {
                variable.inplace_op1(&Assign(values))?;
            } else {
                variable.set(&Tensor::from_slice(values, values.len(), variable.device())?)?;
            }
        }
        Ok(())
    }

    /// Writes `scale` times the gradients in `grads` to `flat`, in flat order.
    ///
    /// # Errors
    /// [`Error::Tensors`] if a pack has no gradient, which would mean that part of the model is silently not trained.
    pub fn write_gradient(&self, grads: &GradStore, scale: f32, flat: &mut [f32]) -> Result<(), Error> {
        for (packed, range) in self.ranges(flat.len())? {
            let missing = || Error::Tensors(format!("`{}` received no gradient", packed.pack.name));
            let gradient = grads.get(packed.trained()?).ok_or_else(missing)?;
            let write = |from: &[f32]| flat[range].iter_mut().zip(from).for_each(|(to, g)| *to = scale * g);
            with_values(gradient, write)?;
        }
        Ok(())
    }

    /// Each pack and where it lies in a flat vector, which must have the right length.
    fn ranges(&self, length: usize) -> Result<impl Iterator<Item = (&Packed, Range<usize>)>, Error> {
        let count = self.count();
        if length != count {
            return Err(Error::Tensors(format!("{length} values for {count} parameters")));
        }
        let mut end = 0;
        Ok(self.packs().iter().map(move |packed| {
            let start = end;
            end += packed.pack.count();
            (packed, start..end)
        }))
    }
}

/// Hands the values of a tensor of rank 1 to `read`, on the CPU without copying them.
fn with_values(tensor: &Tensor, read: impl FnOnce(&[f32])) -> CandleResult<()> {
    let (storage, layout) = tensor.storage_and_layout();
    if let (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) =
        (&*storage, layout.contiguous_offsets())
    {
        read(&values[start..end]);
        return Ok(());
    }
    drop(storage);
    read(&tensor.to_vec1::<f32>()?);
    Ok(())
}

/// Copies values into a variable, without the tensor that [`candle_core::Var::set`] asks for.
struct Assign<'a>(&'a [f32]);

impl InplaceOp1 for Assign<'_> {
    fn name(&self) -> &'static str {
        "assign"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> CandleResult<()> {
        match (storage, layout.contiguous_offsets()) {
            (CpuStorage::F32(values), Some((start, end))) => values[start..end].copy_from_slice(self.0),
            _ => candle_core::bail!("assign: the variable is not a contiguous f32"),
        }
        Ok(())
    }
}
