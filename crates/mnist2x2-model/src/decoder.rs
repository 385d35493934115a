//! The decoder: from the tokens so far and the encoded picture to the next token (Vaswani et al., 2017, section 3.1).

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

use crate::Config;
use crate::attention::{CrossAttention, Past, SelfAttention};
use crate::feed_forward::FeedForward;
use crate::tokens::{Head, TokenEmbedding};

/// Causal self-attention, cross-attention to the encoded picture, feed-forward.
#[derive(Clone, Debug)]
pub struct DecoderBlock {
    self_attention: SelfAttention,
    cross_attention: CrossAttention,
    feed_forward: FeedForward,
}

/// What one block remembers of the tokens and the picture while a sequence is written.
#[derive(Clone, Debug)]
pub(crate) struct BlockCache {
    tokens: Past,
    memory: Past,
}

impl BlockCache {
    /// That of the sequences `rows`, in that order.
    pub(crate) fn select(&self, rows: &[u32]) -> Result<Self> {
        Ok(Self { tokens: self.tokens.select(rows)?, memory: self.memory.select(rows)? })
    }
}

impl DecoderBlock {
    /// The block with the tensors of `vb`, such as `decoder.layers.0`.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let names = ["norm1", "self_attn_proj", "self_out"];
        Ok(Self {
            self_attention: SelfAttention::new(names, config.width, config.heads, true, vb)?,
            cross_attention: CrossAttention::new(config.width, config.heads, vb)?,
            feed_forward: FeedForward::new("norm3", config.width, config.feed_forward_width, vb)?,
        })
    }

    /// # Shapes
    /// `x` (B, T, D), `memory` (B, N, D) -> (B, T, D)
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward(&self, x: &Tensor, memory: &Tensor) -> Result<Tensor> {
        let x = self.self_attention.forward(x)?;
        self.feed_forward.forward(&self.cross_attention.forward(&x, memory)?)
    }

    /// The block's output and the weights of its cross-attention.
    ///
    /// # Shapes
    /// `x` (B, T, D), `memory` (B, N, D) -> (B, T, D) and (B, H, T, N)
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward_with_weights(&self, x: &Tensor, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let x = self.self_attention.forward(x)?;
        let (x, weights) = self.cross_attention.forward_with_weights(&x, memory)?;
        Ok((self.feed_forward.forward(&x)?, weights))
    }

    fn cache(&self, memory: &Tensor, capacity: usize) -> Result<BlockCache> {
        let (batch, _, width) = memory.dims3()?;
        let tokens = self.self_attention.nothing_yet(batch, capacity, width);
        Ok(BlockCache { tokens, memory: self.cross_attention.remember(memory)? })
    }

    /// # Shapes
    /// `x` (B, 1, D) -> (B, 1, D)
    fn step(&self, x: &Tensor, cache: &mut BlockCache) -> Result<Tensor> {
        let x = self.self_attention.step(x, &mut cache.tokens)?;
        let x = self.cross_attention.step(&x, &cache.memory)?;
        self.feed_forward.forward(&x)
    }
}

/// Token embedding, a stack of [`DecoderBlock`]s without a final norm, and the head.
#[derive(Clone, Debug)]
pub struct Decoder {
    embedding: TokenEmbedding,
    layers: Vec<DecoderBlock>,
    head: Head,
}

impl Decoder {
    /// The decoder with the tensors of `vb`, that is `decoder`.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let layer = |index| DecoderBlock::new(config, &vb.pp(format!("layers.{index}")));
        Ok(Self {
            embedding: TokenEmbedding::new(config, vb)?,
            layers: (0..config.decoder_layers).map(layer).collect::<Result<_>>()?,
            head: Head::new(config, vb)?,
        })
    }

    /// Logits of the token after each of `tokens`.
    ///
    /// # Shapes
    /// `tokens` (B, T) of u32, `memory` (B, N, D) -> (B, T, V)
    ///
    /// # Errors
    /// If the shapes do not fit or a token is not in the vocabulary.
    pub fn forward(&self, tokens: &Tensor, memory: &Tensor) -> Result<Tensor> {
        self.head.forward(&self.hidden(tokens, memory)?)
    }

    /// Mean cross-entropy of the logits against the tokens that should come.
    ///
    /// # Shapes
    /// `tokens` and `targets` (B, T) of u32, `memory` (B, N, D) -> a scalar
    ///
    /// # Errors
    /// If the shapes do not fit or a token is not in the vocabulary.
    pub fn loss(&self, tokens: &Tensor, targets: &Tensor, memory: &Tensor) -> Result<Tensor> {
        self.head.loss(&self.hidden(tokens, memory)?, targets)
    }

    /// # Shapes
    /// `tokens` (B, T) of u32, `memory` (B, N, D) -> (B, T, D)
    fn hidden(&self, tokens: &Tensor, memory: &Tensor) -> Result<Tensor> {
        let x = self.embedding.forward(tokens)?;
        self.layers.iter().try_fold(x, |x, layer| layer.forward(&x, memory))
    }

    /// The logits, and how much each head of each block looked at each patch for each token.
    ///
    /// # Shapes
    /// `tokens` (B, T) of u32, `memory` (B, N, D) -> (B, T, V) and, for each block, (B, H, T, N)
    ///
    /// # Errors
    /// If the shapes do not fit or a token is not in the vocabulary.
    pub fn forward_with_weights(&self, tokens: &Tensor, memory: &Tensor) -> Result<(Tensor, Vec<Tensor>)> {
        let mut x = self.embedding.forward(tokens)?;
        let mut weights = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let (output, cross) = layer.forward_with_weights(&x, memory)?;
            x = output;
            weights.push(cross);
        }
        Ok((self.head.forward(&x)?, weights))
    }

    /// What the blocks remember before the first of up to `capacity` tokens.
    pub(crate) fn caches(&self, memory: &Tensor, capacity: usize) -> Result<Vec<BlockCache>> {
        self.layers.iter().map(|layer| layer.cache(memory, capacity)).collect()
    }

    /// Logits after one more token, the one at `position`.
    ///
    /// # Shapes
    /// `tokens` (B) of u32 -> (B, V)
    pub(crate) fn step(&self, tokens: &Tensor, position: usize, caches: &mut [BlockCache]) -> Result<Tensor> {
        let x = self.embedding.forward_from(&tokens.unsqueeze(1)?, position)?; // (B, 1, D)
        let layers = self.layers.iter().zip(caches);
        let x = layers.into_iter().try_fold(x, |x, (layer, cache)| layer.step(&x, cache))?;
        self.head.forward(&x)?.squeeze(1) // (B, V)
    }
}
