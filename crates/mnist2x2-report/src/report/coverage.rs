//! How many grids are read right where the model may refuse some.

use super::table::{range, table};
use super::{Report, part};
use crate::markup::Element;
use crate::number::{grouped, percent};
use crate::{Coverage, Plot, Scale, Series, at_coverage, coverage_curve};

const TITLE: &str = "Accuracy and coverage";
/// The coverages of the table, in percent.
const LISTED: [f64; 5] = [100.0, 99.0, 98.0, 95.0, 90.0];

pub(super) fn section(report: &Report<'_>) -> Element {
    let curve = coverage_curve(report.graded);
    if curve.is_empty() {
        return part(TITLE, "No grid was read, so none could be refused.", None);
    }
    let explanation = "How many of the kept grids are right if the model refuses those that it is least confident of. \
                       A row keeps at least the coverage that it names: grids of the same confidence are kept or refused \
                       together.";
    part(TITLE, explanation, [drawing(&curve), listed(&curve)])
}

/// The curve at each whole percent.
fn drawing(curve: &[Coverage]) -> Element {
    let kept = (1..=100).filter_map(|percent| at_coverage(curve, f64::from(percent) / 100.0));
    let mut points: Vec<_> =
        kept.filter_map(|point| Some((100.0 * point.coverage, 100.0 * point.kept.value()?))).collect();
    points.dedup();
    let plot = Plot {
        title: "Right among those kept".into(),
        x_label: "coverage: grids kept (%)".into(),
        y_label: "read right (%)".into(),
        scale: Scale::Linear,
        series: vec![Series { name: "accuracy".into(), points }],
    };
    plot.drawing()
}

fn listed(curve: &[Coverage]) -> Element {
    let row = |coverage: f64| {
        let point = at_coverage(curve, coverage / 100.0)?;
        let right = format!("{} of {}", grouped(point.kept.right), grouped(point.kept.of));
        let accuracy = percent(point.kept.value()?);
        let threshold = percent(point.threshold);
        Some(vec![format!("{coverage} %"), accuracy, right, range(point.kept.interval()), threshold])
    };
    let columns = ["coverage", "accuracy", "right", "95 % interval", "confidence from"];
    table("Accuracy at some coverages", &columns, LISTED.into_iter().filter_map(row))
}
