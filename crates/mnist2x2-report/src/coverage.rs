//! How many grids are read right where the model may refuse those that it is unsure of.

use mnist2x2_train::Prediction;

use crate::Share;
use crate::statistics::{by_confidence, equally_confident};

/// What is left when every grid below a threshold of confidence is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coverage {
    /// Grids of at least this confidence are kept.
    pub threshold: f64,
    /// How many of those kept were read right.
    pub kept: Share,
    /// The share of all grids that is kept, above 0 and at most 1.
    pub coverage: f64,
}

/// What each useful threshold keeps, from the most confident grids alone to all of them.
///
/// This is the curve of risk against coverage of Y. Geifman and R. El-Yaniv (*Selective classification for deep neural
/// networks*, 2017), with accuracy, 1 - risk, in place of risk. There is a point for each confidence that occurs: grids
/// of equal confidence are kept or refused together, as a threshold does.
pub fn coverage_curve(graded: &[Prediction]) -> Vec<Coverage> {
    let sorted = by_confidence(graded);
    let mut kept = Share::default();
    let point = |equals: &[(f64, bool)]| {
        let more: Share = equals.iter().map(|&(_, right)| right).collect();
        kept = Share { right: kept.right + more.right, of: kept.of + more.of };
        Coverage { threshold: equals[0].0, kept, coverage: kept.of as f64 / graded.len() as f64 }
    };
    sorted.chunk_by(equally_confident).rev().map(point).collect()
}

/// The highest threshold of `curve` that keeps at least the share `least` of all grids; `None` if there is none.
pub fn at_coverage(curve: &[Coverage], least: f64) -> Option<Coverage> {
    curve.get(curve.partition_point(|point| point.coverage < least)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::one_digit as graded;

    /// 50 grids, the two least sure of which are wrong.
    fn fifty() -> Vec<Prediction> {
        (0..50).map(|i| graded(f64::from(i) / 50.0, i > 1)).collect()
    }

    #[test]
    fn refusing_the_unsure_leaves_the_right() {
        let curve = coverage_curve(&fifty());
        let kept = |least| at_coverage(&curve, least).unwrap().kept;
        assert_eq!(kept(1.0), Share { right: 48, of: 50 });
        assert_eq!(kept(0.98), Share { right: 48, of: 49 });
        assert_eq!(kept(0.97), Share { right: 48, of: 49 }, "at least 97 % of 50 are 49");
        assert_eq!(kept(0.96), Share { right: 48, of: 48 });
        assert_eq!(kept(0.0), Share { right: 1, of: 1 });
        assert_eq!(at_coverage(&curve, 1.1), None);
    }

    #[test]
    fn a_threshold_keeps_what_it_says() {
        let all = fifty();
        for point in coverage_curve(&all) {
            let kept = all.iter().filter(|graded| graded.confidence >= point.threshold).count();
            assert_eq!((point.kept.of, point.coverage), (kept as u64, kept as f64 / 50.0));
        }
    }

    #[test]
    fn equal_confidences_are_kept_or_refused_together() {
        let all = [graded(0.9, false), graded(0.5, true), graded(0.9, true), graded(0.5, true)];
        let curve = coverage_curve(&all);
        let kept: Vec<_> = curve.iter().map(|point| (point.kept.right, point.kept.of)).collect();
        assert_eq!(kept, [(1, 2), (3, 4)]);
        assert_eq!(at_coverage(&curve, 0.25).unwrap().kept.of, 2);
    }

    #[test]
    fn nothing_has_no_curve() {
        assert_eq!(coverage_curve(&[]), []);
        assert_eq!(at_coverage(&[], 0.5), None);
    }
}
