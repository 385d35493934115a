//! How sure one can be of accuracies where the same handwritten digit, or the same hand, stands in many grids.

use std::collections::BTreeMap;

use mnist2x2_random::Random;
use mnist2x2_train::{Prediction, are_ragged};

use crate::{Interval, Share};

/// How often the clusters are drawn anew.
const RESAMPLES: u64 = 1000;

/// What cells of different grids have in common, so that they are read right or wrong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clusters {
    /// What they are: `digit` or `writer`.
    pub unit: &'static str,
    /// Which of them each cell of each grid shows, grid by grid.
    pub ids: Vec<u32>,
}

/// Between which values two accuracies lie, with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Intervals {
    /// That of whole grids.
    pub sequences: Interval,
    /// That of digits.
    pub digits: Interval,
    /// How many clusters were resampled.
    pub clusters: usize,
}

impl Clusters {
    /// The intervals of the accuracies of `graded`, by drawing as many clusters as there are, with replacement, a thousand
    /// times: each with all that was read of it (A. Davison and D. Hinkley, *Bootstrap Methods and their Application*, 1997,
    /// section 3.8). The draws are always the same.
    ///
    /// A grid that was read wrong counts for the digits in it that were, in equal parts; one without digits counts for none. Where no draw differs, as where all is
    /// right, [`Share::interval`] is taken of as many draws as there are clusters, or grids if those are fewer.
    pub fn intervals(&self, graded: &[Prediction]) -> Intervals {
        let tallies = self.tallies(graded);
        let draw = |number| {
            let mut random = Random::keyed(0, "bootstrap", 0, number);
            let drawn = (0..tallies.len()).map(|_| tallies[random.below(tallies.len() as u32) as usize]);
            Tally::sum(drawn)
        };
        let drawn: Vec<Tally> = (0..RESAMPLES).map(draw).collect();
        let whole = Tally::sum(tallies.iter().copied());
        let interval = |draws: usize, accuracy: &dyn Fn(&Tally) -> f64| {
            let mut values: Vec<f64> = drawn.iter().map(|tally| accuracy(tally).max(0.0)).collect();
            values.sort_by(f64::total_cmp);
            let at = |share: f64| values[(share * (values.len() - 1) as f64).round() as usize];
            let (low, high, of) = (at(0.025), at(0.975), draws.min(tallies.len()) as u64);
            if low < high {
                return Interval { low, high };
            }
            let right = if of == 0 { 0 } else { (accuracy(&whole) * of as f64).round() as u64 };
            Share { right, of }.interval()
        };
        Intervals {
            sequences: interval(graded.len(), &|tally| 1.0 - tally.wrong_grids / tally.grids),
            digits: interval(usize::MAX, &|tally| 1.0 - tally.wrong_cells / tally.cells),
            clusters: tallies.len(),
        }
    }

    /// What was read of each cluster.
    fn tallies(&self, graded: &[Prediction]) -> Vec<Tally> {
        let mut tallies: BTreeMap<u32, Tally> = BTreeMap::new();
        let (mut ids, is_ragged) = (self.ids.iter(), are_ragged(graded));
        for grid in graded {
            let outcomes = if is_ragged { grid.aligned() } else { grid.outcomes().collect() };
            let wrong = outcomes.iter().filter(|(label, read)| *read != Some(*label)).count();
            let grids = 1.0 / outcomes.len() as f64;
            for ((label, read), &id) in outcomes.into_iter().zip(&mut ids) {
                let wrong_cells = if read == Some(label) { 0.0 } else { 1.0 };
                // Where all digits are right and some are too many, each has its part in that.
                let wrong_grids = match wrong {
                    0 if grid.is_correct() => 0.0,
                    0 => grids,
                    _ => wrong_cells / wrong as f64,
                };
                let tally = tallies.entry(id).or_default();
                *tally =
                    Tally::sum([*tally, Tally { cells: 1.0, grids, wrong_cells, wrong_grids }].into_iter());
            }
        }
        tallies.into_values().collect()
    }
}

