//! Attention of the newest token over keys and values kept from before; nothing here is recorded for gradients.

use candle_core::{Result, Tensor, bail};

use super::operand::Packed;
use super::support::{expect_size, numbers, with_scratch};
use crate::{AttentionLayer, CrossAttention, KeyValueCache, Scratch, SelfAttention};

/// [`self_attention`](crate::self_attention) with a causal mask for one more token of each sequence of `cache`, whose
/// key and value join the cache.
///
/// # Shapes
/// x (B, 1, D); `params` as for [`self_attention`](crate::self_attention); the result (B, 1, D).
///
/// # Errors
/// If a shape does not fit, the cache is full, or a tensor is not `f32` on the CPU.
pub fn self_attention_step(
    x: &Tensor,
    params: impl Into<Packed>,
    heads: usize,
    cache: &mut KeyValueCache,
) -> Result<Tensor> {
    let width = newest("self-attention step", x, cache)?;
    if cache.is_full() {
        bail!("self-attention step: the cache holds {} tokens and no more", cache.len());
    }
    let layer = SelfAttention::new(width, heads, true)?;
    step("self-attention step", &layer, x, &params.into(), |transposed, x, y, scratch| {
        layer.step(transposed, x, y, cache, scratch);
    })
}

/// The keys and values of a memory, for every [`cross_attention_step`] over it.
///
/// # Shapes
/// memory (B, N, D); `params` as for [`cross_attention`](crate::cross_attention).
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn project_memory(memory: &Tensor, params: impl Into<Packed>, heads: usize) -> Result<KeyValueCache> {
    let (batch, places, width) = memory.dims3()?;
    let (layer, Packed { values, transposed }) = (CrossAttention::new(width, heads)?, params.into());
    expect_size("project_memory", &values, layer.size())?;
    let (memory, params) = (memory.contiguous()?, values.contiguous()?);
    let mut cache = KeyValueCache::new(batch, places, width)?;
    let (memory, params) = (numbers(&memory)?, numbers(&params)?);
    transposed.with(&layer, &params, |transposed| {
        with_scratch(|scratch| layer.project_memory(transposed, &memory, &mut cache, scratch));
    });
    Ok(cache)
}

/// [`cross_attention`](crate::cross_attention) for one token of each sequence, over a memory that was given to
/// [`project_memory`].
///
/// # Shapes
/// x (B, 1, D); `params` as for [`cross_attention`](crate::cross_attention); the result (B, 1, D).
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn cross_attention_step(
    x: &Tensor,
    params: impl Into<Packed>,
    heads: usize,
    memory: &KeyValueCache,
) -> Result<Tensor> {
    let width = newest("cross-attention step", x, memory)?;
    if memory.is_empty() {
        bail!("cross-attention step: nothing was remembered");
    }
    let layer = CrossAttention::new(width, heads)?;
    step("cross-attention step", &layer, x, &params.into(), |transposed, x, y, scratch| {
        layer.step(transposed, x, y, memory, scratch);
    })
}

/// Runs a kernel that makes y, of the shape of x, from the layer's transposed parameters and x.
fn step<const N: usize>(
    what: &str,
    layer: &AttentionLayer<N>,
    x: &Tensor,
    Packed { values, transposed }: &Packed,
    kernel: impl FnOnce(&[f32], &[f32], &mut [f32], &mut Scratch),
) -> Result<Tensor> {
    expect_size(what, values, layer.size())?;
    let (x, params) = (x.contiguous()?, values.contiguous()?);
    let mut y = vec![0.0; x.elem_count()];
    let (of_x, of_params) = (numbers(&x)?, numbers(&params)?);
    transposed.with(layer, &of_params, |transposed| {
        with_scratch(|scratch| kernel(transposed, &of_x, &mut y, scratch));
    });
    Tensor::from_vec(y, x.shape(), x.device())
}

/// The width of x, which must hold one token for each sequence of the cache.
fn newest(what: &str, x: &Tensor, cache: &KeyValueCache) -> Result<usize> {
    let (batch, tokens, width) = x.dims3()?;
    if tokens != 1 || (batch, width) != (cache.batch(), cache.width()) {
        bail!(
            "{what}: x of shape {:?} beside a cache of {} sequences of width {}",
            x.dims(),
            cache.batch(),
            cache.width()
        );
    }
    Ok(width)
}
