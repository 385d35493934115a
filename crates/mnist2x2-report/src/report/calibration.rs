//! Whether confidence says how often a reading is right.

use std::iter;

use super::table::{range, table};
use super::{Report, paragraph, part};
use crate::axis::Axis;
use crate::frame::{Frame, Labels, line, line_sample};
use crate::markup::{Element, element};
use crate::number::{grouped, percent};
use crate::plot::dot;
use crate::{BINS, Bin, CalibrationError, Interval, Scale, reliability};

const TITLE: &str = "Calibration";

pub(super) fn section(report: &Report<'_>) -> Element {
    let bins = reliability(report.graded, BINS);
    let errors = [CalibrationError::expected(report.graded), CalibrationError::adaptive(report.graded)];
    let [Some(expected), Some(adaptive)] = errors else {
        return part(TITLE, "No grid was read, so there is no confidence to judge.", None);
    };
    let explanation = format!(
        "Grids sorted by the model's confidence in the whole sequence and cut into {BINS} bins of equally many; grids of \
         the same confidence share a bin. A dot on the line means that a bin is right as often as the model says; the \
         strokes are 95 % intervals."
    );
    let error = format!(
        "Over these bins confidence is off by {} in the mean (adaptive calibration error; {} by chance alone), over {BINS} \
         equal ranges of confidence by {} (expected calibration error; {} by chance alone).",
        percent(adaptive.found),
        percent(adaptive.by_chance),
        percent(expected.found),
        percent(expected.by_chance)
    );
    part(TITLE, &explanation, iter::once(paragraph(&error)).chain(drawing(&bins)).chain(details(&bins)))
}

/// Right readings over confidence, in percent; `None` if no confidence is a number.
fn drawing(bins: &[Bin]) -> Option<Element> {
    let points: Vec<_> = bins.iter().filter(|bin| bin.confidence.is_finite()).filter_map(point).collect();
    let ends = points.iter().flat_map(|&[confidence, _, low, high]| [confidence, low, high]);
    let axis = Axis::covering(Scale::Linear, ends)?;
    let legend =
        vec![(line_sample("guide"), "as right as confident".into()), (sample(), "a bin of grids".into())];
    let labels = Labels { title: "Reliability", x: "mean confidence (%)", y: "read right (%)", legend };
    let frame = Frame::new(axis.clone(), axis, &labels);
    let diagonal = line(frame.place((0.0, 0.0)), frame.place((1.0, 1.0))).class("guide");
    let marks = points.iter().flat_map(|&[confidence, right, low, high]| {
        let [right, low, high] = [right, low, high].map(|share| frame.at((confidence, share)));
        [line(low, high).class("first"), dot(right, "first")]
    });
    let described = "right readings over confidence; the table below has the numbers";
    Some(frame.draw(labels, described, iter::once(diagonal).chain(marks)))
}

/// A bin's confidence, its share of right readings and the ends of the share's interval, in percent.
fn point(bin: &Bin) -> Option<[f64; 4]> {
    let Interval { low, high } = bin.share.interval();
    Some([bin.confidence, bin.share.value()?, low, high].map(|share| 100.0 * share))
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
