//! The convolution.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::support::{Saved, expect_some, gradient, numbers, operand, with_scratch};
use crate::Convolution;

/// `gelu(weight * x + bias)`; see [`Convolution`]. The number of outputs follows from the size of `packed`.
///
/// # Shapes
/// x (B, height, width, C); `packed`, of [`ConvolutionLayout`](crate::ConvolutionLayout), one dimension; the result
/// (B, height / stride, width / stride, O), both sides rounded up.
///
/// # Errors
/// If a shape does not fit, `stride` is zero, or a tensor is not `f32` on the CPU.
pub fn convolution(x: &Tensor, packed: &Tensor, stride: usize) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    expect_some("convolution", &[batch, height, width, channels, stride])?;
    let (size, each) = (packed.dims1()?, 9 * channels + 1);
    if size == 0 || !size.is_multiple_of(each) {
        bail!("convolution: {size} packed parameters fit no number of outputs from {channels} channels");
    }
    let layer = Convolution::new([height, width], [channels, size / each], stride);
    let [rows, columns] = layer.grid();
    let tracked = x.track_op() || packed.track_op();
    let shape = (batch, rows, columns, size / each).into();
    let op = ConvolutionOp { layer, shape, saved: tracked.then(Saved::default) };
    let (x, packed) = (x.contiguous()?, packed.contiguous()?);
    if tracked { x.apply_op2(&packed, op) } else { x.apply_op2_no_bwd(&packed, &op) }
}

struct ConvolutionOp {
    layer: Convolution,
    /// B, rows, columns, O.
    shape: Shape,
    /// None where no backward pass will come.
    saved: Option<Saved>,
}

impl CustomOp2 for ConvolutionOp {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        p: &CpuStorage,
        lp: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, params) = (operand(x, lx)?, operand(p, lp)?);
        let batch = self.shape.dims()[0];
        let mut y = vec![0.0; self.shape.elem_count()];
        match &self.saved {
            Some(saved) => saved.write(self.layer.saved_len(batch), |saved, scratch| {
                self.layer.forward(batch, params, x, &mut y, saved, scratch);
            }),
            None => with_scratch(|scratch| self.layer.infer(batch, params, x, &mut y, scratch)),
        }
        Ok((CpuStorage::F32(y), self.shape.clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        p: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Some(saved) = &self.saved else { bail!("convolution kept nothing for a backward pass") };
        let dy = dy.contiguous()?;
        let (maps, params, dy) = (numbers(x)?, numbers(p)?, numbers(&dy)?);
        // The first convolution's maps are images, data as a rule, and their gradient would be the larger half of its work.
        let mut dx = x.track_op().then(|| vec![0.0; maps.len()]);
        let mut dp = vec![0.0; params.len()];
        saved.read(|saved, scratch| {
            let batch = self.shape.dims()[0];
            self.layer.backward(batch, &params, &maps, saved, &dy, dx.as_deref_mut(), &mut dp, scratch);
        })?;
        Ok((dx.map(|dx| gradient(x, dx)).transpose()?.flatten(), gradient(p, dp)?))
    }
}
