//! The feed-forward sub-layer.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::support::{Saved, expect_some, gradients, operand, with_scratch};
use crate::Mlp;

/// `x + fc2(gelu(fc1(norm(x))))`; see [`Mlp`]. The inner width follows from the size of `packed`.
///
/// # Shapes
/// x (..., D); `packed`, of [`MlpLayout`](crate::MlpLayout), one dimension; the result as x.
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn mlp(x: &Tensor, packed: &Tensor) -> Result<Tensor> {
    let Some(&width) = x.dims().last() else { bail!("mlp: x is a scalar") };
    expect_some("mlp", x.dims())?;
    let layer = Mlp::new(width, hidden(width, packed.dims1()?)?);
    let tracked = x.track_op() || packed.track_op();
    let op = MlpOp { layer, rows: x.elem_count() / width, saved: tracked.then(Saved::default) };
    let (x, packed) = (x.contiguous()?, packed.contiguous()?);
    if tracked { x.apply_op2(&packed, op) } else { x.apply_op2_no_bwd(&packed, &op) }
}

/// The inner width F of `3 D + F (2 D + 1)` parameters.
fn hidden(width: usize, size: usize) -> Result<usize> {
    let (outside, each) = (3 * width, 2 * width + 1);
    if size <= outside || !(size - outside).is_multiple_of(each) {
        bail!("mlp: {size} packed parameters fit no inner width beside a width of {width}");
    }
    Ok((size - outside) / each)
}

struct MlpOp {
    layer: Mlp,
    rows: usize,
    /// None where no backward pass will come.
    saved: Option<Saved>,
}

impl CustomOp2 for MlpOp {
    fn name(&self) -> &'static str {
        "mlp"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        p: &CpuStorage,
        lp: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, params) = (operand(x, lx)?, operand(p, lp)?);
        let mut y = vec![0.0; x.len()];
        match &self.saved {
            Some(saved) => saved.write(self.layer.saved_len(self.rows), |saved, scratch| {
                self.layer.forward(self.rows, params, x, &mut y, saved, scratch);
            }),
            None => with_scratch(|scratch| self.layer.infer(self.rows, params, x, &mut y, scratch)),
        }
        Ok((CpuStorage::F32(y), lx.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        p: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Some(saved) = &self.saved else { bail!("mlp kept nothing for a backward pass") };
        gradients(x, p, dy, |params, x, dy, dx, dp| {
            saved.read(|saved, scratch| {
                self.layer.backward(self.rows, params, x, saved, dy, dx, dp, scratch);
            })
        })
    }
}
