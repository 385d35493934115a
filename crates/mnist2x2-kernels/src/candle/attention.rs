//! Self-attention and cross-attention.

use candle_core::{Result, Shape, Tensor, bail};

use super::op::{Backward, SubLayer, apply};
use super::support::{expect_heads, expect_size};
use crate::{CrossAttention, Scratch, SelfAttention};

/// `x + out(attention(qkv(norm(x))))`, with a causal mask on request; see [`SelfAttention`].
///
/// # Shapes
/// x (B, T, D); `params`, of [`SelfAttentionLayout`](crate::SelfAttentionLayout), one dimension; the result (B, T, D).
///
/// # Errors
/// If a shape does not fit, `heads` does not divide D, or a tensor is not `f32` on the CPU.
pub fn self_attention(x: &Tensor, params: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    let (batch, tokens, width) = x.dims3()?;
    expect_heads("self-attention", x.dims(), width, heads)?;
    let layer = SelfAttention::new(width, heads, causal);
    expect_size("self-attention", params, layer.layout().size())?;
    apply(SelfAttentionOp { layer, width, sizes: [batch, tokens] }, &[x], params)
}

/// `x + out(attention(q(norm(x)), kv(memory)))`; see [`CrossAttention`].
///
/// # Shapes
/// x (B, T, D); memory (B, N, D); `params`, of [`CrossAttentionLayout`](crate::CrossAttentionLayout), one dimension; the
/// result (B, T, D).
///
/// # Errors
/// If a shape does not fit, `heads` does not divide D, or a tensor is not `f32` on the CPU.
pub fn cross_attention(x: &Tensor, memory: &Tensor, params: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, tokens, width) = x.dims3()?;
    let (of_memory, places, memory_width) = memory.dims3()?;
    if (of_memory, memory_width) != (batch, width) {
        bail!("cross-attention: a memory of shape {:?} beside x of {:?}", memory.dims(), x.dims());
    }
    let sizes = [batch, tokens, places];
    expect_heads("cross-attention", &sizes, width, heads)?;
    let layer = CrossAttention::new(width, heads);
    expect_size("cross-attention", params, layer.layout().size())?;
    apply(CrossAttentionOp { layer, width, sizes }, &[x, memory], params)
}

struct SelfAttentionOp {
    layer: SelfAttention,
    width: usize,
    /// B, T.
    sizes: [usize; 2],
}

impl SubLayer for SelfAttentionOp {
    const NAME: &'static str = "self-attention";

    fn output(&self) -> Shape {
        let [batch, tokens] = self.sizes;
        (batch, tokens, self.width).into()
    }

    fn saved_len(&self) -> usize {
        self.layer.saved_len(self.sizes)
    }

    fn forward(&self, params: &[f32], x: &[&[f32]], y: &mut [f32], saved: &mut [f32], scratch: &mut Scratch) {
        self.layer.forward(self.sizes, params, x[0], y, saved, scratch);
    }

    fn infer(&self, params: &[f32], x: &[&[f32]], y: &mut [f32], scratch: &mut Scratch) {
        self.layer.infer(self.sizes, params, x[0], y, scratch);
    }

    fn backward(&self, pass: Backward, dx: &mut [Vec<f32>], d_params: &mut [f32], scratch: &mut Scratch) {
        let Backward { params, inputs, saved, dy } = pass;
        self.layer.backward(self.sizes, params, inputs[0], saved, dy, &mut dx[0], d_params, scratch);
    }
}

struct CrossAttentionOp {
    layer: CrossAttention,
    width: usize,
    /// B, T, N.
    sizes: [usize; 3],
}

impl SubLayer for CrossAttentionOp {
    const NAME: &'static str = "cross-attention";

    fn output(&self) -> Shape {
        let [batch, tokens, _] = self.sizes;
        (batch, tokens, self.width).into()
    }

    fn saved_len(&self) -> usize {
        self.layer.saved_len(self.sizes)
    }

    fn forward(&self, params: &[f32], x: &[&[f32]], y: &mut [f32], saved: &mut [f32], scratch: &mut Scratch) {
        self.layer.forward(self.sizes, params, [x[0], x[1]], y, saved, scratch);
    }

    fn infer(&self, params: &[f32], x: &[&[f32]], y: &mut [f32], scratch: &mut Scratch) {
        self.layer.infer(self.sizes, params, [x[0], x[1]], y, scratch);
    }

    fn backward(&self, pass: Backward, dx: &mut [Vec<f32>], d_params: &mut [f32], scratch: &mut Scratch) {
        let Backward { params, inputs: x, saved, dy } = pass;
        let [dx, d_memory] = dx else { unreachable!("cross-attention has two inputs") };
        let gradients = [&mut dx[..], d_memory];
        self.layer.backward(self.sizes, params, [x[0], x[1]], saved, dy, gradients, d_params, scratch);
    }
}
