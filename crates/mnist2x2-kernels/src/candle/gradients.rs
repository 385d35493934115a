//! The backward pass of a loss, in which the gradients of parameters do not go through candle's store.
//!
//! candle adds each gradient that comes to a variable to zeros, and tensors of 65,536 numbers or more by a pool of threads that
//! spin while they wait. A sub-layer's parameters can be that many; their gradients are kept beside the store instead.

use std::cell::RefCell;

use candle_core::{Result, Tensor, TensorId};

use super::support::like;
use crate::memory::Buffer;
use crate::simd::vectorize;

/// The gradients of a loss, one for each variable that it was made of.
#[derive(Debug)]
pub struct Gradients(Found);

/// Of which variable, and what.
pub(super) type Found = Vec<(TensorId, Buffer)>;

thread_local! {
    /// What the backward pass that runs in this thread has found so far, if it is one of [`Gradients::of`].
    static FOUND: RefCell<Option<Found>> = const { RefCell::new(None) };
}

/// Ends the collection in this thread, also where the backward pass panics, and goes on with the one before: while a backward pass
/// waits for other threads, its own may begin with another.
struct Collecting(Option<Found>);

impl Drop for Collecting {
    fn drop(&mut self) {
        FOUND.set(self.0.take());
    }
}

impl Gradients {
    /// The gradients of a scalar by candle's backward pass: those of these `variables`, and of all parameters of kernels.
    ///
    /// # Errors
    /// As [`Tensor::backward`], and if a variable is not `f32` or not of rank 1. In WebAssembly it always fails: candle's backward pass, which knows
    /// all of candle's operations, would be a tenth of the page, and kernels differentiate what the page trains.
    pub fn of<'a>(loss: &Tensor, variables: impl IntoIterator<Item = &'a Tensor>) -> Result<Self> {
        check_backward()?;
        let _collecting = Collecting(FOUND.replace(Some(Vec::new())));
        let store = loss.backward()?;
        let mut found = FOUND.take().unwrap_or_default();
        for variable in variables {
            if let Some(gradient) = store.get(variable) {
                found.push((variable.id(), Buffer::of(&gradient.to_vec1()?)));
            }
        }
        Ok(Self::of_parameters(found))
    }

    /// Gradients that were found one by one, those of one variable to be added up.
    pub(super) fn of_parameters(found: Found) -> Self {
        let mut gradients = Self(Vec::with_capacity(found.len()));
        for (variable, gradient) in found {
            match gradients.get_mut(variable) {
                Some(sum) => weighted_sum(sum, 1.0, &gradient, 1.0),
                None => gradients.0.push((variable, gradient)),
            }
        }
        gradients
    }

    /// The gradient of a variable, if the loss depends on it.
    pub fn get(&self, variable: &Tensor) -> Option<&[f32]> {
        let (_, gradient) = self.0.iter().find(|(of, _)| *of == variable.id())?;
        Some(gradient)
    }

    fn get_mut(&mut self, variable: TensorId) -> Option<&mut [f32]> {
        let (_, gradient) = self.0.iter_mut().find(|(of, _)| *of == variable)?;
        Some(gradient)
    }

    /// Becomes `weight` times these and `other_weight` times the others, which are of the same variables.
    ///
    /// # Panics
    /// If they are not.
    pub fn add(&mut self, weight: f32, other: &Self, other_weight: f32) {
        assert_eq!(self.0.len(), other.0.len(), "gradients of other variables");
        for (variable, gradient) in &other.0 {
            let sum = self.get_mut(*variable).expect("gradients of the same variables");
            weighted_sum(sum, weight, gradient, other_weight);
        }
    }
}

fn weighted_sum(sum: &mut [f32], weight: f32, other: &[f32], other_weight: f32) {
    assert_eq!(sum.len(), other.len(), "gradients of one variable");
    vectorize(|| {
        sum.iter_mut().zip(other).for_each(|(sum, other)| *sum = weight * *sum + other_weight * other);
    });
}

/// Refuses candle's backward pass where there is none. What follows is then never reached, so it is not compiled.
#[inline(always)]
pub(super) fn check_backward() -> Result<()> {
    if cfg!(target_family = "wasm") {
        candle_core::bail!("only kernels differentiate in WebAssembly, and they know no such loss");
    }
    Ok(())
}

/// Hands over the gradient of parameters: to the collection in this thread, if there is one, else to candle.
pub(super) fn hand_over(params: &Tensor, gradient: Buffer) -> Result<Option<Tensor>> {
    FOUND.with_borrow_mut(|found| match found {
        Some(found) if params.is_variable() => {
            found.push((params.id(), gradient));
            Ok(None)
        }
        _ => like(params, gradient.to_vec()).map(Some),
    })
}
