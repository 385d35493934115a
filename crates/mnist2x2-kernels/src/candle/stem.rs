//! The stem.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::support::{Saved, expect_size, expect_some, gradient, numbers, operand, with_scratch};
use crate::Stem;

/// Convolutions, each `gelu(weight * x + bias)`, with these numbers of outputs and these strides; see [`Stem`].
///
/// # Shapes
/// images (B, height, width); `packed`, of one [`ConvolutionLayout`](crate::ConvolutionLayout) after the other, one
/// dimension; the result (B, rows, columns, O) as [`Stem::shape`] says.
///
/// # Errors
/// If a shape does not fit, there is no convolution, a stride is zero, or a tensor is not `f32` on the CPU.
pub fn stem(images: &Tensor, packed: &Tensor, convolutions: &[(usize, usize)]) -> Result<Tensor> {
    let (batch, height, width) = images.dims3()?;
    let sizes = convolutions.iter().flat_map(|&(outputs, stride)| [outputs, stride]);
    let sizes: Vec<usize> = [batch, height, width, convolutions.len()].into_iter().chain(sizes).collect();
    expect_some("stem", &sizes)?;
    let layer = Stem::new([height, width], convolutions);
    expect_size("stem", packed, layer.size())?;
    let [rows, columns, channels] = layer.shape();
    let tracked = images.track_op() || packed.track_op();
    let shape = (batch, rows, columns, channels).into();
    let op = StemOp { layer, shape, saved: tracked.then(Saved::default) };
    let (images, packed) = (images.contiguous()?, packed.contiguous()?);
    if tracked { images.apply_op2(&packed, op) } else { images.apply_op2_no_bwd(&packed, &op) }
}

struct StemOp {
    layer: Stem,
    /// B, rows, columns, O.
    shape: Shape,
    /// None where no backward pass will come.
    saved: Option<Saved>,
}

impl CustomOp2 for StemOp {
    fn name(&self) -> &'static str {
        "stem"
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
        let Some(saved) = &self.saved else { bail!("the stem kept nothing for a backward pass") };
        let dy = dy.contiguous()?;
        let (images, params, dy) = (numbers(x)?, numbers(p)?, numbers(&dy)?);
        // Images are data as a rule; to a wide first convolution their gradient would cost as much as all the rest of it.
        let mut dx = x.track_op().then(|| vec![0.0; images.len()]);
        let mut dp = vec![0.0; params.len()];
        saved.read(|saved, scratch| {
            let batch = self.shape.dims()[0];
            self.layer.backward(batch, &params, &images, saved, &dy, dx.as_deref_mut(), &mut dp, scratch);
        })?;
        Ok((dx.map(|dx| gradient(x, dx)).transpose()?.flatten(), gradient(p, dp)?))
    }
}
