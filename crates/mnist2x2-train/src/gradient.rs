//! The loss of a batch and its gradient, computed in shards.

use std::ops::Range;

use candle_core::{Device, Tensor};
use mnist2x2_data::{Batch, Epoch};
use mnist2x2_model::Seq2Seq;
use mnist2x2_tokenizer::teacher_forcing;
use rayon::prelude::*;

use crate::Error;
use crate::workers::{STRETCH, Workers};

/// The gradients of one batch; its memory is used again for the next.
#[derive(Debug)]
pub(crate) struct Gradient {
    shards: Vec<Vec<f32>>,
    /// d loss / d parameter, in flat order.
    pub(crate) total: Vec<f32>,
}

impl Gradient {
    pub(crate) fn new(shards: usize, count: usize) -> Self {
        Self { shards: vec![vec![0.0; count]; shards], total: vec![0.0; count] }
    }

    /// Computes the gradient of the batch of `step` and returns its mean loss.
    ///
    /// Shards are added in their order, so the sum does not depend on which thread was first.
    pub(crate) fn compute(
        &mut self,
        model: &Seq2Seq,
        epoch: &Epoch,
        step: usize,
        workers: &Workers,
    ) -> Result<f64, Error> {
        let grids = epoch.batch_len(step);
        let ranges = split(grids, self.shards.len());
        let used = ranges.len();
        let jobs = ranges.into_iter().zip(&mut self.shards).collect();
        let losses = workers.map(jobs, |(range, gradient): (Range<usize>, &mut Vec<f32>)| {
            let share = range.len() as f32 / grids as f32;
            let loss = shard_gradient(model, &epoch.part(step, range), share, gradient)?;
            Ok(f64::from(share) * f64::from(loss))
        })?;
        self.add_up(used, workers);
        Ok(losses.iter().sum())
    }
}

impl Gradient {
    /// Adds the first `used` shards in their order; each thread has its own stretch of the parameters.
    fn add_up(&mut self, used: usize, workers: &Workers) {
        let shards = &self.shards[..used];
        let add = |(index, total): (usize, &mut [f32])| {
            let start = index * STRETCH;
            total.copy_from_slice(&shards[0][start..start + total.len()]);
            for shard in &shards[1..] {
                total.iter_mut().zip(&shard[start..]).for_each(|(total, g)| *total += g);
            }
        };
        workers.run(|| self.total.par_chunks_mut(STRETCH).enumerate().for_each(add));
    }
}

/// Cuts `0..n` into at most `parts` ranges whose lengths differ by at most one, none empty.
pub(crate) fn split(n: usize, parts: usize) -> Vec<Range<usize>> {
    let parts = parts.min(n);
    (0..parts).map(|part| part * n / parts..(part + 1) * n / parts).collect()
}

/// Fills `gradient` with `share` times the gradient of the shard's mean loss, and returns that loss.
fn shard_gradient(model: &Seq2Seq, batch: &Batch, share: f32, gradient: &mut [f32]) -> Result<f32, Error> {
    let loss = batch_loss(model, batch)?;
    model.parameters().write_gradient(&loss.backward()?, share, gradient)?;
    Ok(loss.to_scalar()?)
}

/// Mean cross-entropy over all positions of all sequences, with teacher forcing.
fn batch_loss(model: &Seq2Seq, batch: &Batch) -> Result<Tensor, Error> {
    let device = model.parameters().device();
    let (tokens, targets) = token_tensors(batch, device)?;
    Ok(model.loss(&image_tensor(batch, 0..batch.len, device)?, &tokens, &targets)?)
}

/// The images of a part of a batch: (B, height, width).
pub(crate) fn image_tensor(batch: &Batch, part: Range<usize>, device: &Device) -> Result<Tensor, Error> {
    let (height, width) = (batch.shape.height(), batch.shape.width());
    let (pixels, grids) = (height * width, part.len());
    let images = &batch.images[part.start * pixels..part.end * pixels];
    Ok(Tensor::from_slice(images, (grids, height, width), device)?)
}

/// Decoder input and targets of a batch: (B, T) each.
fn token_tensors(batch: &Batch, device: &Device) -> Result<(Tensor, Tensor), Error> {
    let cells = batch.shape.cells();
    let (mut tokens, mut targets) = (Vec::new(), Vec::new());
    for digits in batch.labels.chunks_exact(cells) {
        let (input, target) = teacher_forcing(digits)?;
        tokens.extend(input);
        targets.extend(target);
    }
    let tensor = |ids| Tensor::from_vec(ids, (batch.len, cells + 1), device);
    Ok((tensor(tokens)?, tensor(targets)?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mnist2x2_data::mnist::Split;
    use mnist2x2_data::{GridShape, GridSource, Loader, synthetic};
    use mnist2x2_model::{Config, Parameters};

    use super::*;

    #[test]
    fn shards_change_nothing_but_rounding() {
        let model = Seq2Seq::new(Parameters::init(&Config::tiny(), 0, &Device::Cpu).unwrap()).unwrap();
        let digits = Arc::new(synthetic::digits(Split::Train, 30, 0));
        let shape = GridShape { rows: 1, cols: 3 };
        let loader = Loader::new(digits, GridSource::Fresh { grids: 7 }, shape, 7, 0).unwrap();
        let workers = Workers::new(Some(2)).unwrap();
        let compute = |shards| {
            let mut gradient = Gradient::new(shards, model.parameters().count());
            let loss = gradient.compute(&model, &loader.epoch(0), 0, &workers).unwrap();
            (loss, gradient.total)
        };
        let (loss, whole) = compute(1);
        for shards in [3, 7, 8] {
            let (sharded_loss, sharded) = compute(shards);
            assert!((loss - sharded_loss).abs() < 1e-5, "{shards} shards: loss {sharded_loss}, not {loss}");
            let worst = whole.iter().zip(&sharded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{shards} shards: a gradient is off by {worst}");
        }
    }

    #[test]
    fn a_split_covers_all_once_in_parts_of_nearly_one_size() {
        for (n, parts) in [(64, 8), (32, 8), (7, 3), (3, 8), (1, 1)] {
            let ranges = split(n, parts);
            assert_eq!(ranges.len(), parts.min(n));
            assert!(ranges.iter().cloned().flatten().eq(0..n));
            let lengths = ranges.iter().map(ExactSizeIterator::len);
            assert!(lengths.clone().max().unwrap() - lengths.min().unwrap() <= 1);
        }
    }
}
