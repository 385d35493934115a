//! The published model's training step, put together from candle's operations.

use candle_core::{Device, Result, Tensor, Var};
use mnist2x2_kernels::{
    CrossAttentionLayout, HeadLayout, MlpLayout, PatchEmbeddingLayout, SelfAttentionLayout,
    TokenEmbeddingLayout, cross_attention, head_loss, mlp, patch_embedding, self_attention, token_embedding,
};

use crate::oracle::numbers;
use crate::{HEADS, PATCHES, TOKENS, WIDTH};

/// A shard of grids and the model's packed parameters.
pub(crate) struct CandleStep {
    images: Tensor,
    tokens: Tensor,
    targets: Tensor,
    patches: Var,
    encoder: Vec<[Var; 2]>,
    embedding: Var,
    decoder: Vec<[Var; 3]>,
    head: Var,
}

fn packed(size: usize) -> Result<Var> {
    let small = numbers(size, 7).iter().map(|p| p * 0.1).collect::<Vec<_>>();
    Var::from_vec(small, size, &Device::Cpu)
}

impl CandleStep {
    pub(crate) fn new(grids: usize) -> Result<Self> {
        let attention = SelfAttentionLayout::new(WIDTH).size();
        let cross = CrossAttentionLayout::new(WIDTH).size();
        let mlp = MlpLayout::new(WIDTH, 2 * WIDTH).size();
        let images = numbers(grids * PATCHES * 196, 1);
        let tokens: Vec<u32> = (0..(grids * TOKENS) as u32).map(|i| i % 11).collect();
        Ok(Self {
            images: Tensor::from_vec(images, (grids, PATCHES, 196), &Device::Cpu)?,
            tokens: Tensor::from_vec(tokens, (grids, TOKENS), &Device::Cpu)?,
            targets: Tensor::full(1.0_f32 / 13.0, (grids, TOKENS, 13), &Device::Cpu)?,
            patches: packed(PatchEmbeddingLayout::new(PATCHES, 196, WIDTH).size())?,
            encoder: (0..4).map(|_| Ok([packed(attention)?, packed(mlp)?])).collect::<Result<_>>()?,
            embedding: packed(TokenEmbeddingLayout::new(13, TOKENS, WIDTH).size())?,
            decoder: (0..2)
                .map(|_| Ok([packed(attention)?, packed(cross)?, packed(mlp)?]))
                .collect::<Result<_>>()?,
            head: packed(HeadLayout::new(13, WIDTH).size())?,
        })
    }

    /// The loss of the shard.
    pub(crate) fn forward(&self) -> Result<Tensor> {
        let mut memory = patch_embedding(&self.images, &self.patches)?;
        for [attention, of_mlp] in &self.encoder {
            memory = mlp(&self_attention(&memory, attention, HEADS, false)?, of_mlp)?;
        }
        let mut x = token_embedding(&self.tokens, &self.embedding, 13, WIDTH, 0)?;
        for [attention, cross, of_mlp] in &self.decoder {
            x = self_attention(&x, attention, HEADS, true)?;
            x = mlp(&cross_attention(&x, &memory, cross, HEADS)?, of_mlp)?;
        }
        head_loss(&x, &self.head, &self.targets)
    }
}
