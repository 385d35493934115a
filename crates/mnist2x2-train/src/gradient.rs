//! The loss of a batch and its gradient, computed in shards.

use std::ops::Range;

use mnist2x2_data::Epoch;
use mnist2x2_model::{Config, Gradients, Seq2Seq};

use crate::Error;
use crate::batch::{split, token_count};
use crate::loss::{Targets, differentiate};
use crate::workers::Workers;

/// Computes the mean loss of the batch of `step` and writes its gradient to `flat`, in flat order.
///
/// The batch is split into `shards`, each differentiated by one thread of one process. Their gradients are added up as a tree of
/// pairs, whoever computes them; so the sum does not depend on which thread was first, or on how many threads and processes there
/// are.
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
    let own = workers.group().branch(ranges.len());
    let tokens = (epoch.digit_count(step) + grids) as f32;
    let tree = Tree { model: &model.fixed(), epoch, step, targets, workers, tokens };
    let halves = workers.install(|| tree.halves(&ranges[own.clone()]))?;
    let weighted: Vec<(f32, &Gradients)> = halves.iter().map(|half| (half.weight, &half.gradients)).collect();
    workers.map(model.parameters().group_gradients(flat)?, |mut group| Ok(group.sum(&weighted)?))?;
    workers.group().sum(flat);
    let mut losses = vec![[0.0; 2]; ranges.len()];
    let found = halves.into_iter().flat_map(|half| half.losses);
    losses[own].iter_mut().zip(found).for_each(|(loss, found)| *loss = found);
    workers.group().sum(losses.as_flattened_mut());
    Ok(losses.iter().map(|[share, loss]| f64::from(*share) * f64::from(*loss)).sum())
}

/// The shards of a batch, whose gradients are added up in pairs: the first ones, as many as the largest power of two below their
/// number, and the others, each added up so. A thread that computed both of a pair adds them while they are in its cache.
struct Tree<'a> {
    model: &'a Seq2Seq,
    epoch: &'a Epoch<'a>,
    step: usize,
    targets: &'a Targets,
    workers: &'a Workers,
    /// Those of the whole batch.
    tokens: f32,
}

/// Some neighboring shards.
struct Branch {
    /// Of each shard, its share of the batch's tokens and the mean loss over them.
    losses: Vec<[f32; 2]>,
    gradients: Gradients,
    /// What the gradients are still to be multiplied by.
    weight: f32,
}

impl Tree<'_> {
    /// The two branches of these shards, or the only one.
    fn halves(&self, shards: &[Range<usize>]) -> Result<Vec<Branch>, Error> {
        match shards {
            [] => Ok(Vec::new()),
            [shard] => Ok(vec![self.leaf(shard)?]),
            _ => {
                let (left, right) = shards.split_at(shards.len().next_power_of_two() / 2);
                let (left, right) = self.workers.join(|| self.branch(left), || self.branch(right));
                Ok(vec![left?, right?])
            }
        }
    }

    /// All of these shards, of which there is at least one.
    fn branch(&self, shards: &[Range<usize>]) -> Result<Branch, Error> {
        let add = |mut left: Branch, right: Branch| {
            left.gradients.add(left.weight, &right.gradients, right.weight);
            left.losses.extend(right.losses);
            Branch { weight: 1.0, ..left }
        };
        Ok(self.halves(shards)?.into_iter().reduce(add).expect("a branch has shards"))
    }

    fn leaf(&self, shard: &Range<usize>) -> Result<Branch, Error> {
        let part = self.epoch.part(self.step, shard.clone());
        let (loss, gradients) = differentiate(self.model, &part, self.targets)?;
        let share = token_count(&part) as f32 / self.tokens;
        Ok(Branch { losses: vec![[share, loss]], gradients, weight: share })
    }
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
    use mnist2x2_data::{GridShape, GridSource, Layout, Loader, synthetic};
    use mnist2x2_model::Parameters;

    use super::*;
    use crate::Group;
    use crate::group::tests::in_ranks;

    /// Loss and gradient of a batch of seven small grids, of which each cell is empty with a probability.
    fn compute(shards: usize, blanks: f64, group: &Group) -> (f64, Vec<f32>) {
        let model = Seq2Seq::new(Parameters::init(&Config::tiny(), 0, &Device::Cpu).unwrap()).unwrap();
        let digits = Arc::new(synthetic::digits(Split::Train, 30, 0));
        let layout = Layout::Grid { shape: GridShape { rows: 1, cols: 3 }, blanks };
        let loader = Loader::new(digits, GridSource::Fresh { grids: 7 }, layout, 7, 0).unwrap();
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
        for (shards, blanks) in [(8, 0.0), (6, 0.4), (5, 0.0), (5, 0.4)] {
            let (loss, alone) = compute(shards, blanks, &Group::alone());
            for (others, gradient) in
                [2, 4, 8].into_iter().flat_map(|size| in_ranks(size, |g| compute(shards, blanks, &g)))
            {
                let is_same = others.to_bits() == loss.to_bits() && gradient == alone;
                assert!(is_same, "{shards} shards, {blanks} empty");
            }
        }
    }

    #[test]
    fn shards_change_nothing_but_rounding() {
        for blanks in [0.0, 0.4] {
            let compute = |shards| compute(shards, blanks, &Group::alone());
            let (loss, whole) = compute(1);
            for shards in [2, 3, 7, 8] {
                let (sharded_loss, sharded) = compute(shards);
                let what = format!("{shards} shards, {blanks} empty");
                assert!((loss - sharded_loss).abs() < 1e-5, "{what}: loss {sharded_loss}, not {loss}");
                let worst = whole.iter().zip(&sharded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-5, "{what}: a gradient is off by {worst}");
            }
        }
    }
}
