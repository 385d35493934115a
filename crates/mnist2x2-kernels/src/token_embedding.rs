//! The embedding of tokens.

use std::ops::Range;

use candle_core::Result;

use crate::packed::TokenEmbeddingLayout;
use crate::sizes::{check_sizes, numbers_in};

/// `y[b, t] = token[tokens[b, t]] + pos[t]`: a learned vector for every token and one for every position.
///
/// # Shapes
/// tokens (B, T), y and its gradient (B, T, D), contiguous; parameters as [`TokenEmbeddingLayout`] says.
#[derive(Clone, Debug)]
pub struct TokenEmbedding {
    width: usize,
    layout: TokenEmbeddingLayout,
}

impl TokenEmbedding {
    /// The embedding of a vocabulary of V tokens at up to `positions` places into vectors of D = `width`.
    ///
    /// # Errors
    /// If a size is zero, or they make more numbers than memory holds.
    pub fn new(vocabulary: usize, positions: usize, width: usize) -> Result<Self> {
        let layout = TokenEmbeddingLayout::new(vocabulary, positions, width);
        check_sizes("token embedding", &[vocabulary, positions, width], layout.size())?;
        Ok(Self { width, layout })
    }

    /// Where the parameters lie in their slice.
    pub fn layout(&self) -> &TokenEmbeddingLayout {
        &self.layout
    }

    /// The forward pass over sequences of `length` tokens, the first at position `first` (0 unless decoding goes on).
    ///
    /// # Panics
    /// If a token is outside the vocabulary, a position is past the last, a slice is too short, or `length` is zero.
    pub fn forward(&self, length: usize, first: usize, params: &[f32], tokens: &[u32], y: &mut [f32]) {
        let y = &mut y[..numbers_in([tokens.len(), self.width])];
        for (i, (y, &token)) in y.chunks_exact_mut(self.width).zip(tokens).enumerate() {
            let (token, position) = self.places(token, first.saturating_add(i % length));
            for ((y, token), position) in y.iter_mut().zip(&params[token]).zip(&params[position]) {
                *y = token + position;
            }
        }
    }

    /// The backward pass over sequences of `length` tokens, the first at position `first`: writes `d_params`.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn backward(&self, length: usize, first: usize, tokens: &[u32], dy: &[f32], d_params: &mut [f32]) {
        let dy = &dy[..numbers_in([tokens.len(), self.width])];
        d_params[..self.layout.size()].fill(0.0);
        for (i, (dy, &token)) in dy.chunks_exact(self.width).zip(tokens).enumerate() {
            let (token, position) = self.places(token, first.saturating_add(i % length));
            for place in [token, position] {
                d_params[place].iter_mut().zip(dy).for_each(|(d, dy)| *d += dy);
            }
        }
    }

    /// Where the vectors of a token and of a position lie.
    fn places(&self, token: u32, position: usize) -> (Range<usize>, Range<usize>) {
        let row = |table: &Range<usize>, i: usize| {
            let rows = table.len() / self.width;
            assert!(i < rows, "token {token} or position {position} is outside its table");
            let start = table.start + i * self.width;
            start..start + self.width
        };
        (row(&self.layout.token, token as usize), row(&self.layout.pos, position))
    }
}
