//! The embeddings of patches and of tokens.

use candle_core::{Result, Shape, Tensor, bail};

use super::op::{Backward, SubLayer, apply};
use super::support::expect_some;
use crate::{PatchEmbedding, Scratch, TokenEmbedding};

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
    apply(PatchEmbeddingOp { layer, sizes: [batch, positions, size / each] }, &[patches], params)
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
    apply(TokenEmbeddingOp { layer, sizes: [batch, length, width], first, tokens }, &[], params)
}

struct PatchEmbeddingOp {
    layer: PatchEmbedding,
    /// B, N, D.
    sizes: [usize; 3],
}

impl SubLayer for PatchEmbeddingOp {
    const NAME: &'static str = "patch-embedding";
    /// The gradient of images would cost as much as all the rest here.
    const READS_DATA: bool = true;

    fn output(&self) -> Shape {
        (&self.sizes).into()
    }

    fn saved_len(&self) -> usize {
        0
    }

    fn forward(&self, params: &[f32], x: &[&[f32]], y: &mut [f32], _: &mut [f32], scratch: &mut Scratch) {
        self.layer.forward(self.sizes[0], params, x[0], y, scratch);
    }

    fn backward(&self, pass: Backward, dx: &mut [Vec<f32>], d_params: &mut [f32], _: &mut Scratch) {
        let dx = (!dx[0].is_empty()).then_some(&mut dx[0][..]);
        self.layer.backward(self.sizes[0], pass.params, pass.inputs[0], pass.dy, dx, d_params);
    }
}

struct TokenEmbeddingOp {
    layer: TokenEmbedding,
    /// B, T, D.
    sizes: [usize; 3],
    first: usize,
    tokens: Vec<u32>,
}

impl SubLayer for TokenEmbeddingOp {
    const NAME: &'static str = "token-embedding";

    fn output(&self) -> Shape {
        (&self.sizes).into()
    }

    fn saved_len(&self) -> usize {
        0
    }

    fn forward(&self, params: &[f32], _: &[&[f32]], y: &mut [f32], _: &mut [f32], _: &mut Scratch) {
        self.layer.forward(self.sizes[1], self.first, params, &self.tokens, y);
    }

    fn backward(&self, pass: Backward, _: &mut [Vec<f32>], d_params: &mut [f32], _: &mut Scratch) {
        self.layer.backward(self.sizes[1], self.first, &self.tokens, pass.dy, d_params);
    }
}
