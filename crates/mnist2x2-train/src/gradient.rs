//! The loss of a batch and its gradient, computed in shards.

use mnist2x2_data::Epoch;
use mnist2x2_model::{Config, Gradients, Seq2Seq};

use crate::Error;
use crate::batch::{split, token_count};
use crate::loss::{Targets, differentiate};
use crate::workers::Workers;

/// Computes the mean loss of the batch of `step` and writes its gradient to `flat`, in flat order.
///
/// The batch is split into `shards`, each differentiated by one thread of one process. Their gradients are added in pairs, each
/// parameter group by one thread, then those of the processes; so the sum does not depend on which thread was first, or on how
/// many threads and processes there are.
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
    let ranges = split(grids, parts(grids, shards, model.config()));
    // Tokens of each shard, and the mean loss over them; those of other processes come with the sum.
    let mut losses = vec![[0.0_f32; 2]; ranges.len()];
    let own = workers.group().branch(ranges.len());
    let (own_losses, gradients): (Vec<_>, Vec<_>) = workers
        .map(ranges[own.clone()].to_vec(), |range| {
            let part = epoch.part(step, range);
            let (loss, gradients) = differentiate(model, &part, targets)?;
            Ok(([token_count(&part) as f32, loss], gradients))
        })?
        .into_iter()
        .unzip();
    losses[own.clone()].copy_from_slice(&own_losses);
    workers.group().sum(losses.as_flattened_mut());
    let tokens: f32 = losses.iter().map(|[tokens, _]| tokens).sum();
    let shares = losses.iter().map(|[shard, _]| shard / tokens);
    let weighted: Vec<(f32, &Gradients)> = shares.clone().skip(own.start).zip(&gradients).collect();
    workers.map(model.parameters().group_gradients(flat)?, |mut group| Ok(group.sum(&weighted)?))?;
    workers.group().sum(flat);
    Ok(shares.zip(&losses).map(|(share, [_, loss])| f64::from(share) * f64::from(*loss)).sum())
}

/// Tensors of this many numbers candle gives to a pool of threads of its own, which spin while they wait.
const FOR_CANDLES_POOL: usize = 1 << 16;

/// Into how many parts a batch is split: its `shards`, or twice or four times as many and so on, until no tensor wakes candle's
/// pool.
fn parts(grids: usize, shards: usize, config: &Config) -> usize {
    let most = ((FOR_CANDLES_POOL - 1) / config.largest_tensor()).max(1);
    shards * grids.div_ceil(shards * most).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use mnist2x2_data::mnist::Split;
    use mnist2x2_data::{GridShape, GridSource, Loader, synthetic};
    use mnist2x2_model::Parameters;

    use super::*;
    use crate::Group;
    use crate::group::tests::in_ranks;

    /// Loss and gradient of a batch of seven small grids.
    fn compute(shards: usize, group: &Group) -> (f64, Vec<f32>) {
        let model = Seq2Seq::new(Parameters::init(&Config::tiny(), 0, &Device::Cpu).unwrap()).unwrap();
        let digits = Arc::new(synthetic::digits(Split::Train, 30, 0));
        let shape = GridShape { rows: 1, cols: 3 };
        let loader = Loader::new(digits, GridSource::Fresh { grids: 7 }, shape, 7, 0).unwrap();
        let workers = Workers::new(Some(2)).unwrap().in_group(group.clone());
        let mut flat = vec![0.0; model.parameters().count()];
        let (epoch, targets) = (loader.epoch(0), Targets::certain());
        let loss = batch_gradient(&model, &epoch, 0, shards, &targets, &workers, &mut flat).unwrap();
        (loss, flat)
    }

    #[test]
    fn large_tensors_ask_for_more_parts() {
        for (grids, shards, config, expected) in [
            (64, 8, Config::reference(), 8),
            (1024, 8, Config::reference(), 32),
            (64, 8, Config::reference_4x4(), 8),
            (64, 8, Config::line(), 16),
            (3, 8, Config::line(), 8),
        ] {
            assert_eq!(parts(grids, shards, &config), expected, "{grids} {shards}");
        }
    }

    #[test]
    fn any_number_of_ranks_gives_the_same_bits() {
        for shards in [8, 6, 5] {
            let (loss, alone) = compute(shards, &Group::alone());
            for (others, gradient) in
                [2, 4, 8].into_iter().flat_map(|size| in_ranks(size, |g| compute(shards, &g)))
            {
                assert!(others.to_bits() == loss.to_bits() && gradient == alone, "{shards} shards");
            }
        }
    }

    #[test]
    fn shards_change_nothing_but_rounding() {
        let compute = |shards| compute(shards, &Group::alone());
        let (loss, whole) = compute(1);
        for shards in [3, 7, 8] {
            let (sharded_loss, sharded) = compute(shards);
            assert!((loss - sharded_loss).abs() < 1e-5, "{shards} shards: loss {sharded_loss}, not {loss}");
            let worst = whole.iter().zip(&sharded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{shards} shards: a gradient is off by {worst}");
        }
    }
}
