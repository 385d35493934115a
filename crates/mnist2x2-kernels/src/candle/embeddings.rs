//! The embeddings of patches and of tokens.

use candle_core::{Result, Tensor, bail};

use super::op::{Pass, SubLayer};
use super::support::expect_some;
use crate::{PatchEmbedding, TokenEmbedding};

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
    expect_some("patch embedding", patches.dims())?;
    let (size, each) = (params.dims1()?, pixels + 1 + positions);
    if size == 0 || !size.is_multiple_of(each) {
        bail!("patch embedding: {size} parameters fit no width for {positions} patches of {pixels} numbers");
    }
    let layer = PatchEmbedding::new(positions, pixels, size / each);
    let output = (batch, positions, size / each).into();
    let op = SubLayer { name: "patch-embedding", output, saved_len: 0, reads_data: true };
    op.apply(&[patches], params, move |params, x, pass, scratch| match pass {
        Pass::Infer { y } | Pass::Forward { y, .. } => layer.forward(batch, params, x[0], y, scratch),
        Pass::Backward { dy, dx, d_params, .. } => {
            let dx = (!dx[0].is_empty()).then_some(&mut dx[0][..]);
            layer.backward(batch, params, x[0], dy, dx, d_params);
        }
    })
}

/// `token[tokens] + pos`; see [`TokenEmbedding`]. The number of positions follows from the size of `params`.
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
    let (batch, length) = tokens.dims2()?;
    expect_some("token embedding", &[batch, length, width])?;
    let (size, of_tokens, last) = (params.dims1()?, vocabulary * width, first + length);
    if size < of_tokens + last * width || !size.is_multiple_of(width) {
        bail!(
            "token embedding: {size} parameters for {vocabulary} tokens at {last} positions of width {width}"
        );
    }
    let tokens = tokens.flatten_all()?.to_vec1::<u32>()?;
    if let Some(token) = tokens.iter().find(|&&token| token as usize >= vocabulary) {
        bail!("token embedding: token {token} is outside a vocabulary of {vocabulary}");
    }
    let layer = TokenEmbedding::new(vocabulary, (size - of_tokens) / width, width);
    let output = (batch, length, width).into();
    let op = SubLayer { name: "token-embedding", output, saved_len: 0, reads_data: false };
    op.apply(&[], params, move |params, _, pass, _| match pass {
        Pass::Infer { y } | Pass::Forward { y, .. } => layer.forward(length, first, params, &tokens, y),
        Pass::Backward { dy, d_params, .. } => layer.backward(length, first, &tokens, dy, d_params),
    })
}
