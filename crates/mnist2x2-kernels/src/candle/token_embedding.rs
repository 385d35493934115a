//! The embedding of tokens, as an operation of candle.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::gradients::hand_over;
use super::support::{numbers, operand};
use crate::TokenEmbedding;
use crate::memory::Buffer;
use crate::sizes::{check_sizes, numbers_in, sum};

/// A token embedding for these tokens; see [`TokenEmbedding`].
#[derive(Debug)]
pub struct Lookup {
    layer: TokenEmbedding,
    length: usize,
    first: usize,
    tokens: Vec<u32>,
    output: Shape,
}

impl Lookup {
    /// The vectors of these tokens, the first of each sequence at position `first`.
    ///
    /// # Errors
    /// As [`token_embedding`](crate::token_embedding).
    pub fn new(
        tokens: &Tensor,
        params: &Tensor,
        [vocabulary, width]: [usize; 2],
        first: usize,
    ) -> Result<Self> {
        let (batch, length) = tokens.dims2()?;
        check_sizes("token embedding", &[batch, length, width], numbers_in([batch, length, width]))?;
        let (size, of_tokens, last) =
            (params.dims1()?, numbers_in([vocabulary, width]), sum([first, length]));
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
        Ok(Self { layer, length, first, tokens, output: (batch, length, width).into() })
    }

    /// The shape of the vectors: (B, T, D).
    pub(super) fn shape(&self) -> &Shape {
        &self.output
    }

    /// The vectors.
    pub(super) fn forward(&self, params: &[f32], y: &mut [f32]) {
        self.layer.forward(self.length, self.first, params, &self.tokens, y);
    }

    /// The gradient of the parameters.
    pub(super) fn backward(&self, dy: &[f32], d_params: &mut [f32]) {
        self.layer.backward(self.length, self.first, &self.tokens, dy, d_params);
    }
}

impl CustomOp1 for Lookup {
    fn name(&self) -> &'static str {
        "token-embedding"
    }

    fn cpu_fwd(&self, params: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (params, mut y) = (operand(params, layout)?, vec![0.0; self.output.elem_count()]);
        self.forward(params, &mut y);
        Ok((CpuStorage::F32(y), self.output.clone()))
    }

    fn bwd(&self, params: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let (dy, mut d_params) = (dy.contiguous()?, Buffer::new(params.elem_count()));
        self.backward(&numbers(&dy)?, &mut d_params);
        hand_over(params, d_params)
    }
}
