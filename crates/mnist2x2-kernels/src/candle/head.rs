//! The head: logits and loss.

use candle_core::{Result, Shape, Tensor, bail};

use super::op::{Backward, SubLayer, apply};
use super::support::expect_some;
use crate::{Head, Scratch};

/// `x W^T + b`; see [`Head`]. The vocabulary follows from the size of `params`.
///
/// # Shapes
/// x (..., D); `params`, of [`HeadLayout`](crate::HeadLayout), one dimension; the result (..., V).
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn logits(x: &Tensor, params: &Tensor) -> Result<Tensor> {
    let (layer, vocabulary) = head("logits", x, params)?;
    let width = x.dims()[x.rank() - 1];
    let shape = Shape::from([&x.dims()[..x.rank() - 1], &[vocabulary]].concat());
    apply(LogitsOp { layer, rows: x.elem_count() / width, shape }, &[x], params)
}

/// The mean cross-entropy of [`logits`] against target distributions, a scalar, without the logits as a tensor in between.
///
/// # Shapes
/// x (..., D); `params` as for [`logits`]; targets (..., V) of `f32`, which get no gradient.
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn head_loss(x: &Tensor, params: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let (layer, vocabulary) = head("loss", x, params)?;
    let rows = x.dims().split_last().map_or(&[][..], |(_, rows)| rows);
    if targets.dims() != [rows, &[vocabulary]].concat() {
        bail!("loss: targets of shape {:?} for x of shape {:?}", targets.dims(), x.dims());
    }
    let targets = targets.flatten_all()?.to_vec1::<f32>()?;
    apply(LossOp { layer, rows: rows.iter().product(), targets }, &[x], params)
}

/// The head that these shapes ask for, and its vocabulary.
fn head(what: &str, x: &Tensor, params: &Tensor) -> Result<(Head, usize)> {
    expect_some(what, x.dims())?;
    let (Some(width), size) = (x.dims().last(), params.dims1()?) else { bail!("{what}: x is a scalar") };
    if size == 0 || !size.is_multiple_of(width + 1) {
        bail!("{what}: {size} parameters fit no vocabulary beside a width of {width}");
    }
    let vocabulary = size / (width + 1);
    Ok((Head::new(vocabulary, *width), vocabulary))
}

struct LogitsOp {
    layer: Head,
    rows: usize,
    /// The shape of the logits.
    shape: Shape,
}

impl SubLayer for LogitsOp {
    const NAME: &'static str = "logits";

    fn output(&self) -> Shape {
        self.shape.clone()
    }

    fn saved_len(&self) -> usize {
        0
    }

    fn forward(&self, params: &[f32], x: &[&[f32]], y: &mut [f32], _: &mut [f32], scratch: &mut Scratch) {
        self.layer.logits(self.rows, params, x[0], y, scratch);
    }

    fn backward(&self, pass: Backward, dx: &mut [Vec<f32>], d_params: &mut [f32], _: &mut Scratch) {
        self.layer.logits_backward(pass.params, pass.inputs[0], pass.dy, &mut dx[0], d_params);
    }
}

struct LossOp {
    layer: Head,
    rows: usize,
    targets: Vec<f32>,
}

impl SubLayer for LossOp {
    const NAME: &'static str = "head-loss";

    fn output(&self) -> Shape {
        ().into()
    }

    fn saved_len(&self) -> usize {
        self.layer.saved_len(self.rows)
    }

    fn forward(
        &self,
        params: &[f32],
        x: &[&[f32]],
        loss: &mut [f32],
        saved: &mut [f32],
        scratch: &mut Scratch,
    ) {
        loss[0] = self.layer.loss(self.rows, params, x[0], &self.targets, saved, scratch);
    }

    fn backward(&self, pass: Backward, dx: &mut [Vec<f32>], d_params: &mut [f32], scratch: &mut Scratch) {
        let Backward { params, inputs, saved, dy } = pass;
        self.layer.backward(self.rows, params, inputs[0], saved, dy[0], &mut dx[0], d_params, scratch);
    }
}
