//! From tokens to vectors and back: the decoder's embedding and its head (Vaswani et al., 2017, section 3.4).

use candle_core::{D, DType, Module, Result, Tensor};
use candle_nn::ops::log_softmax;
use candle_nn::{Embedding, Linear, VarBuilder, embedding, linear};
use mnist2x2_kernels as kernels;

use crate::Config;
use crate::parameters::packed;

/// A vector for each token, plus one for each position.
#[derive(Clone, Debug)]
pub struct TokenEmbedding {
    tokens: Embedding,
    positions: Tensor,
    packed: Option<Tensor>,
}

impl TokenEmbedding {
    /// The embedding with the tensors of the decoder's builder `vb`.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        Ok(Self {
            tokens: embedding(config.vocabulary, config.width, vb.pp("token_embedding"))?,
            positions: vb.get((1, config.max_tokens(), config.width), "pos_embedding")?,
            packed: packed(vb, "token_embedding")?,
        })
    }

    /// # Shapes
    /// `tokens` (B, T) of u32 -> (B, T, D)
    ///
    /// # Errors
    /// If there are more tokens than positions or one is not in the vocabulary.
    pub fn forward(&self, tokens: &Tensor) -> Result<Tensor> {
        match &self.packed {
            Some(packed) => {
                let (vocabulary, width) = self.tokens.embeddings().dims2()?;
                kernels::token_embedding(tokens, packed, vocabulary, width)
            }
            None => self.forward_from(tokens, 0),
        }
    }

    /// The same for tokens that begin at a later position.
    pub(crate) fn forward_from(&self, tokens: &Tensor, first_position: usize) -> Result<Tensor> {
        let positions = self.positions.narrow(1, first_position, tokens.dim(1)?)?;
        self.tokens.forward(tokens)?.broadcast_add(&positions)
    }
}

/// From a vector to the logits of the next token.
#[derive(Clone, Debug)]
pub struct Head {
    projection: Linear,
    packed: Option<Tensor>,
}

impl Head {
    /// The head with the tensors of the decoder's builder `vb`.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let projection = linear(config.width, config.vocabulary, vb.pp("output_proj"))?;
        Ok(Self { projection, packed: packed(vb, "head")? })
    }

    /// Mean cross-entropy, in nats, of the logits of all positions against `targets`: tokens, or distributions over them.
    ///
    /// # Shapes
    /// `x` (B, T, D), `targets` (B, T) of u32 or (B, T, V) -> a scalar
    ///
    /// # Errors
    /// If the shapes do not fit or a target is not in the vocabulary.
    pub fn loss(&self, x: &Tensor, targets: &Tensor) -> Result<Tensor> {
        let vocabulary = self.projection.weight().dim(0)?;
        let targets = match targets.rank() {
            2 => &one_hot(targets, vocabulary)?.to_dtype(x.dtype())?, // (B, T, V)
            _ => targets,
        };
        if let Some(packed) = &self.packed {
            return kernels::head_loss(x, packed, targets);
        }
        let logits = self.projection.forward(x)?; // (B, T, V)
        (log_softmax(&logits, D::Minus1)? * targets)?.sum(D::Minus1)?.mean_all()?.neg()
    }
}

/// Certainty of each token: (B, T) of u32 -> (B, T, V).
fn one_hot(tokens: &Tensor, vocabulary: usize) -> Result<Tensor> {
    let (batch, length) = tokens.dims2()?;
    let certain = Tensor::eye(vocabulary, DType::F32, tokens.device())?; // (V, V)
    certain.embedding(&tokens.flatten_all()?)?.reshape((batch, length, vocabulary))
}

impl Module for Head {
    /// # Shapes
    /// `x` (B, T, D) -> (B, T, V)
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.packed {
            Some(packed) => kernels::logits(x, packed),
            None => self.projection.forward(x),
        }
    }
}
