//! The loss of a batch and its gradient, computed in shards.

use std::ops::Range;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};
use mnist2x2_data::{Batch, Epoch};
use mnist2x2_model::Seq2Seq;
use mnist2x2_tokenizer::teacher_forcing;

use crate::workers::Workers;
use crate::{Error, Recipe};

/// Computes the mean loss of the batch of `step` and writes its gradient to `flat`, in flat order.
///
/// The batch is split into the recipe's shards, each differentiated by one thread. Their gradients are added in their order, each
/// pack of parameters by one thread, so the sum does not depend on which thread was first or how many there are.
pub(crate) fn batch_gradient(
    model: &Seq2Seq,
    epoch: &Epoch,
    step: usize,
    recipe: &Recipe,
    workers: &Workers,
    flat: &mut [f32],
) -> Result<f64, Error> {
    let grids = epoch.batch_len(step);
    let shards = workers.map(split(grids, recipe.shards), |range| {
        let share = range.len() as f32 / grids as f32;
        let loss = batch_loss(model, &epoch.part(step, range), recipe.label_smoothing)?;
        let grads = loss.backward()?;
        Ok(Shard { share, loss: loss.to_scalar()?, grads })
    })?;
    let packs = model.parameters().pack_gradients(flat)?;
    workers.map(packs, |mut pack| Ok(pack.sum(shards.iter().map(|shard| (shard.share, &shard.grads)))?))?;
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
pub(crate) fn batch_loss(model: &Seq2Seq, batch: &Batch, label_smoothing: f64) -> Result<Tensor, Error> {
    let device = model.parameters().device();
    let (tokens, targets) = token_tensors(batch, model.config().vocabulary, label_smoothing, device)?;
    Ok(model.loss(&image_tensor(batch, 0..batch.len, device)?, &tokens, &targets)?)
}

/// The images of a part of a batch: (B, height, width).
pub(crate) fn image_tensor(batch: &Batch, part: Range<usize>, device: &Device) -> Result<Tensor, Error> {
    let (height, width) = (batch.shape.height(), batch.shape.width());
    let (pixels, grids) = (height * width, part.len());
    let images = &batch.images[part.start * pixels..part.end * pixels];
    Ok(Tensor::from_slice(images, (grids, height, width), device)?)
}

/// Decoder input (B, T) and target distributions (B, T, V) of a batch: a share of `label_smoothing` evenly over all V =
/// `vocabulary` tokens, the rest on the right one.
fn token_tensors(
    batch: &Batch,
    vocabulary: usize,
    label_smoothing: f64,
    device: &Device,
) -> Result<(Tensor, Tensor), Error> {
    let length = batch.shape.cells() + 1;
    let mut tokens = Vec::with_capacity(batch.len * length);
    let mut targets = vec![(label_smoothing / vocabulary as f64) as f32; batch.len * length * vocabulary];
    let certain = (1.0 - label_smoothing) as f32;
    for (digits, targets) in
        batch.labels.chunks_exact(length - 1).zip(targets.chunks_exact_mut(length * vocabulary))
    {
        let (input, target) = teacher_forcing(digits)?;
        tokens.extend(input);
        for (right, distribution) in target.into_iter().zip(targets.chunks_exact_mut(vocabulary)) {
            distribution[right as usize] += certain;
        }
    }
    let targets = Tensor::from_vec(targets, (batch.len, length, vocabulary), device)?;
    Ok((Tensor::from_vec(tokens, (batch.len, length), device)?, targets))
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
            let recipe = Recipe { shards, label_smoothing: 0.1, ..Recipe::reference(0) };
            let loss = batch_gradient(&model, &loader.epoch(0), 0, &recipe, &workers, &mut flat).unwrap();
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
    fn smoothed_targets_are_distributions_with_the_right_token_on_top() {
        let digits = Arc::new(synthetic::digits(Split::Train, 30, 0));
        let shape = GridShape { rows: 1, cols: 3 };
        let loader = Loader::new(digits, GridSource::Fresh { grids: 2 }, shape, 2, 0).unwrap();
        let batch = loader.epoch(0).batch(0);
        let (tokens, targets) = token_tensors(&batch, 13, 0.13, &Device::Cpu).unwrap();
        assert_eq!((tokens.dims(), targets.dims()), (&[2, 4][..], &[2, 4, 13][..]));
        for (sequence, labels) in targets.to_vec3::<f32>().unwrap().iter().zip(batch.labels.chunks(3)) {
            for (distribution, right) in sequence.iter().zip(labels.iter().copied().chain([11])) {
                assert!((distribution.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                for (token, share) in (0..).zip(distribution) {
                    let expected = if token == right { 0.88 } else { 0.01 };
                    assert!((share - expected).abs() < 1e-6, "{token} of {right}: {share}");
                }
            }
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
