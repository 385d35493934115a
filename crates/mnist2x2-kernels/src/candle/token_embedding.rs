//! The embedding of tokens.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::gradients::hand_over;
use super::support::{numbers, operand};
use crate::TokenEmbedding;
use crate::sizes::{check_sizes, numbers_in, sum};

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
    check_sizes("token embedding", &[batch, length, width], numbers_in([batch, length, width]))?;
    let (size, of_tokens, last) = (params.dims1()?, numbers_in([vocabulary, width]), sum([first, length]));
    if size < sum([of_tokens, numbers_in([last, width])]) || !size.is_multiple_of(width) {
        bail!(
            "token embedding: {size} parameters for {vocabulary} tokens at {last} positions of width {width}"
        );
    }
    let tokens = tokens.flatten_all()?.to_vec1::<u32>()?;
    if let Some(token) = tokens.iter().find(|&&token| token as usize >= vocabulary) {
        bail!("token embedding: token {token} is outside a vocabulary of {vocabulary}");
    }
    let layer = TokenEmbedding::new(vocabulary, (size - of_tokens) / width, width)?;
    let output = (batch, length, width).into();
    params.contiguous()?.apply_op1(Lookup { layer, length, first, tokens, output })
}

/// A token embedding for these tokens.
struct Lookup {
    layer: TokenEmbedding,
    length: usize,
    first: usize,
    tokens: Vec<u32>,
    output: Shape,
}

impl CustomOp1 for Lookup {
    fn name(&self) -> &'static str {
        "token-embedding"
    }

    fn cpu_fwd(&self, params: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (params, mut y) = (operand(params, layout)?, vec![0.0; self.output.elem_count()]);
        self.layer.forward(self.length, self.first, params, &self.tokens, &mut y);
        Ok((CpuStorage::F32(y), self.output.clone()))
    }

    fn bwd(&self, params: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let (dy, mut d_params) = (dy.contiguous()?, vec![0.0; params.elem_count()]);
        self.layer.backward(self.length, self.first, &self.tokens, &numbers(&dy)?, &mut d_params);
        hand_over(params, d_params)
    }
}
