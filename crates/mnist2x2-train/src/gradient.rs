//! The loss of a batch and its gradient, computed in shards.

use std::ops::Range;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};
use mnist2x2_data::{Batch, Epoch};
use mnist2x2_model::Seq2Seq;
use mnist2x2_tokenizer::teacher_forcing;

use crate::Error;
use crate::targets::Targets;
use crate::workers::Workers;

/// Computes the mean loss of the batch of `step` and writes its gradient to `flat`, in flat order.
///
/// The batch is split into `shards`, each differentiated by one thread. Their gradients are added in their order, each
/// parameter group by one thread, so the sum does not depend on which thread was first or how many there are.
pub(crate) fn batch_gradient(
    model: &Seq2Seq,
    epoch: &Epoch,
    step: usize,
    shards: usize,
    targets: &Targets,
    workers: &Workers,
    flat: &mut [f32],
) -> Result<f64, Error> {
    let grids = epoch.batch_len(step);
    let shards = workers.map(split(grids, shards), |range| {
        let share = range.len() as f32 / grids as f32;
        let loss = batch_loss(model, &epoch.part(step, range), targets)?;
        let grads = loss.backward()?;
        Ok(Shard { share, loss: loss.to_scalar()?, grads })
    })?;
    let groups = model.parameters().group_gradients(flat)?;
    workers
        .map(groups, |mut group| Ok(group.sum(shards.iter().map(|shard| (shard.share, &shard.grads)))?))?;
    Ok(shards.iter().map(|shard| f64::from(shard.share) * f64::from(shard.loss)).sum())
}

/// A part of a batch after its backward pass.
struct Shard {
    /// Its share of the batch's grids.
    share: f32,
    /// Its mean loss.
    loss: f32,
    grads: GradStore,
}

/// Cuts `0..n` into at most `parts` ranges whose lengths differ by at most one, none empty.
pub(crate) fn split(n: usize, parts: usize) -> Vec<Range<usize>> {
    let parts = parts.min(n);
    (0..parts).map(|part| part * n / parts..(part + 1) * n / parts).collect()
}

/// Mean cross-entropy over all positions of all sequences, with teacher forcing.
pub(crate) fn batch_loss(model: &Seq2Seq, batch: &Batch, targets: &Targets) -> Result<Tensor, Error> {
    let device = model.parameters().device();
    let images = image_tensor(batch, 0..batch.len, device)?;
    let (tokens, labels) = token_tensors(batch, device)?;
    Ok(model.loss(&images, &tokens, &targets.of(&images, &tokens, &labels, model.config().vocabulary)?)?)
}

/// The images of a part of a batch: (B, height, width).
pub(crate) fn image_tensor(batch: &Batch, part: Range<usize>, device: &Device) -> Result<Tensor, Error> {
    let (height, width) = (batch.shape.height(), batch.shape.width());
    let (pixels, grids) = (height * width, part.len());
    let images = &batch.images[part.start * pixels..part.end * pixels];
    Ok(Tensor::from_slice(images, (grids, height, width), device)?)
}

/// Decoder input and right tokens of a batch: (B, T) each.
fn token_tensors(batch: &Batch, device: &Device) -> Result<(Tensor, Tensor), Error> {
    let cells = batch.shape.cells();
    let (mut tokens, mut labels) = (Vec::new(), Vec::new());
    for digits in batch.labels.chunks_exact(cells) {
        let (input, target) = teacher_forcing(digits)?;
        tokens.extend(input);
        labels.extend(target);
    }
    let tensor = |ids| Tensor::from_vec(ids, (batch.len, cells + 1), device);
    Ok((tensor(tokens)?, tensor(labels)?))
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
            let mut flat = vec![0.0; model.parameters().count()];
            let (epoch, targets) = (loader.epoch(0), Targets::certain());
            let loss = batch_gradient(&model, &epoch, 0, shards, &targets, &workers, &mut flat).unwrap();
            (loss, flat)
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
