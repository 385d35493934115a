//! What both ways to compute the network offer: `transformer.rs` by candle's operations, `fused.rs` by kernels.

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::{Result, Tensor};

use crate::transformer::{DecoderCache, Transformer, cross_entropy};

/// The network as [`crate::Seq2Seq`] sees it, with the shapes of [`crate::transformer::Transformer`]'s methods.
pub(crate) trait Network: Debug + Send + Sync {
    fn encode(&self, images: &Tensor) -> Result<Tensor>;
    fn decode(&self, tokens: &Tensor, memory: &Tensor) -> Result<Tensor>;
    fn loss(&self, tokens: &Tensor, targets: &Tensor, memory: &Tensor) -> Result<Tensor>;
    /// Begins to write sequences of at most `capacity` tokens.
    fn start(self: Arc<Self>, memory: &Tensor, capacity: usize) -> Result<Box<dyn Decoding>>;
}

/// Sequences that are being written.
pub(crate) trait Decoding: Debug + Send + Sync {
    /// Reads one more token of each sequence: (B) of u32 -> logits of the next (B, V).
    fn step(&mut self, tokens: &Tensor) -> Result<Tensor>;
    /// The sequences `rows`, in that order.
    fn select(&self, rows: &[u32]) -> Result<Box<dyn Decoding>>;
}

impl Network for Transformer {
    fn encode(&self, images: &Tensor) -> Result<Tensor> {
        Ok(self.encode(images)?.0)
    }

    fn decode(&self, tokens: &Tensor, memory: &Tensor) -> Result<Tensor> {
        Ok(self.decode(tokens, memory)?.0)
    }

    fn loss(&self, tokens: &Tensor, targets: &Tensor, memory: &Tensor) -> Result<Tensor> {
        cross_entropy(&self.decode(tokens, memory)?.0, targets)
    }

    fn start(self: Arc<Self>, memory: &Tensor, _capacity: usize) -> Result<Box<dyn Decoding>> {
        let cache = Transformer::start(&self, memory)?;
        Ok(Box::new(PlainDecoding { network: self, cache }))
    }
}

#[derive(Debug)]
struct PlainDecoding {
    network: Arc<Transformer>,
    cache: DecoderCache,
}

impl Decoding for PlainDecoding {
    fn step(&mut self, tokens: &Tensor) -> Result<Tensor> {
        let (logits, _) = self.network.decode_more(&tokens.unsqueeze(1)?, &mut self.cache)?;
        logits.squeeze(1)
    }

    fn select(&self, rows: &[u32]) -> Result<Box<dyn Decoding>> {
        Ok(Box::new(Self { network: self.network.clone(), cache: self.cache.select(rows)? }))
    }
}
