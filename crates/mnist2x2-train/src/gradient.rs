//! The loss of a batch and its gradient, computed in shards.

use mnist2x2_data::Epoch;
use mnist2x2_model::{Gradients, Seq2Seq};

use crate::Error;
use crate::batch::{split, token_count};
use crate::loss::{Targets, batch_loss};
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
    let shards = workers.map(split(epoch.batch_len(step), shards), |range| {
        let part = epoch.part(step, range);
        let loss = batch_loss(model, &part, targets)?;
        Ok(Shard { tokens: token_count(&part), loss: loss.to_scalar()?, gradients: Gradients::of(&loss)? })
    })?;
    let tokens: usize = shards.iter().map(|shard| shard.tokens).sum();
    let share = |shard: &Shard| shard.tokens as f32 / tokens as f32;
    let groups = model.parameters().group_gradients(flat)?;
    workers.map(groups, |mut group| {
        Ok(group.sum(shards.iter().map(|shard| (share(shard), &shard.gradients)))?)
    })?;
    Ok(shards.iter().map(|shard| f64::from(share(shard)) * f64::from(shard.loss)).sum())
}

/// A part of a batch after its backward pass.
struct Shard {
    /// The tokens that its loss is the mean of.
    tokens: usize,
    /// Its mean loss.
    loss: f32,
    gradients: Gradients,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
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
}
