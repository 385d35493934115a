//! The network of `transformer.rs`, computed by the fused kernels of `mnist2x2-kernels`: on the CPU, in f32.
//!
//! Each sub-layer is one kernel that takes the tensors of its parameter group as one slice. The tests of this crate hold the
//! two against each other: logits, loss, gradients, 20 training steps, decoding step by step.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use mnist2x2_kernels::{self as kernels, KeyValueCache};

use crate::network::{Decoding, Network};
use crate::parameters::Parameters;
use crate::patch_embedding::cut_patches;
use crate::transformer::distributions;
use crate::{Config, Error};

/// The parameter groups of the network, each a tensor of rank 1.
#[derive(Debug)]
pub(crate) struct Fused {
    config: Config,
    stem: Option<Tensor>,
    patch_embedding: Tensor,
    encoder: Vec<EncoderBlock>,
    token_embedding: Tensor,
    decoder: Vec<DecoderBlock>,
    head: Tensor,
}

#[derive(Debug)]
struct EncoderBlock {
    self_attention: Tensor,
    feed_forward: Tensor,
}

#[derive(Debug)]
struct DecoderBlock {
    self_attention: Tensor,
    cross_attention: Tensor,
    feed_forward: Tensor,
}

impl Fused {
    /// The network on the storage of `parameters`.
    ///
    /// # Errors
    /// [`Error::Tensors`] if a group is missing.
    pub(crate) fn new(parameters: &Parameters) -> std::result::Result<Self, Error> {
        let config = parameters.config();
        let group = |name: &str| parameters.group(name);
        let encoder_block = |layer| {
            let part = |name: &str| group(&format!("encoder.layers.{layer}.{name}"));
            Ok(EncoderBlock { self_attention: part("self_attention")?, feed_forward: part("feed_forward")? })
        };
        let decoder_block = |layer| {
            let part = |name: &str| group(&format!("decoder.layers.{layer}.{name}"));
            Ok(DecoderBlock {
                self_attention: part("self_attention")?,
                cross_attention: part("cross_attention")?,
                feed_forward: part("feed_forward")?,
            })
        };
        Ok(Self {
            stem: (!config.stem.is_empty()).then(|| group("stem")).transpose()?,
            patch_embedding: group("patch_embedding")?,
            encoder: (0..config.encoder_layers)
                .map(encoder_block)
                .collect::<std::result::Result<_, Error>>()?,
            token_embedding: group("decoder.token_embedding")?,
            decoder: (0..config.decoder_layers)
                .map(decoder_block)
                .collect::<std::result::Result<_, Error>>()?,
            head: group("decoder.head")?,
            config: config.clone(),
        })
    }

    /// `tokens` (B, T) of u32, the first of them at position `first` -> (B, T, D)
    fn embed(&self, tokens: &Tensor, first: usize) -> Result<Tensor> {
        kernels::token_embedding(
            tokens,
            &self.token_embedding,
            self.config.vocabulary,
            self.config.width,
            first,
        )
    }

    /// The decoder without its head: `tokens` (B, T) of u32, `memory` (B, N, D) -> (B, T, D)
    fn hidden(&self, tokens: &Tensor, memory: &Tensor) -> Result<Tensor> {
        let heads = self.config.heads;
        self.decoder.iter().try_fold(self.embed(tokens, 0)?, |x, block| {
            let x = kernels::self_attention(&x, &block.self_attention, heads, true)?;
            let x = kernels::cross_attention(&x, memory, &block.cross_attention, heads)?;
            kernels::mlp(&x, &block.feed_forward)
        })
    }
}

impl Network for Fused {
    fn encode(&self, images: &Tensor) -> Result<Tensor> {
        let maps = match &self.stem {
            Some(stem) => {
                let sizes: Vec<_> = self.config.stem.iter().map(|c| (c.channels, c.stride)).collect();
                kernels::stem(images, stem, &sizes)?.flatten_from(2)? // (B, rows, columns C)
            }
            None => images.clone(),
        };
        let patches = cut_patches(&maps, self.config.patch_shape())?; // (B, N, P)
        let x = kernels::patch_embedding(&patches, &self.patch_embedding)?; // (B, N, D)
        self.encoder.iter().try_fold(x, |x, block| {
            let x = kernels::self_attention(&x, &block.self_attention, self.config.heads, false)?;
            kernels::mlp(&x, &block.feed_forward)
        })
    }

    fn decode(&self, tokens: &Tensor, memory: &Tensor) -> Result<Tensor> {
        kernels::logits(&self.hidden(tokens, memory)?, &self.head)
    }

    fn loss(&self, tokens: &Tensor, targets: &Tensor, memory: &Tensor) -> Result<Tensor> {
        let targets = distributions(targets, self.config.vocabulary)?;
        kernels::head_loss(&self.hidden(tokens, memory)?, &self.head, &targets)
    }

    fn start(self: Arc<Self>, memory: &Tensor, capacity: usize) -> Result<Box<dyn Decoding>> {
        let (batch, _, width) = memory.dims3()?;
        let start = |block: &DecoderBlock| {
            let memory = kernels::project_memory(memory, &block.cross_attention, self.config.heads)?;
            Ok(BlockCache { tokens: KeyValueCache::new(batch, capacity, width), memory })
        };
        let blocks = self.decoder.iter().map(start).collect::<Result<_>>()?;
        Ok(Box::new(FusedDecoding { network: self, blocks, position: 0 }))
    }
}

/// Sequences that are being written.
#[derive(Debug)]
struct FusedDecoding {
    network: Arc<Fused>,
    blocks: Vec<BlockCache>,
    position: usize,
}

/// The keys and values of one decoder block: those of the tokens so far, and those of the picture.
#[derive(Debug)]
struct BlockCache {
    tokens: KeyValueCache,
    memory: KeyValueCache,
}

impl Decoding for FusedDecoding {
    fn step(&mut self, tokens: &Tensor) -> Result<Tensor> {
        let (network, heads) = (&self.network, self.network.config.heads);
        let x = network.embed(&tokens.unsqueeze(1)?, self.position)?; // (B, 1, D)
        let x = network.decoder.iter().zip(&mut self.blocks).try_fold(x, |x, (block, cache)| {
            let x = kernels::self_attention_step(&x, &block.self_attention, heads, &mut cache.tokens)?;
            let x = kernels::cross_attention_step(&x, &block.cross_attention, heads, &cache.memory)?;
            kernels::mlp(&x, &block.feed_forward)
        })?;
        self.position += 1;
        kernels::logits(&x, &network.head)?.squeeze(1) // (B, V)
    }

    fn select(&self, rows: &[u32]) -> Result<Box<dyn Decoding>> {
        let select = |block: &BlockCache| BlockCache {
            tokens: block.tokens.select(rows),
            memory: block.memory.select(rows),
        };
        let (network, blocks) = (self.network.clone(), self.blocks.iter().map(select).collect());
        Ok(Box::new(Self { network, blocks, position: self.position }))
    }
}
