//! The feed-forward sub-layer.

use candle_core::{Result, Shape, Tensor, bail};

use super::op::{Backward, SubLayer, apply};
use super::support::expect_some;
use crate::{Mlp, Scratch};

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
    apply(MlpOp { layer, rows: x.elem_count() / width, shape: x.shape().clone() }, &[x], params)
}

/// The inner width F of `3 D + F (2 D + 1)` parameters.
fn hidden(width: usize, size: usize) -> Result<usize> {
    let (outside, each) = (3 * width, 2 * width + 1);
    if size <= outside || !(size - outside).is_multiple_of(each) {
        bail!("mlp: {size} parameters fit no inner width beside a width of {width}");
    }
    Ok((size - outside) / each)
}

struct MlpOp {
    layer: Mlp,
    rows: usize,
    shape: Shape,
}

impl SubLayer for MlpOp {
    const NAME: &'static str = "mlp";

    fn output(&self) -> Shape {
        self.shape.clone()
    }

    fn saved_len(&self) -> usize {
        self.layer.saved_len(self.rows)
    }

    fn forward(&self, params: &[f32], x: &[&[f32]], y: &mut [f32], saved: &mut [f32], scratch: &mut Scratch) {
        self.layer.forward(self.rows, params, x[0], y, saved, scratch);
    }

    fn infer(&self, params: &[f32], x: &[&[f32]], y: &mut [f32], scratch: &mut Scratch) {
        self.layer.infer(self.rows, params, x[0], y, scratch);
    }

    fn backward(&self, pass: Backward, dx: &mut [Vec<f32>], d_params: &mut [f32], scratch: &mut Scratch) {
        let Backward { params, inputs, saved, dy } = pass;
        self.layer.backward(self.rows, params, inputs[0], saved, dy, &mut dx[0], d_params, scratch);
    }
}
