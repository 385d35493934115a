//! The feed-forward sub-layer.

use candle_core::{Result, Tensor, bail};

use super::op::apply;
use super::support::expect_some;
use crate::Mlp;

/// `x + fc2(gelu(fc1(norm(x))))`; see [`Mlp`]. The inner width follows from the size of `params`.
///
/// # Shapes
/// x (..., D); `params`, of [`MlpLayout`](crate::MlpLayout), one dimension; the result as x.
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn mlp(x: &Tensor, params: &Tensor) -> Result<Tensor> {
    let Some(&width) = x.dims().last() else { bail!("mlp: x is a scalar") };
    expect_some("mlp", x.dims())?;
    let layer = Mlp::new(width, hidden(width, params.dims1()?)?);
    apply(("mlp", layer), [x.elem_count() / width], [x], params, x.shape().clone())
}

/// The inner width F of `3 D + F (2 D + 1)` parameters.
fn hidden(width: usize, size: usize) -> Result<usize> {
    let (outside, each) = (3 * width, 2 * width + 1);
    if size <= outside || !(size - outside).is_multiple_of(each) {
        bail!("mlp: {size} parameters fit no inner width beside a width of {width}");
    }
    Ok((size - outside) / each)
}
