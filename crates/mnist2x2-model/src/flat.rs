//! The parameters as one flat vector: what an optimizer sees, and what is added up over shards.

use std::ops::Range;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result as CandleResult, Tensor, Var};
use mnist2x2_kernels::{Gradients, vectorize};

use crate::Error;
use crate::parameters::{Group, Parameters};

impl Parameters {
    /// All values in flat order.
    ///
    /// # Errors
    /// [`Error::Candle`] if the device fails.
    pub fn to_flat(&self) -> Result<Vec<f32>, Error> {
        let values = self.groups().iter().map(|group| group.values.to_vec1());
        Ok(values.collect::<CandleResult<Vec<_>>>()?.concat())
    }

    /// Overwrites all values of trainable parameters; models built on them see the new ones, but those of
    /// [`Seq2Seq::fixed`](crate::Seq2Seq::fixed).
    ///
    /// # Errors
    /// [`Error::Tensors`] if these parameters are frozen or `flat` has another length.
    pub fn set_flat(&self, flat: &[f32]) -> Result<(), Error> {
        for (group, range) in self.ranges(flat.len())? {
            let (variable, values) = (group.trained()?, &flat[range]);
            if variable.device().is_cpu() {
                variable.inplace_op1(&Assign(values))?;
            } else {
                variable.set(&Tensor::from_slice(values, values.len(), variable.device())?)?;
            }
        }
        Ok(())
    }

    /// The gradient in flat order of a loss.
    ///
    /// # Errors
    /// As [`GroupGradient::sum`].
    pub fn gradient(&self, loss: &Tensor) -> Result<Vec<f32>, Error> {
        self.flat_gradient(&self.gradients(loss)?)
    }

    /// The gradients of a loss that came about in candle's graph.
    ///
    /// # Errors
    /// [`Error::Candle`] as [`Gradients::of`].
    pub fn gradients(&self, loss: &Tensor) -> Result<Gradients, Error> {
        Ok(Gradients::of(loss, self.variables().map(|(_, variable)| variable.as_tensor()))?)
    }

    /// The same as [`Parameters::gradient`], of a loss whose gradients are known.
    ///
    /// # Errors
    /// As [`GroupGradient::sum`].
    pub fn flat_gradient(&self, gradients: &Gradients) -> Result<Vec<f32>, Error> {
        let mut flat = vec![0.0; self.count()];
        let mut groups = self.group_gradients(&mut flat)?.into_iter();
        groups.try_for_each(|mut group| group.sum(&[(1.0, gradients)]))?;
        Ok(flat)
    }

    /// The groups with their stretches of a flat gradient, each to be filled by itself, in any thread.
    ///
    /// # Errors
    /// [`Error::Tensors`] if these parameters are frozen or `flat` has another length.
    pub fn group_gradients<'a>(&'a self, mut flat: &'a mut [f32]) -> Result<Vec<GroupGradient<'a>>, Error> {
        let ranges = self.ranges(flat.len())?;
        let take = |(group, range): (&'a Group, Range<usize>)| {
            let (gradient, rest) = std::mem::take(&mut flat).split_at_mut(range.len());
            flat = rest;
            Ok(GroupGradient { name: &group.table.name, variable: group.trained()?, gradient })
        };
        ranges.map(take).collect()
    }

    /// Each group and where it lies in a flat vector, which must have the right length.
    fn ranges(&self, length: usize) -> Result<impl Iterator<Item = (&Group, Range<usize>)>, Error> {
        let count = self.count();
        if length != count {
            return Err(Error::Tensors(format!("{length} values for {count} parameters")));
        }
        let mut end = 0;
        Ok(self.groups().iter().map(move |group| {
            let start = end;
            end += group.table.count();
            (group, start..end)
        }))
    }
}

/// One group's stretch of a flat gradient.
#[derive(Debug)]
pub struct GroupGradient<'a> {
    name: &'a str,
    variable: &'a Var,
    gradient: &'a mut [f32],
}

impl GroupGradient<'_> {
    /// Fills the stretch with the weighted sum of the gradients of several losses.
    ///
    /// # Errors
    /// [`Error::Tensors`] if one has no gradient for this group: part of the model would silently not be trained.
    ///
    /// # Panics
    /// If that gradient has another length than the group.
    pub fn sum(&mut self, losses: &[(f32, &Gradients)]) -> Result<(), Error> {
        self.gradient.fill(0.0);
        for (weight, gradients) in losses {
            let problem = || Error::Tensors(format!("`{}` received no gradient", self.name));
            let gradient = gradients.get(self.variable).ok_or_else(problem)?;
            assert_eq!(gradient.len(), self.gradient.len(), "the gradient of `{}`", self.name);
            let places = self.gradient.iter_mut().zip(gradient);
            vectorize(|| places.for_each(|(sum, g)| *sum += weight * g));
        }
        Ok(())
    }
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
