//! How much is right, of what, read by which model.

use super::table::range;
use super::{Report, paragraph};
use crate::markup::{Element, element};
use crate::number::{counted, grouped, percent};
use crate::{Clusters, Interval, Intervals, Share, digits, sequences};

pub(super) fn section(report: &Report<'_>) -> Element {
    let intervals = report.clusters.intervals(report.graded);
    let header = element("header").add(element("h1").text(report.title));
    let header = header.add(shares(report, &intervals)).add(facts(report));
    if report.graded.is_empty() {
        return header.add(paragraph("No grid was read, so there is nothing to measure."));
    }
    let Clusters { unit, .. } = report.clusters;
    header.add(paragraph(&format!(
        "A grid counts as right if every one of its digits is. The intervals are at 95 % confidence. Above, {} were drawn anew a \
         thousand times, because the same {unit} stands in several grids. Below they are Wilson's, as if each grid had been drawn \
         on its own: there the true uncertainty is larger.",
        counted(intervals.clusters as u64, unit)
    )))
}

/// The two figures that matter; none of nothing.
fn shares(report: &Report<'_>, intervals: &Intervals) -> Option<Element> {
    let figures = [
        figure("Grids read right", "grid", sequences(report.evaluation), intervals.sequences)?,
        figure("Digits read right", "digit", digits(report.evaluation), intervals.digits)?,
    ];
    Some(element("dl").class("figures").add(figures))
}

fn figure(name: &str, thing: &str, share: Share, interval: Interval) -> Option<Element> {
    let value = element("strong").text(percent(share.value()?));
    let counts = format!("{} of {}", grouped(share.right), counted(share.of, thing));
    let interval = format!("95 % interval {}", range(interval));
    let lines = [counts, interval].map(|line| element("span").text(line));
    let term = element("dt").text(name);
    Some(element("div").add([term, element("dd").add(value).add(lines)]))
}

/// What was read, and what the caller says of the model.
fn facts(report: &Report<'_>) -> Element {
    let layout = match report.layout.shape() {
        shape if report.layout.is_full() => format!("{} x {} digits each", shape.rows, shape.cols),
        _ => format!("layout {}, 0 to {} digits each", report.layout, report.layout.max_digits()),
    };
    let grids = format!("{}, {layout}", counted(report.graded.len() as u64, "grid"));
    let own = [("data", report.data), ("grids", &grids)];
    let given = report.facts.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    facts_table(own.into_iter().chain(given))
}

/// Names and values.
pub(super) fn facts_table<'a>(facts: impl Iterator<Item = (&'a str, &'a str)>) -> Element {
    let row = |(name, value)| {
        let header = element("th").with("scope", "row").text(name);
        element("tr").add([header, element("td").text(value)])
    };
    let caption = element("caption").text("What was measured");
    element("table").class("facts").add(caption).add(element("tbody").add(facts.map(row)))
}
