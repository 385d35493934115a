//! The head: logits and loss.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::support::{Saved, expect_some, gradients, operand, with_scratch};
use crate::Head;

/// `x W^T + b`; see [`Head`]. The vocabulary follows from the size of `packed`.
///
/// # Shapes
/// x (..., D); `packed`, of [`HeadLayout`](crate::HeadLayout), one dimension; the result (..., V).
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn logits(x: &Tensor, packed: &Tensor) -> Result<Tensor> {
    let (layer, vocabulary) = head("logits", x, packed)?;
    let rows = x.dims().split_last().map_or(&[][..], |(_, rows)| rows);
    let shape = Shape::from([rows, &[vocabulary]].concat());
    let (x, packed, op) = (x.contiguous()?, packed.contiguous()?, LogitsOp { layer, shape });
    if x.track_op() || packed.track_op() {
        x.apply_op2(&packed, op)
    } else {
        x.apply_op2_no_bwd(&packed, &op)
    }
}

/// The mean cross-entropy of [`logits`] against target distributions, a scalar, without the logits as a tensor in between.
///
/// # Shapes
/// x (..., D); `packed` as for [`logits`]; targets (..., V) of `f32`, which get no gradient.
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn head_loss(x: &Tensor, packed: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let (layer, vocabulary) = head("loss", x, packed)?;
    let rows = x.dims().split_last().map_or(&[][..], |(_, rows)| rows);
    if targets.dims() != [rows, &[vocabulary]].concat() {
        bail!("loss: targets of shape {:?} for x of shape {:?}", targets.dims(), x.dims());
    }
    let targets = targets.flatten_all()?.to_vec1::<f32>()?;
    let (x, packed) = (x.contiguous()?, packed.contiguous()?);
    let op = LossOp { layer, rows: rows.iter().product(), targets, saved: Saved::default() };
    if x.track_op() || packed.track_op() {
        x.apply_op2(&packed, op)
    } else {
        x.apply_op2_no_bwd(&packed, &op)
    }
}

/// The head that these shapes ask for, and its vocabulary.
fn head(what: &str, x: &Tensor, packed: &Tensor) -> Result<(Head, usize)> {
    expect_some(what, x.dims())?;
    let (Some(width), size) = (x.dims().last(), packed.dims1()?) else { bail!("{what}: x is a scalar") };
    if size == 0 || !size.is_multiple_of(width + 1) {
        bail!("{what}: {size} packed parameters fit no vocabulary beside a width of {width}");
    }
    let vocabulary = size / (width + 1);
    Ok((Head::new(vocabulary, *width), vocabulary))
}

struct LogitsOp {
    layer: Head,
    /// The shape of the logits.
    shape: Shape,
}

impl CustomOp2 for LogitsOp {
    fn name(&self) -> &'static str {
        "logits"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        p: &CpuStorage,
        lp: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, params) = (operand(x, lx)?, operand(p, lp)?);
        let mut y = vec![0.0; self.shape.elem_count()];
        let rows = self.shape.dims().split_last().map_or(1, |(_, rows)| rows.iter().product());
        with_scratch(|scratch| self.layer.logits(rows, params, x, &mut y, scratch));
        Ok((CpuStorage::F32(y), self.shape.clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        p: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        gradients(x, p, dy, |params, x, dy, dx, dp| {
            self.layer.logits_backward(params, x, dy, dx, dp);
            Ok(())
        })
    }
}

struct LossOp {
    layer: Head,
    rows: usize,
    targets: Vec<f32>,
    saved: Saved,
}

impl CustomOp2 for LossOp {
    fn name(&self) -> &'static str {
        "head-loss"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        p: &CpuStorage,
        lp: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, params, mut loss) = (operand(x, lx)?, operand(p, lp)?, 0.0);
        self.saved.write(self.layer.saved_len(self.rows), |saved, scratch| {
            loss = self.layer.loss(self.rows, params, x, &self.targets, saved, scratch);
        });
        Ok((CpuStorage::F32(vec![loss]), Shape::from(())))
    }

    fn bwd(
        &self,
        x: &Tensor,
        p: &Tensor,
        _loss: &Tensor,
        d_loss: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        gradients(x, p, d_loss, |params, x, d_loss, dx, dp| {
            self.saved.read(|saved, scratch| {
                self.layer.backward(self.rows, params, x, saved, d_loss[0], dx, dp, scratch);
            })
        })
    }
}
