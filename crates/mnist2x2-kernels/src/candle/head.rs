//! The head: logits and loss.

use candle_core::{Result, Shape, Tensor, bail};

use super::op::{Pass, SubLayer};
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
    let op = SubLayer { name: "logits", output, saved_len: 0, reads_data: false };
    op.apply(&[x], params, move |params, x, pass, scratch| match pass {
        Pass::Infer { y } | Pass::Forward { y, .. } => layer.logits(rows, params, x[0], y, scratch),
        Pass::Backward { dy, dx, d_params, .. } => {
            layer.logits_backward(params, x[0], dy, &mut dx[0], d_params);
        }
    })
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
    let rows = rows.iter().product();
    let saved_len = layer.saved_len(rows);
    let op = SubLayer { name: "head-loss", output: ().into(), saved_len, reads_data: false };
    op.apply(&[x], params, move |params, x, pass, scratch| match pass {
        Pass::Infer { y } => scratch.without_saving(saved_len, |saved, scratch| {
            y[0] = layer.loss(rows, params, x[0], &targets, saved, scratch);
        }),
        Pass::Forward { y, saved } => y[0] = layer.loss(rows, params, x[0], &targets, saved, scratch),
        Pass::Backward { saved, dy, dx, d_params } => {
            layer.backward(rows, params, x[0], saved, dy[0], &mut dx[0], d_params, scratch);
        }
    })
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
