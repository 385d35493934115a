//! The stem.

use candle_core::{Result, Tensor};

use super::op::apply;
use super::support::expect_some;
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
    let [rows, columns, channels] = layer.shape();
    apply(("stem", layer), [batch], [images], params, (batch, rows, columns, channels).into())
}
