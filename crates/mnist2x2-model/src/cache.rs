//! Writing a sequence one token at a time without computing anything twice.

use candle_core::{Device, Tensor};

use crate::Error;
use crate::decoder::BlockCache;
use crate::seq2seq::{Seq2Seq, shape};

/// The state of B sequences being written: what each decoder block knows of the picture and of the tokens so far.
///
/// [`Cache::step`] gives the logits that [`Seq2Seq::decode`] gives at the last token of the whole prefix.
#[derive(Clone, Debug)]
pub struct Cache {
    model: Seq2Seq,
    batch: usize,
    position: usize,
    blocks: Vec<BlockCache>,
}

impl Cache {
    /// The state before the first token, given encoded pictures.
    ///
    /// # Shapes
    /// `memory` (B, N, D)
    ///
    /// # Errors
    /// [`Error::Shape`] if `memory` is not the encoder's output for this model.
    pub fn new(model: &Seq2Seq, memory: &Tensor) -> Result<Self, Error> {
        model.check_memory(memory)?;
        let blocks = model.decoder().caches(memory, model.config().max_tokens())?;
        Ok(Self { model: model.clone(), batch: memory.dims()[0], position: 0, blocks })
    }

    /// Reads one more token of each sequence and returns the logits of the next.
    ///
    /// # Shapes
    /// `tokens` (B) of u32 -> (B, V)
    ///
    /// # Errors
    /// [`Error::Shape`] if `tokens` has another length than the cache or the model reads no more tokens.
    pub fn step(&mut self, tokens: &Tensor) -> Result<Tensor, Error> {
        let most = self.model.config().max_tokens();
        if tokens.dims() != [self.batch] || self.position == most {
            let expected = format!("({}) and come at most {most} times", self.batch);
            return Err(shape("tokens", expected, tokens.dims()));
        }
        let logits = self.model.decoder().step(tokens, self.position, &mut self.blocks)?;
        self.position += 1;
        Ok(logits)
    }

    /// Where the sequences are written.
    pub fn device(&self) -> &Device {
        self.model.parameters().device()
    }

    /// The states of the sequences `rows`, in that order: a beam search keeps some, drops some and doubles some.
    ///
    /// # Errors
    /// [`Error::Shape`] if a row is not below B.
    pub fn select(&self, rows: &[u32]) -> Result<Self, Error> {
        if let Some(&row) = rows.iter().find(|&&row| row as usize >= self.batch) {
            return Err(shape("rows", format!("each below {}", self.batch), &[row as usize]));
        }
        let blocks =
            self.blocks.iter().map(|block| block.select(rows)).collect::<candle_core::Result<_>>()?;
        Ok(Self { model: self.model.clone(), batch: rows.len(), position: self.position, blocks })
    }
}
