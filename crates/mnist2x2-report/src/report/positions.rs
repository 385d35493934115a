//! How many digits are right in each cell of the grid.

use std::iter::repeat;

use mnist2x2_train::Evaluation;

use super::table::{range, scrolling};
use super::{Report, part};
use crate::Share;
use crate::markup::{Element, element};
use crate::number::{grouped, percent};

const TITLE: &str = "Accuracy by position";

pub(super) fn section(report: &Report<'_>) -> Element {
    let Evaluation { per_position_digits, per_position_correct, .. } = report.evaluation;
    let right = per_position_correct.iter().zip(per_position_digits).map(|(&right, &of)| Share { right, of });
    let shares: Vec<_> = right.chain(repeat(Share::default())).take(report.shape().cells()).collect();
    if shares.iter().all(|share| share.of == 0) {
        return part(TITLE, "No digit was read, so no position can be compared with another.", None);
    }
    let explanation = if report.layout.is_full() {
        "The share of digits read right in each cell with its 95 % interval, laid out as the grid is. Digits are written row by \
         row, so the last cells come last in the sequence."
    } else {
        "The share of digits read right at each place of the sequence with its 95 % interval. Column 1 is the first digit."
    };
    part(TITLE, explanation, scrolling(TITLE, grid(report, &shares)))
}

fn grid(report: &Report<'_>, shares: &[Share]) -> Element {
    let header = |scope, name: String| element("th").with("scope", scope).text(name);
    let columns = (1..=report.shape().cols).map(|col| header("col", format!("column {col}")));
    let row = |(row, shares): (usize, &[Share])| {
        element("tr").add(header("row", format!("row {}", row + 1))).add(shares.iter().map(cell))
    };
    let head = element("thead").add(element("tr").add(element("td")).add(columns));
    let rows = shares.chunks(report.shape().cols.max(1)).enumerate().map(row);
    element("table").class("positions").with("aria-label", TITLE).add([head, element("tbody").add(rows)])
}

fn cell(share: &Share) -> Element {
    let Some(value) = share.value() else { return element("td").text("no digit") };
    let counts = format!("{} of {}", grouped(share.right), grouped(share.of));
    let lines = [counts, range(share.interval())].map(|line| element("span").text(line));
    element("td").add(element("strong").text(percent(value))).add(lines)
}
