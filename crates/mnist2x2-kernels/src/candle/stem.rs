//! The stem.

use candle_core::{Result, Shape, Tensor};

use super::op::{Backward, SubLayer, apply};
use super::support::{expect_size, expect_some};
use crate::{Scratch, Stem};

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
    apply(StemOp { layer, batch }, &[images], params)
}

struct StemOp {
    layer: Stem,
    batch: usize,
}

impl SubLayer for StemOp {
    const NAME: &'static str = "stem";
    /// To a wide first convolution the gradient of images would cost as much as all the rest of it.
    const READS_DATA: bool = true;

    fn output(&self) -> Shape {
        let [rows, columns, channels] = self.layer.shape();
        (self.batch, rows, columns, channels).into()
    }

    fn saved_len(&self) -> usize {
        self.layer.saved_len(self.batch)
    }

    fn forward(&self, params: &[f32], x: &[&[f32]], y: &mut [f32], saved: &mut [f32], scratch: &mut Scratch) {
        self.layer.forward(self.batch, params, x[0], y, saved, scratch);
    }

    fn infer(&self, params: &[f32], x: &[&[f32]], y: &mut [f32], scratch: &mut Scratch) {
        self.layer.infer(self.batch, params, x[0], y, scratch);
    }

    fn backward(&self, pass: Backward, dx: &mut [Vec<f32>], d_params: &mut [f32], scratch: &mut Scratch) {
        let Backward { params, inputs, saved, dy } = pass;
        let dx = (!dx[0].is_empty()).then_some(&mut dx[0][..]);
        self.layer.backward(self.batch, params, inputs[0], saved, dy, dx, d_params, scratch);
    }
}