/// What was read of a cluster, or of several.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    cells: f64,
    /// Grids, of each the part that its cells have in it.
    grids: f64,
    wrong_cells: f64,
    /// Wrong grids, of each the part that its cells have in it.
    wrong_grids: f64,
}

impl Tally {
    fn sum(tallies: impl Iterator<Item = Self>) -> Self {
        tallies.fold(Self::default(), |a, b| Self {
            cells: a.cells + b.cells,
            grids: a.grids + b.grids,
            wrong_cells: a.wrong_cells + b.wrong_cells,
            wrong_grids: a.wrong_grids + b.wrong_grids,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2,000 grids of two digits, each digit in four grids; and which digits: below 500 in the first cell. They are wrong
    /// where `is_wrong` says so of a grid and a digit.
    fn graded(is_wrong: impl Fn(usize, u32) -> bool) -> (Vec<Prediction>, Vec<u32>) {
        let ids: Vec<u32> = (0..2000).flat_map(|grid: u32| [grid / 4, 500 + grid / 4]).collect();
        let grid = |(grid, ids): (usize, &[u32])| Prediction {
            labels: vec![3; 2],
            predicted: ids.iter().map(|&id| Some(if is_wrong(grid, id) { 8 } else { 3 })).collect(),
            confidence: 0.9,
            cell_confidences: vec![0.9; 2],
        };
        (ids.chunks(2).enumerate().map(grid).collect(), ids)
    }

    fn width(Interval { low, high }: Interval) -> f64 {
        high - low
    }

    /// What independent draws would say.
    fn wilson(graded: &[Prediction]) -> f64 {
        width(graded.iter().map(Prediction::is_correct).collect::<Share>().interval())
    }

    #[test]
    fn digits_that_are_always_misread_make_the_interval_as_wide_as_there_are_few_of_them() {
        // 25 digits are wrong in each of their four grids: as 25 of 500, and not as 100 of 2,000.
        let (graded, ids) = graded(|_, id| id < 500 && id % 20 == 0);
        let found = Clusters { unit: "digit", ids }.intervals(&graded);
        let ratio = width(found.sequences) / wilson(&graded);
        assert!((1.7..2.3).contains(&ratio), "{ratio}: {found:?}");
        assert!(found.sequences.low < 0.95 && 0.95 < found.sequences.high, "{found:?}");
        assert!(found.digits.low < 0.975 && 0.975 < found.digits.high, "{found:?}");
        assert_eq!(found.clusters, 1000);
    }

    #[test]
    fn mistakes_that_have_nothing_in_common_are_as_sure_as_independent_draws() {
        let mut random = Random::keyed(0, "test mistakes", 0, 0);
        let wrong: Vec<bool> = (0..2000).map(|_| random.unit() < 0.1).collect();
        let (graded, ids) = graded(|grid, id| wrong[grid] && id < 500);
        let found = Clusters { unit: "digit", ids }.intervals(&graded);
        let ratio = width(found.sequences) / wilson(&graded);
        assert!((0.85..1.15).contains(&ratio), "{ratio}: {found:?}");
    }

    #[test]
    fn a_writer_is_one_draw_however_many_digits_there_are() {
        // Of twenty writers, two are read wrong wherever they stand in the first cell.
        let (graded, ids) = graded(|_, id| id < 500 && id % 20 < 2);
        let ids: Vec<u32> = ids.iter().map(|id| id % 20).collect();
        let found = Clusters { unit: "writer", ids }.intervals(&graded);
        assert!(found.clusters == 20 && width(found.sequences) > 5.0 * wilson(&graded), "{found:?}");
    }

    #[test]
    fn there_is_a_width_where_all_is_right_and_the_same_comes_again() {
        let (graded, ids) = graded(|_, _| false);
        let clusters = Clusters { unit: "digit", ids };
        let found = clusters.intervals(&graded);
        assert_eq!(found.sequences, Share { right: 1000, of: 1000 }.interval());
        assert_eq!(clusters.intervals(&graded), found);
        let nothing = Clusters { unit: "digit", ids: Vec::new() }.intervals(&[]);
        assert_eq!((nothing.digits, nothing.clusters), (Interval { low: 0.0, high: 1.0 }, 0));
    }
}
