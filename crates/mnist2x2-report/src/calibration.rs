//! Whether a reading with confidence 0.9 is right nine times in ten.

use mnist2x2_random::Random;
use mnist2x2_train::Prediction;

use crate::Share;
use crate::statistics::{by_confidence, equally_confident};

/// How many bins to use where nothing speaks for another number, as C. Guo et al. do (*On calibration of modern neural
/// networks*, 2017).
pub const BINS: usize = 15;

/// Grids of about the same confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Their mean confidence.
    pub confidence: f64,
    /// How many of them were read right.
    pub share: Share,
}

impl Bin {
    fn of(grids: &[(f64, bool)]) -> Self {
        let sum: f64 = grids.iter().map(|(confidence, _)| confidence).sum();
        Self { confidence: sum / grids.len() as f64, share: grids.iter().map(|&(_, right)| right).collect() }
    }
}

/// Sorts grids into at most `bins` bins by the confidence of the whole sequence, the least confident first.
///
/// The bins hold as many grids each as can be, and not equal ranges of confidence: a good model is nearly always sure,
/// and all but the last of equal ranges would be almost empty (J. Nixon et al., *Measuring calibration in deep
/// learning*, 2019). Grids of exactly equal confidence stay together, so the result does not depend on their order; no
/// bin is empty.
pub fn reliability(graded: &[Prediction], bins: usize) -> Vec<Bin> {
    equally_full(&by_confidence(graded), bins)
}

/// [`reliability`] of grids that are sorted.
fn equally_full(sorted: &[(f64, bool)], bins: usize) -> Vec<Bin> {
    let mut start = 0;
    let bin = |k| {
        let end = past_equals(sorted, k * sorted.len() / bins);
        let grids = sorted.get(start..end).unwrap_or_default();
        start = end.max(start);
        (!grids.is_empty()).then(|| Bin::of(grids))
    };
    (1..=bins).filter_map(bin).collect()
}

/// The first place at or after `cut` where the confidence differs from the one before.
fn past_equals(sorted: &[(f64, bool)], cut: usize) -> usize {
    let (before, after) = sorted.split_at(cut);
    let equal = |other: &&(f64, bool)| before.last().is_some_and(|last| equally_confident(last, other));
    cut + after.iter().take_while(equal).count()
}

/// Equal ranges of the confidence of the whole sequence, the least confident first; those without a grid are left out.
fn equally_wide(sorted: &[(f64, bool)], bins: usize) -> Vec<Bin> {
    let range = |confidence: f64| ((confidence * bins as f64) as usize).min(bins.saturating_sub(1));
    let same = |(a, _): &(f64, bool), (b, _): &(f64, bool)| range(*a) == range(*b);
    if bins == 0 { Vec::new() } else { sorted.chunk_by(same).map(Bin::of).collect() }
}

/// How far confidence is from coming true, from 0 to 1: the distance between mean confidence and share of right readings,
/// averaged over [`BINS`] bins, each weighted by its grids.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationError {
    /// What it is.
    pub found: f64,
    /// What it would be in the mean if each grid were right with exactly the probability that its confidence says: chance alone puts
    /// some distance between the two, the more the fewer grids there are.
    pub by_chance: f64,
}

/// How often answers are drawn to see what chance alone does.
const DRAWS: u64 = 200;

impl CalibrationError {
    /// The expected calibration error, over equal ranges of confidence (M. P. Naeini et al., *Obtaining well calibrated probabilities
    /// using Bayesian binning*, 2015; C. Guo et al., *On calibration of modern neural networks*, 2017); `None` without grids.
    pub fn expected(graded: &[Prediction]) -> Option<Self> {
        Self::over(equally_wide, graded)
    }

    /// The adaptive one, over the bins of [`reliability`] (J. Nixon et al., *Measuring calibration in deep learning*, 2019), which sees
    /// more of what happens among the surest grids, and more of chance; `None` without grids.
    pub fn adaptive(graded: &[Prediction]) -> Option<Self> {
        Self::over(equally_full, graded)
    }

    /// The draws are always the same.
    fn over(bins: impl Fn(&[(f64, bool)], usize) -> Vec<Bin>, graded: &[Prediction]) -> Option<Self> {
        let mut sorted = by_confidence(graded);
        let found = mean_gap(&bins(&sorted, BINS))?;
        let draw = |number| {
            let mut random = Random::keyed(0, "calibration", 0, number);
            for (confidence, right) in &mut sorted {
                *right = random.unit() < *confidence;
            }
            mean_gap(&bins(&sorted, BINS))
        };
        Some(Self { found, by_chance: (0..DRAWS).filter_map(draw).sum::<f64>() / DRAWS as f64 })
    }
}

