//! The head: logits and loss.

use candle_core::{Result, Shape, Tensor, bail};

use super::op::apply;
use super::support::expect_some;
use crate::Head;

/// `x W^T + b`; see [`Head`]. The vocabulary follows from the size of `params`.
///
/// # Shapes
/// x (..., D); `params`, of [`HeadLayout`](crate::HeadLayout), one dimension; the result (..., V).
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn logits(x: &Tensor, params: &Tensor) -> Result<Tensor> {
    let (layer, vocabulary) = head("logits", x, params)?;
    let (rest, rows) = (&x.dims()[..x.rank() - 1], x.elem_count() / x.dims()[x.rank() - 1]);
    let output = Shape::from([rest, &[vocabulary]].concat());
    apply(("logits", layer), [rows], [x], params, output)
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
    let (rows, targets) = (rows.iter().product(), targets.detach());
    apply(("head-loss", layer.loss()), [rows], [x, &targets], params, ().into())
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
