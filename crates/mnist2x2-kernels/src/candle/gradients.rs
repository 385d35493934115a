//! The backward pass of a loss, in which the gradients of parameters do not go through candle's store.
//!
//! candle adds each gradient that comes to a variable to zeros, and tensors of 65,536 numbers or more by a pool of threads that
//! spin while they wait. A sub-layer's parameters can be that many; their gradients are kept beside the store instead.

use std::cell::RefCell;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, TensorId};

use super::support::{like, numbers};

/// The gradients of a loss.
#[derive(Debug)]
pub struct Gradients {
    /// What candle's graph found, if it was asked.
    store: Option<GradStore>,
    of_parameters: OfParameters,
}

/// Of which variable, and what.
type OfParameters = Vec<(TensorId, Vec<f32>)>;

thread_local! {
    /// What the backward pass that runs in this thread has found so far, if it is one of [`Gradients::of`].
    static FOUND: RefCell<Option<OfParameters>> = const { RefCell::new(None) };
}

/// Ends the collection in this thread, also where the backward pass panics.
struct Collecting;

impl Drop for Collecting {
    fn drop(&mut self) {
        FOUND.set(None);
    }
}

impl Gradients {
    /// The backward pass of a scalar: as [`Tensor::backward`], but for the way of the parameters' gradients.
    ///
    /// # Errors
    /// As [`Tensor::backward`]. In WebAssembly it always fails: candle's backward pass, which knows all of candle's operations,
    /// would be a tenth of the page, and kernels differentiate what the page trains.
    pub fn of(loss: &Tensor) -> Result<Self> {
        FOUND.set(Some(Vec::new()));
        let _collecting = Collecting;
        check_backward()?;
        let store = Some(loss.backward()?);
        Ok(Self { store, of_parameters: FOUND.take().unwrap_or_default() })
    }

    /// Gradients that were found without candle's graph.
    pub(super) fn of_parameters(of_parameters: OfParameters) -> Self {
        Self { store: None, of_parameters }
    }

    /// Adds `weight` times the gradient of a variable of rank 1, from its number `start` on, to `sum`, and says whether it has
    /// one.
    ///
    /// # Errors
    /// If it lies on a device that fails, or is not `f32`.
    ///
    /// # Panics
    /// If the gradient has fewer numbers than `start`.
    pub fn add(&self, variable: &Tensor, weight: f32, start: usize, sum: &mut [f32]) -> Result<bool> {
        let mut add = |values: &[f32]| {
            sum.iter_mut().zip(&values[start..]).for_each(|(sum, g)| *sum += weight * g);
        };
        let of_variable = self.of_parameters.iter().filter(|(id, _)| *id == variable.id());
        let found = of_variable.map(|(_, values)| add(values)).count();
        let Some(gradient) = self.store.as_ref().and_then(|store| store.get(variable)) else {
            return Ok(found > 0);
        };
        match numbers(gradient) {
            Ok(values) => add(&values),
            Err(_) => add(&gradient.to_vec1()?), // elsewhere than in the memory of the CPU, or not contiguous
        }
        Ok(true)
    }
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
pub(super) fn hand_over(params: &Tensor, gradient: Vec<f32>) -> Result<Option<Tensor>> {
    FOUND.with_borrow_mut(|found| match found {
        Some(found) if params.is_variable() => {
            found.push((params.id(), gradient));
            Ok(None)
        }
        _ => like(params, gradient).map(Some),
    })
}