fn mean_gap(bins: &[Bin]) -> Option<f64> {
    let gap = |bin: &Bin| (bin.confidence * bin.share.of as f64 - bin.share.right as f64).abs();
    let grids: u64 = bins.iter().map(|bin| bin.share.of).sum();
    (grids > 0).then(|| bins.iter().map(gap).sum::<f64>() / grids as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::one_digit as graded;

    #[test]
    fn bins_hold_equally_many_in_order_of_confidence() {
        let all: Vec<_> = (0..22).rev().map(|i| graded(f64::from(i) / 22.0, i % 2 == 0)).collect();
        let bins = reliability(&all, 4);
        assert_eq!(bins.iter().map(|bin| bin.share.of).collect::<Vec<_>>(), [5, 6, 5, 6]);
        assert!(bins.is_sorted_by(|a, b| a.confidence < b.confidence));
        assert!((bins[0].confidence - 2.0 / 22.0).abs() < 1e-12);
        assert_eq!(bins[0].share.right, 3);
    }

    #[test]
    fn equal_confidences_stay_together_whatever_their_order() {
        let of = |right: [bool; 6]| {
            right.into_iter().zip([0.2, 0.9, 0.9, 0.9, 0.9, 1.0]).map(|(right, c)| graded(c, right)).collect()
        };
        let (some, others): (Vec<_>, Vec<_>) =
            (of([false, true, true, false, false, true]), of([false, false, false, true, true, true]));
        let bins = reliability(&some, 3);
        assert_eq!(bins, reliability(&others, 3));
        assert_eq!(bins.iter().map(|bin| bin.share.of).collect::<Vec<_>>(), [5, 1]);
    }

    #[test]
    fn the_error_is_the_mean_gap() {
        let mut all: Vec<_> = (0..8).map(|i| graded(0.75, i % 4 != 0)).collect();
        assert!(CalibrationError::adaptive(&all).unwrap().found < 1e-12, "three of four are right, as said");
        all.extend([graded(1.0, true), graded(1.0, false)]);
        let error = CalibrationError::adaptive(&all).unwrap().found;
        assert!((error - 0.2 * 0.5).abs() < 1e-12, "two grids of ten are half wrong: {error}");
    }

    #[test]
    fn ranges_are_equally_wide_and_never_empty() {
        let all: Vec<_> =
            [0.0, 0.19, 0.2, 0.55, 0.8, 1.0].into_iter().map(|c| graded(c, c > 0.5)).rev().collect();
        let bins = equally_wide(&by_confidence(&all), 5);
        assert_eq!(bins.iter().map(|bin| bin.share.of).collect::<Vec<_>>(), [2, 1, 1, 2]);
        assert!((bins[0].confidence - 0.095).abs() < 1e-12);
        let error = mean_gap(&bins).unwrap();
        assert!((error - (0.19 + 0.2 + 0.45 + 0.2) / 6.0).abs() < 1e-12, "{error}");
    }

    /// A bin of n grids that are right with probability p is off by sqrt(2 p (1 - p) / (pi n)) in the mean.
    #[test]
    fn chance_alone_gives_the_error_of_its_formula() {
        for n in [100, 10_000] {
            let all: Vec<_> = (0..n).map(|_| graded(0.8, true)).collect();
            let by_chance = (2.0 * 0.8 * 0.2 / (std::f64::consts::PI * f64::from(n))).sqrt();
            for error in
                [CalibrationError::expected(&all), CalibrationError::adaptive(&all)].map(Option::unwrap)
            {
                assert!((error.found - 0.2).abs() < 1e-9, "all are right: {error:?}");
                assert!((error.by_chance / by_chance - 1.0).abs() < 0.2, "{error:?}, not {by_chance}");
            }
        }
    }

    #[test]
    fn nothing_has_no_error() {
        assert_eq!([CalibrationError::expected(&[]), CalibrationError::adaptive(&[])], [None; 2]);
        for bins in [equally_full, equally_wide] {
            assert!(bins(&[], BINS).is_empty() && bins(&[(0.5, true)], 0).is_empty());
        }
        assert_eq!(reliability(&[graded(0.5, true)], BINS).len(), 1);
    }
}
