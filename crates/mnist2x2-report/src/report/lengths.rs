//! How many sequences of each length are right, and which mistakes change a length.

use mnist2x2_train::{Edits, Evaluation, LengthAccuracy};

use super::table::{range, table};
use super::{Report, part};
use crate::Share;
use crate::markup::Element;
use crate::number::{counted, grouped, percent};

const TITLE: &str = "Accuracy by length";

/// Nothing where all sequences have the same length.
pub(super) fn section(report: &Report<'_>) -> Option<Element> {
    if report.layout.is_full() {
        return None;
    }
    let Evaluation { per_length, edits, digits, .. } = report.evaluation;
    let Edits { insertions, deletions, substitutions, .. } = *edits;
    let rate = Share { right: edits.count(), of: *digits }.value().map_or("none".into(), percent);
    let explanation = format!(
        "The share of sequences that are right in every digit and in their length. Of {}, {} were read as others, {} are missing \
         in the readings, and {} are too many there: together {rate} of the digits.",
        counted(*digits, "digit"),
        grouped(substitutions),
        grouped(deletions),
        grouped(insertions)
    );
    let columns = ["digits", "right", "of", "share", "95 % interval"];
    Some(part(TITLE, &explanation, table(TITLE, &columns, per_length.iter().map(row))))
}

fn row(of: &LengthAccuracy) -> Vec<String> {
    let share = Share { right: of.correct, of: of.sequences };
    let value = share.value().map_or("none".into(), percent);
    vec![of.length.to_string(), grouped(of.correct), grouped(of.sequences), value, range(share.interval())]
}
