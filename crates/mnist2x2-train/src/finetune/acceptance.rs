//! Whether a fine-tuned model may take the place of the one that it came from.

use serde::{Deserialize, Serialize};

/// How much of validation's accuracy a fine-tuned model may lose: 0.2 points.
const MAX_LOST: f64 = 0.002;

/// What a model reads right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// Held-out corrections of which every cell is right, empty ones included.
    pub corrections: u64,
    /// Cells of them that are right.
    pub cells: u64,
    /// How sure it is of what it reads right of them, 0 to 1: the mean of its confidence, not calibrated, where a wrong reading counts as
    /// 0. It is 0 in records that were written before it was measured.
    #[serde(default)]
    pub confidence: f64,
    /// The share of validation grids of which every digit is right.
    pub validation: f64,
}

/// What a model read right before and after it was fine-tuned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// Corrections that were not learned from.
    pub held_out: u64,
    /// The model that was begun with.
    pub before: Scores,
    /// The fine-tuned one.
    pub after: Scores,
}

impl Acceptance {
    /// Whether the held-out corrections are read better: more of them right; if as many are right, more of their cells; if these are as
    /// many too, with more confidence. All of few held-out corrections may be right before, while others are not.
    pub fn is_better(&self) -> bool {
        let rank = |scores: &Scores| (scores.corrections, scores.cells, scores.confidence);
        rank(&self.after) > rank(&self.before)
    }

    /// Whether validation has kept its accuracy, but for 0.2 points.
    pub fn keeps_validation(&self) -> bool {
        keeps(self.before.validation, self.after.validation)
    }

    /// Why the fine-tuned model is not to be used; nothing if it is.
    pub fn objection(&self) -> Option<String> {
        let Self { held_out, before, after } = self;
        let mut objections = Vec::new();
        if !self.is_better() {
            objections.push(format!(
                "the held-out corrections are not read better: {} of {held_out} right, {} cells, {:.1} % confidence \
                if wrong ones count 0; the old model has {} right, {} cells, {:.1} %",
                after.corrections,
                after.cells,
                100.0 * after.confidence,
                before.corrections,
                before.cells,
                100.0 * before.confidence
            ));
        }
        if !self.keeps_validation() {
            objections.push(format!(
                "validation falls by more than {:.1} points: from {:.2} % to {:.2} % of grids",
                100.0 * MAX_LOST,
                100.0 * before.validation,
                100.0 * after.validation
            ));
        }
        (!objections.is_empty()).then(|| objections.join("; "))
    }
}

/// Whether validation has kept its accuracy, but for 0.2 points.
pub(super) fn keeps(before: f64, after: f64) -> bool {
    // Accuracies are shares of some thousand grids: what lies beneath that is rounding.
    before - after <= MAX_LOST + 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acceptance(before: (u64, u64, f64), after: (u64, u64, f64)) -> Acceptance {
        let scores =
            |(corrections, cells, validation)| Scores { corrections, cells, confidence: 0.5, validation };
        Acceptance { held_out: 7, before: scores(before), after: scores(after) }
    }

    #[test]
    fn better_is_more_corrections_or_as_many_and_more_cells() {
        for (after, is_better) in
            [((3, 20), false), ((4, 12), true), ((3, 21), true), ((3, 19), false), ((2, 27), false)]
        {
            let acceptance = acceptance((3, 20, 0.98), (after.0, after.1, 0.98));
            assert_eq!(acceptance.is_better(), is_better, "{after:?}");
            assert_eq!(acceptance.objection().is_none(), is_better, "{after:?}");
        }
    }

    #[test]
    fn where_as_many_are_right_more_confidence_is_better() {
        for (confidence, is_better) in [(0.5, false), (0.4, false), (0.6, true), (f64::NAN, false)] {
            let mut acceptance = acceptance((7, 28, 0.98), (7, 28, 0.98));
            acceptance.after.confidence = confidence;
            assert_eq!(acceptance.is_better(), is_better, "{confidence}");
        }
        let earlier: Scores =
            serde_json::from_str(r#"{"corrections": 7, "cells": 28, "validation": 0.98}"#).unwrap();
        assert_eq!(earlier, Scores { corrections: 7, cells: 28, confidence: 0.0, validation: 0.98 });
    }

    #[test]
    fn validation_may_fall_by_two_tenths_of_a_point_and_no_more() {
        for (grids, is_kept) in [(9_800, true), (9_780, true), (9_779, false), (9_900, true)] {
            let acceptance = acceptance((0, 0, 0.98), (1, 4, f64::from(grids) / 10_000.0));
            assert_eq!(acceptance.keeps_validation(), is_kept, "{grids}");
            let said = acceptance.objection().unwrap_or_default();
            assert_eq!(said.contains("from 98.00 % to"), !is_kept, "{said}");
        }
    }

    #[test]
    fn each_objection_is_told() {
        let said = acceptance((3, 20, 0.98), (3, 20, 0.9)).objection().unwrap();
        assert!(
            said.contains(
                "3 of 7 right, 20 cells, 50.0 % confidence if wrong ones count 0; the old model has 3"
            ) && said.contains("to 90.00 % of grids"),
            "{said}"
        );
    }
}
