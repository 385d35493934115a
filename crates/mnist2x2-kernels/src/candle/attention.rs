//! Self-attention and cross-attention.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::support::{Saved, expect_heads, expect_size, gradient, gradients, numbers, operand, with_scratch};
use crate::{CrossAttention, SelfAttention};

/// `x + out(attention(qkv(norm(x))))`, with a causal mask on request; see [`SelfAttention`].
///
/// # Shapes
/// x (B, T, D); `packed`, of [`SelfAttentionLayout`](crate::SelfAttentionLayout), one dimension; the result (B, T, D).
///
/// # Errors
/// If a shape does not fit, `heads` does not divide D, or a tensor is not `f32` on the CPU.
pub fn self_attention(x: &Tensor, packed: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    let (batch, tokens, width) = x.dims3()?;
    expect_heads("self-attention", x.dims(), width, heads)?;
    let layer = SelfAttention::new(width, heads, causal);
    expect_size("self-attention", packed, layer.layout().size())?;
    let tracked = x.track_op() || packed.track_op();
    let op = SelfAttentionOp { layer, sizes: [batch, tokens], saved: tracked.then(Saved::default) };
    let (x, packed) = (x.contiguous()?, packed.contiguous()?);
    if tracked { x.apply_op2(&packed, op) } else { x.apply_op2_no_bwd(&packed, &op) }
}

/// `x + out(attention(q(norm(x)), kv(memory)))`; see [`CrossAttention`].
///
/// # Shapes
/// x (B, T, D); memory (B, N, D); `packed`, of [`CrossAttentionLayout`](crate::CrossAttentionLayout), one dimension; the
/// result (B, T, D).
///
/// # Errors
/// If a shape does not fit, `heads` does not divide D, or a tensor is not `f32` on the CPU.
pub fn cross_attention(x: &Tensor, memory: &Tensor, packed: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, tokens, width) = x.dims3()?;
    let (of_memory, places, memory_width) = memory.dims3()?;
    if (of_memory, memory_width) != (batch, width) {
        bail!("cross-attention: a memory of shape {:?} beside x of {:?}", memory.dims(), x.dims());
    }
    let sizes = [batch, tokens, places];
    expect_heads("cross-attention", &sizes, width, heads)?;
    let layer = CrossAttention::new(width, heads);
    expect_size("cross-attention", packed, layer.layout().size())?;
    let tracked = x.track_op() || memory.track_op() || packed.track_op();
    let op = CrossAttentionOp { layer, sizes, saved: tracked.then(Saved::default) };
    let (x, memory, packed) = (x.contiguous()?, memory.contiguous()?, packed.contiguous()?);
    if tracked { x.apply_op3(&memory, &packed, op) } else { x.apply_op3_no_bwd(&memory, &packed, &op) }
}

struct SelfAttentionOp {
    layer: SelfAttention,
    sizes: [usize; 2],
    /// None where no backward pass will come.
    saved: Option<Saved>,
}

impl CustomOp2 for SelfAttentionOp {
    fn name(&self) -> &'static str {
        "self-attention"
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
            Some(saved) => saved.write(self.layer.saved_len(self.sizes), |saved, scratch| {
                self.layer.forward(self.sizes, params, x, &mut y, saved, scratch);
            }),
            None => with_scratch(|scratch| self.layer.infer(self.sizes, params, x, &mut y, scratch)),
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
        let Some(saved) = &self.saved else { bail!("self-attention kept nothing for a backward pass") };
        gradients(x, p, dy, |params, x, dy, dx, dp| {
            saved.read(|saved, scratch| {
                self.layer.backward(self.sizes, params, x, saved, dy, dx, dp, scratch);
            })
        })
    }
}

struct CrossAttentionOp {
    layer: CrossAttention,
    sizes: [usize; 3],
    /// None where no backward pass will come.
    saved: Option<Saved>,
}

impl CustomOp3 for CrossAttentionOp {
    fn name(&self) -> &'static str {
        "cross-attention"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        memory: &CpuStorage,
        lm: &Layout,
        p: &CpuStorage,
        lp: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (inputs, params) = ([operand(x, lx)?, operand(memory, lm)?], operand(p, lp)?);
        let mut y = vec![0.0; inputs[0].len()];
        match &self.saved {
            Some(saved) => saved.write(self.layer.saved_len(self.sizes), |saved, scratch| {
                self.layer.forward(self.sizes, params, inputs, &mut y, saved, scratch);
            }),
            None => with_scratch(|scratch| self.layer.infer(self.sizes, params, inputs, &mut y, scratch)),
        }
        Ok((CpuStorage::F32(y), lx.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        memory: &Tensor,
        p: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(saved) = &self.saved else { bail!("cross-attention kept nothing for a backward pass") };
        let dy = dy.contiguous()?;
        let (of_x, of_memory, of_p) = (numbers(x)?, numbers(memory)?, numbers(p)?);
        let dy = numbers(&dy)?;
        let (mut dx, mut dm) = (vec![0.0; of_x.len()], vec![0.0; of_memory.len()]);
        let mut dp = vec![0.0; of_p.len()];
        saved.read(|saved, scratch| {
            let (inputs, gradients) = ([&*of_x, &*of_memory], [&mut dx[..], &mut dm]);
            self.layer.backward(self.sizes, &of_p, inputs, saved, &dy, gradients, &mut dp, scratch);
        })?;
        Ok((gradient(x, dx)?, gradient(memory, dm)?, gradient(p, dp)?))
    }
}
