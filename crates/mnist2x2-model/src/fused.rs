//! The network of `transformer.rs`, computed by the fused kernels of `mnist2x2-kernels`: on the CPU, in f32.
//!
//! Each sub-layer is one kernel that takes the tensors of its parameter group as one slice. The tests of this crate hold the
//! two against each other: logits, loss, gradients, 20 training steps, decoding step by step.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use mnist2x2_kernels::{self as kernels, Gradients, KeyValueCache, Lookup, Operand, Packed, Tape};

use crate::Config;
use crate::network::{Decoding, Network};
use crate::parameters::{Group, Parameters};
use crate::targets::distributions;

/// The parameter groups of the network.
#[derive(Debug)]
pub(crate) struct Fused {
    config: Config,
    stem: Option<Packed>,
    patch_embedding: Packed,
    /// Of each block self-attention and feed-forward.
    encoder: Vec<[Packed; 2]>,
    token_embedding: Tensor,
    /// Of each block self-attention, cross-attention and feed-forward.
    decoder: Vec<[Packed; 3]>,
    head: Packed,
}

impl Fused {
    /// The network on the storage of `parameters`, whose groups come in the order of the forward pass. Frozen ones never change;
    /// those that are trained do not either as long as this lives, if they `are_fixed`.
    pub(crate) fn new(parameters: &Parameters, are_fixed: bool) -> Self {
        let config = parameters.config();
        let never_change = are_fixed || parameters.are_frozen();
        let packed = |group: &Group| {
            if never_change { Packed::fixed(group.values.clone()) } else { (&group.values).into() }
        };
        let mut groups = parameters.groups().iter().map(packed);
        let mut next = || groups.next().expect("the table of tensors has every group");
        Self {
            stem: (!config.stem.is_empty()).then(&mut next),
            patch_embedding: next(),
            encoder: (0..config.encoder_layers).map(|_| [next(), next()]).collect(),
            token_embedding: next().values().clone(),
            decoder: (0..config.decoder_layers).map(|_| [next(), next(), next()]).collect(),
            head: next(),
            config: config.clone(),
        }
    }

    /// Pictures (B, height, width) -> (B, N, D)
    fn memory<X: Operand>(&self, images: &X) -> Result<X> {
        let patches = match &self.stem {
            Some(stem) => {
                let sizes: Vec<_> = self.config.stem.iter().map(|c| (c.channels, c.stride)).collect();
                kernels::cut_patches(&kernels::stem(images, stem, &sizes)?, self.config.patch_shape())?
            }
            None => kernels::cut_patches(images, self.config.patch_shape())?,
        };
        let x = kernels::patch_embedding(&patches, &self.patch_embedding)?; // (B, N, D)
        self.encoder.iter().try_fold(x, |x, [attention, feed_forward]| {
            let x = kernels::self_attention(&x, attention, self.config.heads, false)?;
            kernels::mlp(&x, feed_forward)
        })
    }

    /// `tokens` (B, T) of u32, the first of them at position `first` -> (B, T, D), beside a memory
    fn embed<X: Operand>(&self, memory: &X, tokens: &Tensor, first: usize) -> Result<X> {
        let (params, sizes) = (&self.token_embedding, [self.config.vocabulary, self.config.width]);
        memory.look_up(Lookup::new(tokens, params, sizes, first)?, params)
    }

    /// The decoder without its head: `tokens` (B, T) of u32, `memory` (B, N, D) -> (B, T, D)
    fn hidden<X: Operand>(&self, tokens: &Tensor, memory: &X) -> Result<X> {
        let (x, heads) = (self.embed(memory, tokens, 0)?, self.config.heads);
        self.decoder.iter().try_fold(x, |x, [attention, cross, feed_forward]| {
            let x = kernels::self_attention(&x, attention, heads, true)?;
            let x = kernels::cross_attention(&x, memory, cross, heads)?;
            kernels::mlp(&x, feed_forward)
        })
    }

    /// The loss, as [`Network::loss`] has it, of pictures (B, height, width), and its gradient: without candle's graph, which
    /// gives the same bits and takes longer.
    pub(crate) fn differentiate(
        &self,
        images: &Tensor,
        tokens: &Tensor,
        targets: &Tensor,
    ) -> Result<(f32, Gradients)> {
        let (tape, targets) = (Tape::new(), distributions(targets, self.config.vocabulary)?);
        let hidden = self.hidden(tokens, &self.memory(&tape.data(images)?)?)?;
        kernels::head_loss(&hidden, &self.head, &tape.data(&targets)?)?.differentiate()
    }
}

impl Network for Fused {
    fn encode(&self, images: &Tensor) -> Result<Tensor> {
        self.memory(images)
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
        let start = |[_, cross, _]: &[Packed; 3]| {
            let memory = kernels::project_memory(memory, cross, self.config.heads)?;
            Ok([KeyValueCache::new(batch, capacity, width)?, memory])
        };
        let blocks = self.decoder.iter().map(start).collect::<Result<_>>()?;
        Ok(Box::new(FusedDecoding { network: self, blocks, position: 0 }))
    }
}

/// Sequences that are being written.
#[derive(Debug)]
struct FusedDecoding {
    network: Arc<Fused>,
    /// The keys and values of each decoder block: those of the tokens so far, and those of the picture.
    blocks: Vec<[KeyValueCache; 2]>,
    position: usize,
}

impl Decoding for FusedDecoding {
    fn step(&mut self, tokens: &Tensor) -> Result<Tensor> {
        let (network, heads) = (&self.network, self.network.config.heads);
        let mut x = network.embed(&network.token_embedding, &tokens.unsqueeze(1)?, self.position)?; // (B, 1, D)
        for ([attention, cross, feed_forward], [past, memory]) in network.decoder.iter().zip(&mut self.blocks)
        {
            x = kernels::self_attention_step(&x, attention, heads, past)?;
            x = kernels::cross_attention_step(&x, cross, heads, memory)?;
            x = kernels::mlp(&x, feed_forward)?;
        }
        self.position += 1;
        kernels::logits(&x, &network.head)?.squeeze(1) // (B, V)
    }

    fn select(&self, rows: &[u32]) -> Result<Box<dyn Decoding>> {
        let blocks = self.blocks.iter().map(|block| block.each_ref().map(|cache| cache.select(rows)));
        let (network, blocks) = (self.network.clone(), blocks.collect());
        Ok(Box::new(Self { network, blocks, position: self.position }))
    }
}
