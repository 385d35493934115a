//! Self-attention and cross-attention.

use candle_core::{Result, Tensor, bail};

use super::op::{Pass, SubLayer};
use super::support::{expect_heads, expect_size};
use crate::{CrossAttention, SelfAttention};

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
    let sizes = [batch, tokens];
    let (output, saved_len) = (x.shape().clone(), layer.saved_len(sizes));
    let op = SubLayer { name: "self-attention", output, saved_len, reads_data: false };
    op.apply(&[x], params, move |params, x, pass, scratch| match pass {
        Pass::Infer { y } => layer.infer(sizes, params, x[0], y, scratch),
        Pass::Forward { y, saved } => layer.forward(sizes, params, x[0], y, saved, scratch),
        Pass::Backward { saved, dy, dx, d_params } => {
            layer.backward(sizes, params, x[0], saved, dy, &mut dx[0], d_params, scratch);
        }
    })
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
    let (output, saved_len) = (x.shape().clone(), layer.saved_len(sizes));
    let op = SubLayer { name: "cross-attention", output, saved_len, reads_data: false };
    op.apply(&[x, memory], params, move |params, x, pass, scratch| match pass {
        Pass::Infer { y } => layer.infer(sizes, params, [x[0], x[1]], y, scratch),
        Pass::Forward { y, saved } => layer.forward(sizes, params, [x[0], x[1]], y, saved, scratch),
        Pass::Backward { saved, dy, dx, d_params } => {
            let (dx, d_memory) = dx.split_at_mut(1);
            let gradients = [&mut dx[0][..], &mut d_memory[0]];
            layer.backward(sizes, params, [x[0], x[1]], saved, dy, gradients, d_params, scratch);
        }
    })
}
