//! The feed-forward sub-layer.

use candle_core::{Result, Tensor, bail};

use super::op::{Pass, SubLayer};
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
    let rows = x.elem_count() / width;
    let (output, saved_len) = (x.shape().clone(), layer.saved_len(rows));
    let op = SubLayer { name: "mlp", output, saved_len, reads_data: false };
    op.apply(&[x], params, move |params, x, pass, scratch| match pass {
        Pass::Infer { y } => layer.infer(rows, params, x[0], y, scratch),
        Pass::Forward { y, saved } => layer.forward(rows, params, x[0], y, saved, scratch),
        Pass::Backward { saved, dy, dx, d_params } => {
            layer.backward(rows, params, x[0], saved, dy, &mut dx[0], d_params, scratch);
        }
    })
}

/// The inner width F of `3 D + F (2 D + 1)` parameters.
fn hidden(width: usize, size: usize) -> Result<usize> {
    let (outside, each) = (3 * width, 2 * width + 1);
    if size <= outside || !(size - outside).is_multiple_of(each) {
        bail!("mlp: {size} parameters fit no inner width beside a width of {width}");
    }
    Ok((size - outside) / each)
}
