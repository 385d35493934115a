//! The sub-layers, and what is between pixels and tokens and them.

use candle_core::{Result, Shape, Tensor, bail};

use super::operand::{Cut, Layer, Operand, Packed};
use super::token_embedding::Lookup;
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
pub fn stem<X: Operand>(images: &X, params: impl Into<Packed>, convolutions: &[(usize, usize)]) -> Result<X> {
    let params = &params.into();
    let (batch, height, width) = images.shape().dims3()?;
    let layer = Stem::new([height, width], convolutions)?;
    let [rows, columns, channels] = layer.shape();
    X::apply(Layer::Stem(layer, [batch]), &[images], params, (batch, rows, columns, channels).into())
}

/// The patches of each map, row by row, each with its numbers row by row.
///
/// # Shapes
/// maps (B, height, ...), with rows of any rank; the result (B, N, P) for patches of `rows` rows and `columns` numbers of a row.
///
/// # Errors
/// If patches do not fill the maps.
pub fn cut_patches<X: Operand>(maps: &X, (rows, columns): (usize, usize)) -> Result<X> {
    let &[batch, height, ref row @ ..] = maps.shape().dims() else { bail!("patches of no maps") };
    let width: usize = row.iter().product();
    if [rows, columns].contains(&0) || !height.is_multiple_of(rows) || !width.is_multiple_of(columns) {
        bail!("patches of {rows} x {columns} numbers do not fill maps of {height} x {width}");
    }
    maps.patches(Cut { batch, down: height / rows, rows, across: width / columns, columns })
}

/// `proj(patches) + pos`; see [`PatchEmbedding`]. The width follows from the size of `params`.
///
/// # Shapes
/// patches (B, N, P); `params`, of [`PatchEmbeddingLayout`](crate::PatchEmbeddingLayout), one dimension; the result
/// (B, N, D).
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn patch_embedding<X: Operand>(patches: &X, params: impl Into<Packed>) -> Result<X> {
    let params = &params.into();
    let (batch, positions, pixels) = patches.shape().dims3()?;
    let (size, each) = (params.values.dims1()?, sum([pixels, 1, positions]));
    if size == 0 || !size.is_multiple_of(each) {
        bail!("patch embedding: {size} parameters fit no width for {positions} patches of {pixels} numbers");
    }
    let layer = PatchEmbedding::new(positions, pixels, size / each)?;
    let output = (batch, positions, size / each).into();
    X::apply(Layer::PatchEmbedding(layer, [batch]), &[patches], params, output)
}

/// `token[tokens] + pos`; see [`TokenEmbedding`](crate::TokenEmbedding). The number of positions follows from the size of `params`.
///
/// # Shapes
/// tokens (B, T) of `u32`; `params`, of [`TokenEmbeddingLayout`](crate::TokenEmbeddingLayout), one dimension; the result
/// (B, T, D) with D = `width`. The first token of each sequence is at position `first`: 0 unless decoding goes on.
///
/// # Errors
/// If a shape does not fit, a token is not below V = `vocabulary`, there are more tokens than positions, or `params` is
/// not `f32` on the CPU.
pub fn token_embedding(
    tokens: &Tensor,
    params: &Tensor,
    vocabulary: usize,
    width: usize,
    first: usize,
) -> Result<Tensor> {
    params.look_up(Lookup::new(tokens, params, [vocabulary, width], first)?, params)
}

/// `x + out(attention(qkv(norm(x))))`, with a causal mask on request; see [`SelfAttention`].
///
/// # Shapes
/// x (B, T, D); `params`, of [`SelfAttentionLayout`](crate::SelfAttentionLayout), one dimension; the result (B, T, D).
///
/// # Errors
/// If a shape does not fit, `heads` does not divide D, or a tensor is not `f32` on the CPU.
pub fn self_attention<X: Operand>(x: &X, params: impl Into<Packed>, heads: usize, causal: bool) -> Result<X> {
    let params = &params.into();
    let (batch, tokens, width) = x.shape().dims3()?;
    let layer = SelfAttention::new(width, heads, causal)?;
    X::apply(Layer::SelfAttention(layer, [batch, tokens, tokens]), &[x], params, x.shape().clone())
}

