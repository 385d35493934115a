//! `eval --strokes`: evaluates a model on digits that people wrote with a pen.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::ensure;
use mnist2x2::data::RenderCondition;
use mnist2x2::data::pendigits::PenDigit;
use mnist2x2::report::{Clusters, Intervals};
use mnist2x2::train::predict_strokes;
use mnist2x2::{Evaluation, Recognizer, Workers};
use serde::Serialize;

use super::test_grids::{between, method};
use crate::console::{self, Bar, percent};
use crate::data::pen_strokes;

/// The fewest writers that are resampled.
const FEWEST_WRITERS: usize = 5;

/// Options about pen strokes.
#[derive(clap::Args)]
pub(crate) struct StrokesArgs {
    /// Read drawings of the pen strokes in this UNIPEN file, as PNGs of 800 x 800 drawn with a brush of 15
    ///
    /// Consecutive digits of the file stand on a canvas in reading order; the last ones, if they fill no canvas, are left
    /// out. Each canvas is read as `predict` reads a picture.
    #[arg(long, value_name = "FILE", conflicts_with = "LayoutArgs")]
    pub(super) strokes: Option<PathBuf>,
    /// The writers whose digits are taken, such as 25-30 or 7 [default: all in the file]
    #[arg(long, value_name = "A-B", value_parser = parse_writers, requires = "strokes", conflicts_with_all = ["PaperArgs", "LayoutArgs"])]
    writers: Option<RangeInclusive<u32>>,
    /// The first N canvases only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "strokes", conflicts_with_all = ["PaperArgs", "LayoutArgs"])]
    grids: Option<u32>,
    /// Read the same drawings in other ways too: as strokes, with other brushes, smaller, larger, moved, inverted, with lines
    #[arg(long, requires = "strokes", conflicts_with_all = ["PaperArgs", "LayoutArgs"])]
    variants: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    dataset: &'static str,
    /// SHA-256 of the file.
    strokes_sha256: &'a str,
    /// The first and the last writer that was asked for; nothing if all were.
    writers: Option<[u32; 2]>,
    grids: &'static str,
    #[serde(flatten)]
    judged: Row,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    variants: Vec<Row>,
}

/// The evaluation of one variant of the drawings.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    #[serde(flatten)]
    evaluation: Evaluation,
    /// The confidence interval of the sequence accuracy, 95 %.
    sequence_interval: [f64; 2],
    /// The same of the digit accuracy.
    digit_interval: [f64; 2],
    /// What was resampled for them: `digit` or `writer`.
    interval_unit: &'static str,
    #[serde(skip)]
    intervals: Intervals,
}

/// `1-24`, or `7`.
fn parse_writers(text: &str) -> Result<RangeInclusive<u32>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("`{text}` is no writer's number"));
    let (first, last) = (number(first)?, number(last)?);
    if first <= last { Ok(first..=last) } else { Err(format!("{first} is above {last}")) }
}

impl StrokesArgs {
    /// Reads the drawings, and prints what is right.
    pub(super) fn run(
        &self,
        file: &Path,
        recognizer: &Recognizer,
        workers: &Workers,
        json: bool,
    ) -> anyhow::Result<()> {
        let pens = pen_strokes(file)?;
        let digits = self.choose(pens.digits, recognizer.shape().cells());
        ensure!(!digits.is_empty(), "{}: these writers fill no canvas", file.display());
        let others: &[RenderCondition] = if self.variants { &RenderCondition::OTHERS } else { &[] };
        let row = |variant: &RenderCondition| Row::of(recognizer, &digits, variant, workers);
        let judged = row(&RenderCondition::STANDARD)?;
        if json {
            let writers = self.writers.as_ref().map(|writers| [*writers.start(), *writers.end()]);
            let variants = others.iter().map(row).collect::<anyhow::Result<_>>()?;
            let (dataset, grids) = ("strokes", "consecutive");
            let json = Json { dataset, strokes_sha256: &pens.sha256, writers, grids, judged, variants };
            return console::print_json(&json);
        }
        let count = judged.evaluation.sequences;
        console::print(&format!(
            "drawings    {count} of consecutive digits of {}; \"as judged\": 800 x 800 pixels, a brush of 15",
            file.display()
        ))?;
        console::print(&format!("{:20}{:>10}{:>24}{:>12}", "", "grids", "(interval)", "digits"))?;
        judged.print()?;
        others.iter().try_for_each(|variant| row(variant)?.print())?;
        Ok(console::print(&format!("intervals: {}", method(judged.interval_unit, &judged.intervals)))?)
    }

    /// The digits of the writers asked for, as many as fill the canvases asked for.
    fn choose(&self, mut digits: Vec<PenDigit>, cells: usize) -> Vec<PenDigit> {
        if let Some(writers) = &self.writers {
            digits.retain(|digit| digit.writer.is_some_and(|writer| writers.contains(&writer)));
        }
        let most = self.grids.map_or(digits.len() / cells, |grids| grids as usize);
        digits.truncate(most.saturating_mul(cells).min(digits.len() / cells * cells));
        digits
    }
}

/// Whose the digits are, where all writers are known and enough of them to draw from; else each is a draw of its own.
fn clusters(digits: &[PenDigit]) -> Clusters {
    let writers = digits.iter().map(|digit| digit.writer).collect::<Option<Vec<u32>>>();
    let is_enough = |ids: &Vec<u32>| ids.iter().collect::<BTreeSet<_>>().len() >= FEWEST_WRITERS;
    match writers.filter(is_enough) {
        Some(ids) => Clusters { unit: "writer", ids },
        None => Clusters { unit: "digit", ids: (0..digits.len() as u32).collect() },
    }
}

impl Row {
    fn of(
        recognizer: &Recognizer,
        digits: &[PenDigit],
        variant: &RenderCondition,
        workers: &Workers,
    ) -> anyhow::Result<Self> {
        let start = Instant::now();
        let mut bar = Bar::new(digits.len() / recognizer.shape().cells(), variant.name);
        let predictions = predict_strokes(recognizer, digits, variant, workers, |grids| bar.advance(grids))?;
        let evaluation = Evaluation::of(&predictions, start.elapsed().as_secs_f64());
        let clusters = clusters(digits);
        let intervals = clusters.intervals(&predictions);
        let Intervals { sequences, digits, .. } = intervals;
        Ok(Self {
            name: variant.name,
            sequence_interval: [sequences.low, sequences.high],
            digit_interval: [digits.low, digits.high],
            interval_unit: clusters.unit,
            intervals,
            evaluation,
        })
    }

    fn print(&self) -> anyhow::Result<()> {
        let Self { name, evaluation, intervals, .. } = self;
        let interval = format!("({})", between(intervals.sequences));
        let (grids, digits) = (percent(evaluation.sequence_accuracy), percent(evaluation.digit_accuracy));
        Ok(console::print(&format!("{name:20}{grids:>10}{interval:>24}{digits:>12}"))?)
    }
}
