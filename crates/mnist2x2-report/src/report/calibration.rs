//! Whether confidence says how often a reading is right.

use super::table::{range, table};
use super::{Report, paragraph, part};
use crate::axis::Axis;
use crate::frame::{Frame, Labels, line, line_sample};
use crate::markup::{Element, element};
use crate::number::{grouped, percent};
use crate::plot::dot;
use crate::{BINS, Bin, Scale, calibration_error, equal_ranges, reliability};

const TITLE: &str = "Calibration";

pub(super) fn section(report: &Report<'_>) -> Element {
    let bins = reliability(report.graded, BINS);
    let errors = [&equal_ranges(report.graded, BINS), &bins].map(|bins| calibration_error(bins));
    let [Some(expected), Some(adaptive)] = errors else {
        return part(TITLE, "No grid was read, so there is no confidence to judge.", None);
    };
    let explanation = format!(
        "Grids sorted by the model's confidence in the whole sequence and cut into {BINS} bins of equally many; grids of \
         the same confidence share a bin. A dot on the line means that a bin is right as often as the model says; the \
         strokes are 95 % intervals."
    );
    let error = format!(
        "Over these bins confidence is off by {} in the mean (adaptive calibration error), over {BINS} equal ranges of \
         confidence by {} (expected calibration error).",
        percent(adaptive),
        percent(expected)
    );
    part(TITLE, &explanation, [paragraph(&error)].into_iter().chain(drawing(&bins)).chain([details(&bins)]))
}

/// Right readings over confidence, in percent; `None` if no confidence is a number.
fn drawing(bins: &[Bin]) -> Option<Element> {
    let points: Vec<_> = bins.iter().filter(|bin| bin.confidence.is_finite()).filter_map(point).collect();
    let ends = points.iter().flat_map(|point| [point.confidence, point.low, point.high]);
    let axis = Axis::covering(Scale::Linear, ends)?;
    let legend =
        vec![(line_sample("guide"), "as right as confident".into()), (sample(), "a bin of grids".into())];
    let labels = Labels { title: "Reliability", x: "mean confidence (%)", y: "read right (%)", legend };
    let frame = Frame::new(axis.clone(), axis, &labels);
    let diagonal = line(frame.place((0.0, 0.0)), frame.place((1.0, 1.0))).class("guide");
    let marks = points.iter().flat_map(|point| point.marks(&frame));
    let described = "right readings over confidence; the table below has the numbers";
    Some(frame.draw(labels, described, std::iter::once(diagonal).chain(marks).collect::<Vec<_>>()))
}

/// A bin in percent.
struct Point {
    confidence: f64,
    right: f64,
    low: f64,
    high: f64,
}

fn point(bin: &Bin) -> Option<Point> {
    let interval = bin.share.interval();
    let [confidence, right, low, high] =
        [bin.confidence, bin.share.value()?, interval.low, interval.high].map(|share| 100.0 * share);
    Some(Point { confidence, right, low, high })
}

impl Point {
    fn marks(&self, frame: &Frame) -> [Element; 2] {
        let ends = [self.low, self.high].map(|end| frame.at((self.confidence, end)));
        let stroke = line(ends[0], ends[1]).class("first");
        [stroke, dot(frame.at((self.confidence, self.right)), "first")]
    }
}

fn sample() -> Element {
    element("g").add([line((10.0, -6.0), (10.0, 6.0)).class("first"), dot((10.0, 0.0), "first")])
}

fn details(bins: &[Bin]) -> Element {
    let row = |bin: &Bin| {
        let right = bin.share.value().map(percent).unwrap_or_default();
        vec![percent(bin.confidence), grouped(bin.share.of), right, range(bin.share.interval())]
    };
    let columns = ["mean confidence", "grids", "right", "95 % interval"];
    let summary = element("summary").text("The bins as a table");
    element("details").add([summary, table("Bins by confidence", &columns, bins.iter().map(row))])
}