/// `x + out(attention(q(norm(x)), kv(memory)))`; see [`CrossAttention`].
///
/// # Shapes
/// x (B, T, D); memory (B, N, D); `params`, of [`CrossAttentionLayout`](crate::CrossAttentionLayout), one dimension; the
/// result (B, T, D).
///
/// # Errors
/// If a shape does not fit, `heads` does not divide D, or a tensor is not `f32` on the CPU.
pub fn cross_attention<X: Operand>(x: &X, memory: &X, params: impl Into<Packed>, heads: usize) -> Result<X> {
    let params = &params.into();
    let (batch, tokens, width) = x.shape().dims3()?;
    let (of_memory, places, memory_width) = memory.shape().dims3()?;
    if (of_memory, memory_width) != (batch, width) {
        bail!(
            "cross-attention: a memory of shape {:?} beside x of {:?}",
            memory.shape().dims(),
            x.shape().dims()
        );
    }
    let layer = CrossAttention::new(width, heads)?;
    let layer = Layer::CrossAttention(layer, [batch, tokens, places]);
    X::apply(layer, &[x, memory], params, x.shape().clone())
}

/// `x + fc2(gelu(fc1(norm(x))))`; see [`Mlp`]. The inner width follows from the size of `params`.
///
/// # Shapes
/// x (..., D); `params`, of [`MlpLayout`](crate::MlpLayout), one dimension; the result as x.
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn mlp<X: Operand>(x: &X, params: impl Into<Packed>) -> Result<X> {
    let params = &params.into();
    let Some(&width) = x.shape().dims().last() else { bail!("mlp: x is a scalar") };
    let layer = Mlp::new(width, hidden(width, params.values.dims1()?)?)?;
    X::apply(Layer::Mlp(layer, [x.shape().elem_count() / width]), &[x], params, x.shape().clone())
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
pub fn logits<X: Operand>(x: &X, params: impl Into<Packed>) -> Result<X> {
    let params = &params.into();
    let (layer, vocabulary) = head("logits", x.shape(), params)?;
    let (x_dims, last) = (x.shape().dims(), x.shape().rank() - 1);
    let (rest, rows) = (&x_dims[..last], x.shape().elem_count() / x_dims[last]);
    let output = Shape::from([rest, &[vocabulary]].concat());
    X::apply(Layer::Head(layer, [rows]), &[x], params, output)
}

/// The mean cross-entropy of [`logits`] against target distributions, a scalar, without the logits as a tensor in between.
///
/// # Shapes
/// x (..., D); `params` as for [`logits`]; targets (..., V) of `f32`, which get no gradient.
///
/// # Errors
/// If a shape does not fit, or a tensor is not `f32` on the CPU.
pub fn head_loss<X: Operand>(x: &X, params: impl Into<Packed>, targets: &X) -> Result<X> {
    let params = &params.into();
    let (layer, vocabulary) = head("loss", x.shape(), params)?;
    let (x_dims, of_targets) = (x.shape().dims(), targets.shape().dims());
    let rows = x_dims.split_last().map_or(&[][..], |(_, rows)| rows);
    if of_targets != [rows, &[vocabulary]].concat() {
        bail!("loss: targets of shape {of_targets:?} for x of shape {x_dims:?}");
    }
    let (rows, targets) = (rows.iter().product(), targets.data());
    X::apply(Layer::HeadLoss(layer.loss(), [rows]), &[x, &targets], params, ().into())
}

/// The head that these shapes ask for, and its vocabulary.
fn head(what: &str, x: &Shape, params: &Packed) -> Result<(Head, usize)> {
    let (Some(width), size) = (x.dims().last(), params.values.dims1()?) else {
        bail!("{what}: x is a scalar")
    };
    let each = sum([*width, 1]);
    if size == 0 || !size.is_multiple_of(each) {
        bail!("{what}: {size} parameters fit no vocabulary beside a width of {width}");
    }
    let vocabulary = size / each;
    Ok((Head::new(vocabulary, *width)?, vocabulary))
}
