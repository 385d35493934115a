//! Shares of grids and digits that were read right, and how sure one can be of a share.

use mnist2x2_train::{Evaluation, Prediction};

/// The 97.5 % quantile of the normal distribution: 95 % of it lie between this and its negative.
const Z_95: f64 = 1.959_963_984_540_054;

/// How many of some things are right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Those that are right.
    pub right: u64,
    /// All of them.
    pub of: u64,
}

/// Between which values a share lies, with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end, from 0 to 1.
    pub low: f64,
    /// The upper end, from 0 to 1.
    pub high: f64,
}

impl Share {
    /// The share itself, from 0 to 1; `None` of nothing.
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.right as f64 / self.of as f64)
    }

    /// The score interval for the share at 95 % confidence, if each outcome is a draw of its own (E. B. Wilson, *Probable inference, the law of succession,
    /// and statistical inference*, 1927), all of 0 to 1 where nothing was counted.
    ///
    /// Unlike the usual p +- 1.96 standard errors it stays within 0 and 1, and has a width even where all are right.
    pub fn interval(self) -> Interval {
        let Some(share) = self.value() else { return Interval { low: 0.0, high: 1.0 } };
        let n = self.of as f64;
        let pull = Z_95 * Z_95 / n;
        let center = share + pull / 2.0;
        let reach = (share * (1.0 - share) * pull + pull * pull / 4.0).sqrt();
        let limit = |limit: f64| (limit / (1.0 + pull)).clamp(0.0, 1.0);
        Interval { low: limit(center - reach), high: limit(center + reach) }
    }
}

impl FromIterator<bool> for Share {
    fn from_iter<I: IntoIterator<Item = bool>>(outcomes: I) -> Self {
        let count = |share: Self, right| Self { right: share.right + u64::from(right), of: share.of + 1 };
        outcomes.into_iter().fold(Self::default(), count)
    }
}

/// The grids of which every digit is right.
pub fn sequences(evaluation: &Evaluation) -> Share {
    Share { right: evaluation.sequences_correct, of: evaluation.sequences }
}

/// The digits that are right, over all grids.
pub fn digits(evaluation: &Evaluation) -> Share {
    Share { right: evaluation.digits_correct, of: evaluation.digits }
}

/// The indices of at most `most` grids that were read wrong, the most confident first.
pub fn worst_mistakes(graded: &[Prediction], most: usize) -> Vec<usize> {
    let mut wrong: Vec<usize> = (0..graded.len()).filter(|&i| !graded[i].is_correct()).collect();
    wrong.sort_by(|&a, &b| graded[b].confidence.total_cmp(&graded[a].confidence));
    wrong.truncate(most);
    wrong
}

/// The confidence in each grid and whether it was read right, the least confident first.
pub(crate) fn by_confidence(graded: &[Prediction]) -> Vec<(f64, bool)> {
    let mut sorted: Vec<_> = graded.iter().map(|graded| (graded.confidence, graded.is_correct())).collect();
    sorted.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    sorted
}

/// Whether no threshold of confidence tells two grids apart.
pub(crate) fn equally_confident((a, _): &(f64, bool), (b, _): &(f64, bool)) -> bool {
    a.total_cmp(b).is_eq()
}

/// A grid of one digit, for tests.
#[cfg(test)]
pub(crate) fn one_digit(confidence: f64, right: bool) -> Prediction {
    Prediction {
        labels: vec![3],
        predicted: vec![Some(if right { 3 } else { 8 })],
        confidence,
        cell_confidences: vec![confidence],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(labels: &[u8], read: &[Option<u8>], confidence: f64) -> Prediction {
        Prediction {
            labels: labels.to_vec(),
            predicted: read.to_vec(),
            confidence,
            cell_confidences: vec![confidence; read.len()],
        }
    }

    fn some() -> Vec<Prediction> {
        vec![
            graded(&[1, 2, 3], &[Some(1), Some(2), Some(3)], 0.99),
            graded(&[1, 2, 3], &[Some(1), Some(7), None], 0.4),
            graded(&[9, 9, 9], &[Some(9), Some(9), Some(4)], 0.7),
            graded(&[9, 0, 2], &[Some(9), Some(0), Some(7)], 0.7),
        ]
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 5e-5
    }

    /// The roots p of |k/n - p| = z sqrt(p (1 - p) / n), which is how Wilson defines the limits.
    #[test]
    fn the_interval_ends_where_the_share_is_as_unlikely_as_agreed() {
        for (right, of) in [(1, 10), (8, 10), (7, 23), (9_853, 10_000), (1, 40_000)] {
            let (share, n) = (right as f64 / of as f64, of as f64);
            let Interval { low, high } = Share { right, of }.interval();
            for end in [low, high] {
                let deviations = (share - end).abs() / (end * (1.0 - end) / n).sqrt();
                assert!((deviations - Z_95).abs() < 1e-6, "{right} of {of}: {deviations}");
            }
            assert!(low < share && share < high);
        }
    }

    #[test]
    fn the_interval_has_a_width_at_its_ends() {
        let Interval { low, high } = Share { right: 10, of: 10 }.interval();
        assert!(close(low, 0.7225) && close(high, 1.0), "{low} {high}");
        let Interval { low, high } = Share { right: 0, of: 10 }.interval();
        assert!(close(low, 0.0) && close(high, 0.2775), "{low} {high}");
        assert_eq!(Share::default().interval(), Interval { low: 0.0, high: 1.0 });
        assert_eq!(Share::default().value(), None);
    }

    #[test]
    fn sequences_and_digits_are_counted() {
        let evaluation = Evaluation::of(&some(), 0.0);
        assert_eq!(sequences(&evaluation), Share { right: 1, of: 4 });
        assert_eq!(digits(&evaluation), Share { right: 8, of: 12 });
        assert_eq!(evaluation.per_position_correct, [4, 3, 1]);
        let counts = &evaluation.confusion;
        assert_eq!((counts[2][2], counts[2][7], counts[3][10], counts[9][4]), (1, 2, 1, 1));
        assert_eq!(counts.as_flattened().iter().sum::<u64>(), 12);
    }

    #[test]
    fn the_most_confident_mistakes_come_first_and_equals_keep_their_order() {
        assert_eq!(worst_mistakes(&some(), 5), [2, 3, 1]);
        assert_eq!(worst_mistakes(&some(), 2), [2, 3]);
        assert_eq!(worst_mistakes(&some()[..1], 5), [0; 0]);
    }
}
