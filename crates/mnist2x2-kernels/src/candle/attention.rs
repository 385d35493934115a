//! Self-attention and cross-attention.

use candle_core::{Result, Tensor, bail};

use super::op::apply;
use super::support::expect_heads;
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
    apply(("self-attention", layer), [batch, tokens], [x], params, x.shape().clone())
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
    apply(("cross-attention", layer), sizes, [x, memory], params, x.shape().clone())
}
