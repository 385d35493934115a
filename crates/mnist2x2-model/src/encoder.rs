//! The encoder: every patch learns about all others (Vaswani et al., 2017, section 3.1).

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

use crate::Config;
use crate::attention::SelfAttention;
use crate::feed_forward::FeedForward;

/// Self-attention, then feed-forward.
#[derive(Clone, Debug)]
pub struct EncoderBlock {
    self_attention: SelfAttention,
    feed_forward: FeedForward,
}

impl EncoderBlock {
    /// The block with the tensors of `vb`, such as `encoder.layers.0`.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let names = ["norm1", "qkv_proj", "out_proj"];
        Ok(Self {
            self_attention: SelfAttention::new(names, config.width, config.heads, false, vb)?,
            feed_forward: FeedForward::new("norm2", config.width, config.feed_forward_width, vb)?,
        })
    }

    /// The block's output and its attention weights.
    ///
    /// # Shapes
    /// `x` (B, N, D) -> (B, N, D) and (B, H, N, N)
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward_with_weights(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let (x, weights) = self.self_attention.forward_with_weights(x)?;
        Ok((self.feed_forward.forward(&x)?, weights))
    }
}

impl Module for EncoderBlock {
    /// # Shapes
    /// `x` (B, N, D) -> (B, N, D)
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.feed_forward.forward(&self.self_attention.forward(x)?)
    }
}

/// A stack of [`EncoderBlock`]s, without a final norm.
#[derive(Clone, Debug)]
pub struct Encoder {
    layers: Vec<EncoderBlock>,
}

impl Encoder {
    /// The encoder with the tensors of `vb`, that is `encoder`.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let layer = |index| EncoderBlock::new(config, &vb.pp(format!("layers.{index}")));
        Ok(Self { layers: (0..config.encoder_layers).map(layer).collect::<Result<_>>()? })
    }

    /// The encoder's output and the attention weights of each block.
    ///
    /// # Shapes
    /// `x` (B, N, D) -> (B, N, D) and, for each block, (B, H, N, N)
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward_with_weights(&self, x: &Tensor) -> Result<(Tensor, Vec<Tensor>)> {
        let mut x = x.clone();
        let mut weights = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let (output, attention) = layer.forward_with_weights(&x)?;
            x = output;
            weights.push(attention);
        }
        Ok((x, weights))
    }
}

impl Module for Encoder {
    /// # Shapes
    /// `x` (B, N, D) -> (B, N, D)
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.layers.iter().try_fold(x.clone(), |x, layer| layer.forward(&x))
    }
}
