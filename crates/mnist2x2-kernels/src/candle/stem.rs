//! The stem.

use candle_core::{Result, Tensor};

use super::op::{Pass, SubLayer};
use super::support::{expect_size, expect_some};
use crate::Stem;

/// Convolutions, each `gelu(weight * x + bias)`, with these numbers of outputs and these strides; see [`Stem`].
///
/// # Shapes
/// images (B, height, width); `params`, of one [`ConvolutionLayout`](crate::ConvolutionLayout) after the other, one
/// dimension; the result (B, rows, columns, O) as [`Stem::shape`] says.
///
/// # Errors
/// If a shape does not fit, there is no convolution, a stride is zero, or a tensor is not `f32` on the CPU.
pub fn stem(images: &Tensor, params: &Tensor, convolutions: &[(usize, usize)]) -> Result<Tensor> {
    let (batch, height, width) = images.dims3()?;
    let sizes = convolutions.iter().flat_map(|&(outputs, stride)| [outputs, stride]);
    let sizes: Vec<usize> = [batch, height, width, convolutions.len()].into_iter().chain(sizes).collect();
    expect_some("stem", &sizes)?;
    let layer = Stem::new([height, width], convolutions);
    expect_size("stem", params, layer.size())?;
    let [rows, columns, channels] = layer.shape();
    let (output, saved_len) = ((batch, rows, columns, channels).into(), layer.saved_len(batch));
    let op = SubLayer { name: "stem", output, saved_len, reads_data: true };
    op.apply(&[images], params, move |params, x, pass, scratch| match pass {
        Pass::Infer { y } => layer.infer(batch, params, x[0], y, scratch),
        Pass::Forward { y, saved } => layer.forward(batch, params, x[0], y, saved, scratch),
        Pass::Backward { saved, dy, dx, d_params } => {
            let dx = (!dx[0].is_empty()).then_some(&mut dx[0][..]);
            layer.backward(batch, params, x[0], saved, dy, dx, d_params, scratch);
        }
    })
}
