//! Counts and shares of grids that were read, and how sure one can be of a share.

use std::cmp::Reverse;

use mnist2x2_train::Graded;

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

    /// The score interval for the share at 95 % confidence (E. B. Wilson, *Probable inference, the law of succession,
    /// and statistical inference*, 1927), all of 0 to 1 where nothing was counted.
    ///
    /// Unlike the usual p +- 1.96 standard errors it stays within 0 and 1, and has a width even where all are right.
    pub fn interval(self) -> Interval {
        let Some(share) = self.value() else { return Interval { low: 0.0, high: 1.0 } };
        let n = self.of as f64;
        let pull = Z_95 * Z_95 / n;
        let centre = share + pull / 2.0;
        let reach = (share * (1.0 - share) * pull + pull * pull / 4.0).sqrt();
        let limit = |limit: f64| (limit / (1.0 + pull)).clamp(0.0, 1.0);
        Interval { low: limit(centre - reach), high: limit(centre + reach) }
    }
}

impl FromIterator<bool> for Share {
    fn from_iter<I: IntoIterator<Item = bool>>(outcomes: I) -> Self {
        let count = |share: Self, right| Self { right: share.right + u64::from(right), of: share.of + 1 };
        outcomes.into_iter().fold(Self::default(), count)
    }
}

/// Digits by what they show and what was read: `[true][read]`, where the last column counts cells without a digit read.
pub type Confusion = [[u64; 11]; 10];

/// What each cell of a grid shows, and what was read there; cells that the reading does not reach have no digit.
pub(crate) fn cells(graded: &Graded) -> impl Iterator<Item = (u8, Option<u8>)> {
    let read = graded.read.iter().copied().chain(std::iter::repeat(None));
    graded.labels.iter().copied().zip(read)
}

/// The grids of which every digit is right.
pub fn sequences(graded: &[Graded]) -> Share {
    graded.iter().map(Graded::is_right).collect()
}

/// The digits that are right, over all grids.
pub fn digits(graded: &[Graded]) -> Share {
    graded.iter().flat_map(cells).map(|(label, read)| read == Some(label)).collect()
}

/// The digits that are right at each of the first `n` positions of a sequence.
pub fn positions(graded: &[Graded], n: usize) -> Vec<Share> {
    let at = |position: usize| graded.iter().filter_map(move |graded| cells(graded).nth(position));
    (0..n).map(|position| at(position).map(|(label, read)| read == Some(label)).collect()).collect()
}

/// Counts which digit was read as which. Labels and readings that are no digits are left out.
pub fn confusion(graded: &[Graded]) -> Confusion {
    let mut counts = [[0; 11]; 10];
    for (label, read) in graded.iter().flat_map(cells) {
        let row = counts.get_mut(usize::from(label));
        if let Some(count) = row.and_then(|row| row.get_mut(read.map_or(10, usize::from))) {
            *count += 1;
        }
    }
    counts
}

/// The indices of at most `most` grids that were read wrong, the most confident first.
pub fn worst_mistakes(graded: &[Graded], most: usize) -> Vec<usize> {
    let mut wrong: Vec<usize> = (0..graded.len()).filter(|&i| !graded[i].is_right()).collect();
    wrong.sort_by(|&a, &b| graded[b].confidence.total_cmp(&graded[a].confidence));
    wrong.truncate(most);
    wrong
}

/// The pairs (true, read as) of a confusion that are mistakes, with their counts, the most frequent first.
pub(crate) fn commonest_confusions(counts: &Confusion) -> Vec<(usize, usize, u64)> {
    let row = |(label, row): (usize, &[u64; 11])| row.map(|count| (label, count));
    let cells = counts.iter().enumerate().flat_map(row).enumerate();
    let mut pairs: Vec<_> = cells.map(|(place, (label, count))| (label, place % 11, count)).collect();
    pairs.retain(|&(label, read, count)| label != read && count > 0);
    pairs.sort_by_key(|&(_, _, count)| Reverse(count));
    pairs
}

/// The confidence in each grid and whether it was read right, the least confident first.
pub(crate) fn by_confidence(graded: &[Graded]) -> Vec<(f64, bool)> {
    let mut sorted: Vec<_> = graded.iter().map(|graded| (graded.confidence, graded.is_right())).collect();
    sorted.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    sorted
}

/// Whether no threshold of confidence tells two grids apart.
pub(crate) fn equally_confident((a, _): &(f64, bool), (b, _): &(f64, bool)) -> bool {
    a.total_cmp(b).is_eq()
}

/// A grid of one digit, for tests.
#[cfg(test)]
pub(crate) fn one_digit(confidence: f64, right: bool) -> Graded {
    Graded {
        labels: vec![3],
        read: vec![Some(if right { 3 } else { 8 })],
        confidence,
        cells: vec![confidence],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(labels: &[u8], read: &[Option<u8>], confidence: f64) -> Graded {
        Graded {
            labels: labels.to_vec(),
            read: read.to_vec(),
            confidence,
            cells: vec![confidence; read.len()],
        }
    }

    fn some() -> Vec<Graded> {
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
    fn sequences_digits_and_positions_are_counted() {
        assert_eq!(sequences(&some()), Share { right: 1, of: 4 });
        assert_eq!(digits(&some()), Share { right: 8, of: 12 });
        let right = [4, 3, 1].map(|right| Share { right, of: 4 });
        assert_eq!(positions(&some(), 3), right);
        assert_eq!(positions(&some(), 4)[3], Share::default());
    }

    #[test]
    fn confusions_are_counted_where_they_happened() {
        let counts = confusion(&some());
        assert_eq!((counts[2][2], counts[2][7], counts[3][10], counts[9][4]), (1, 2, 1, 1));
        assert_eq!(counts.as_flattened().iter().sum::<u64>(), 12);
        assert_eq!(commonest_confusions(&counts), [(2, 7, 2), (3, 10, 1), (9, 4, 1)]);
        assert_eq!(confusion(&[graded(&[10, 3], &[Some(1), Some(11)], 0.5)]), [[0; 11]; 10]);
    }

    #[test]
    fn a_reading_that_ends_early_is_wrong() {
        let early = [graded(&[1, 2, 3], &[Some(1)], 0.5)];
        assert_eq!(digits(&early), Share { right: 1, of: 3 });
        assert_eq!(confusion(&early)[2][10], 1);
    }

    #[test]
    fn the_most_confident_mistakes_come_first_and_equals_keep_their_order() {
        assert_eq!(worst_mistakes(&some(), 5), [2, 3, 1]);
        assert_eq!(worst_mistakes(&some(), 2), [2, 3]);
        assert_eq!(worst_mistakes(&some()[..1], 5), [0; 0]);
    }
}
