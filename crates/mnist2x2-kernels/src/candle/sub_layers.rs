//! The sub-layers that read one or two tensors of `f32`.

use candle_core::{Result, Shape, Tensor, bail};

use super::op::apply;
use crate::sizes::{numbers_in, sum};
use crate::{CrossAttention, Head, Mlp, PatchEmbedding, SelfAttention, Stem};

/// Convolutions, each `gelu(weight * x + bias)`, with these numbers of outputs and these strides; see [`Stem`].
///
/// # Shapes
/// images (B, height, width); `params`, of one [`ConvolutionLayout`](crate::ConvolutionLayout) after the other, one
/// dimension; the result (B, rows, columns, O) as [`Stem::shape`] says.
///
/// # Errors
/// If a shape does not fit, there is no convolution, a stride is zero, or a tensor is not `f32` on the CPU.
pub fn stem(images: &Tensor, params: &Tensor, convolutions: &[(usize, usize)]) -> Result<Tensor> {
    let (batch, height, width) = images.dims3()?;
    let layer = Stem::new([height, width], convolutions)?;
    let [rows, columns, channels] = layer.shape();
    apply(("stem", layer), [batch], [images], params, (batch, rows, columns, channels).into())
}

/// `proj(patches) + pos`; see [`PatchEmbedding`]. The width follows from the size of `params`.
///
/// # Shapes
/// patches (B, N, P); `params`, of [`PatchEmbeddingLayout`](crate::PatchEmbeddingLayout), one dimension; the result
/// (B, N, D).
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn patch_embedding(patches: &Tensor, params: &Tensor) -> Result<Tensor> {
    let (batch, positions, pixels) = patches.dims3()?;
    let (size, each) = (params.dims1()?, sum([pixels, 1, positions]));
    if size == 0 || !size.is_multiple_of(each) {
        bail!("patch embedding: {size} parameters fit no width for {positions} patches of {pixels} numbers");
    }
    let layer = PatchEmbedding::new(positions, pixels, size / each)?;
    apply(("patch-embedding", layer), [batch], [patches], params, (batch, positions, size / each).into())
}

/// `x + out(attention(qkv(norm(x))))`, with a causal mask on request; see [`SelfAttention`].
///
/// # Shapes
/// x (B, T, D); `params`, of [`SelfAttentionLayout`](crate::SelfAttentionLayout), one dimension; the result (B, T, D).
///
/// # Errors
/// If a shape does not fit, `heads` does not divide D, or a tensor is not `f32` on the CPU.
pub fn self_attention(x: &Tensor, params: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    let (batch, tokens, width) = x.dims3()?;
    let layer = SelfAttention::new(width, heads, causal)?;
    apply(("self-attention", layer), [batch, tokens, tokens], [x], params, x.shape().clone())
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
    let layer = CrossAttention::new(width, heads)?;
    apply(("cross-attention", layer), [batch, tokens, places], [x, memory], params, x.shape().clone())
}

/// `x + fc2(gelu(fc1(norm(x))))`; see [`Mlp`]. The inner width follows from the size of `params`.
///
/// # Shapes
/// x (..., D); `params`, of [`MlpLayout`](crate::MlpLayout), one dimension; the result as x.
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn mlp(x: &Tensor, params: &Tensor) -> Result<Tensor> {
    let Some(&width) = x.dims().last() else { bail!("mlp: x is a scalar") };
    let layer = Mlp::new(width, hidden(width, params.dims1()?)?)?;
    apply(("mlp", layer), [x.elem_count() / width], [x], params, x.shape().clone())
}

/// The inner width F of `3 D + F (2 D + 1)` parameters.
fn hidden(width: usize, size: usize) -> Result<usize> {
    let (outside, each) = (numbers_in([3, width]), sum([numbers_in([2, width]), 1]));
    if size <= outside || !(size - outside).is_multiple_of(each) {
        bail!("mlp: {size} parameters fit no inner width beside a width of {width}");
    }
    Ok((size - outside) / each)
}

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
    apply(("logits", layer), [rows], [x], params, output)
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
    let (rows, targets) = (rows.iter().product(), targets.detach());
    apply(("head-loss", layer.loss()), [rows], [x, &targets], params, ().into())
}

/// The head that these shapes ask for, and its vocabulary.
fn head(what: &str, x: &Tensor, params: &Tensor) -> Result<(Head, usize)> {
    let (Some(width), size) = (x.dims().last(), params.dims1()?) else { bail!("{what}: x is a scalar") };
    let each = sum([*width, 1]);
    if size == 0 || !size.is_multiple_of(each) {
        bail!("{what}: {size} parameters fit no vocabulary beside a width of {width}");
    }
    let vocabulary = size / each;
    Ok((Head::new(vocabulary, *width)?, vocabulary))
}
