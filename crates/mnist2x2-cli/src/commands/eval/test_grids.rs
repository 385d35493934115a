//! The test grids: what a model predicts for them, and how that is printed.

use std::time::Instant;

use mnist2x2::data::mnist::Split;
use mnist2x2::data::{Batch, Layout, Loader};
use mnist2x2::infer::Temperature;
use mnist2x2::report::{self, CalibrationError, Clusters, Interval, Intervals, Share};
use mnist2x2::train::{EVALUATION_BATCH, Edits, LengthAccuracy, Prediction, predict_dataset};
use mnist2x2::{Evaluation, Recognizer, Workers};
use serde::Serialize;

use crate::console::{self, Bar, duration, percent, row};
use crate::data::Dataset;
use crate::layout_args::{blanks_of, described};

/// Accuracy is reported for these shares of the grids: those with the highest confidence.
const COVERAGES: [f64; 3] = [0.99, 0.98, 0.95];

/// What `--json` prints.
#[derive(Serialize)]
pub(super) struct Json<'a> {
    /// SHA-256 of the weights that were evaluated.
    model_sha256: &'a str,
    dataset: &'a str,
    grids: &'a str,
    /// How the digits of a picture lie.
    layout: String,
    /// The probability that a cell is empty.
    blanks: f64,
    /// The width of the pictures in pixels, if pictures were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pictures: Option<u32>,
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    /// The confidence interval of the sequence accuracy, 95 %.
    sequence_interval: [f64; 2],
    /// The same of the digit accuracy.
    digit_interval: [f64; 2],
    /// What was resampled for them: `digit` or `writer`.
    interval_unit: &'static str,
    temperature: f64,
    /// The expected calibration error, over equal ranges of confidence.
    calibration_error: Option<f64>,
    /// What chance alone would make of it.
    calibration_error_by_chance: Option<f64>,
    /// The same over bins of equally many grids.
    adaptive_calibration_error: Option<f64>,
    adaptive_calibration_error_by_chance: Option<f64>,
    accuracy_at_coverage: Vec<Covered>,
}

/// The sequence accuracy on the grids with the highest confidence.
#[derive(Serialize)]
struct Covered {
    coverage: f64,
    accuracy: f64,
}

/// Which grids of the test digits are read.
#[derive(Clone, Copy)]
pub(crate) enum TestGrids {
    /// The published ones.
    Reference,
    /// Full grids by one writer each, each digit at most once.
    OneWriter,
}

impl TestGrids {
    /// As `--json` names them.
    fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::OneWriter => "one-writer",
        }
    }

    fn loader(self, dataset: &Dataset, layout: Layout) -> anyhow::Result<Loader> {
        match self {
            Self::Reference => dataset.reference_loader(Split::Test, None, layout, EVALUATION_BATCH),
            Self::OneWriter => dataset.one_writer_loader(Split::Test, layout, EVALUATION_BATCH),
        }
    }

    /// As tables and pages call them.
    pub(super) fn described(self, dataset: &Dataset) -> String {
        let name = dataset.name();
        match self {
            Self::Reference => format!("reference test grids of {name} digits"),
            Self::OneWriter => format!("test grids of {name} digits, each by one writer"),
        }
    }
}

/// What a model predicts for grids of the test digits.
pub(crate) struct Test {
    pub(super) grids: TestGrids,
    pub(crate) evaluation: Evaluation,
    pub(super) predictions: Vec<Prediction>,
    temperature: Temperature,
    model_sha256: String,
    pub(super) loader: Loader,
    pub(super) clusters: Clusters,
}

/// A grid of `loader` as a batch of its own.
pub(super) fn grid(loader: &Loader, index: usize) -> Batch {
    let (step, place) = (index / EVALUATION_BATCH, index % EVALUATION_BATCH);
    loader.in_order().part(step, place..place + 1)
}

/// A confidence interval in words.
pub(super) fn between(Interval { low, high }: Interval) -> String {
    format!("{} to {}", percent(low), percent(high))
}

/// How intervals were found, in words.
pub(super) fn method(unit: &str, intervals: &Intervals) -> String {
    format!("95 %, by drawing {} {unit}s anew a thousand times", intervals.clusters)
}

impl Test {
    /// Reads these grids.
    pub(crate) fn run(
        recognizer: &Recognizer,
        dataset: &Dataset,
        grids: TestGrids,
        layout: Layout,
        workers: &Workers,
    ) -> anyhow::Result<Self> {
        Self::of(recognizer, dataset, grids, layout, |loader, done| {
            Ok(predict_dataset(recognizer.model(), loader, recognizer.temperature(), workers, done)?)
        })
    }

    /// Reads these grids by `read`, which says how many more are done.
    pub(super) fn of(
        recognizer: &Recognizer,
        dataset: &Dataset,
        grids: TestGrids,
        layout: Layout,
        read: impl FnOnce(&Loader, &mut dyn FnMut(usize)) -> anyhow::Result<Vec<Prediction>>,
    ) -> anyhow::Result<Self> {
        let loader = grids.loader(dataset, layout)?;
        let mut bar = Bar::new(loader.in_order().grids(), "reading test grids");
        let start = Instant::now();
        let predictions = read(&loader, &mut |grids| bar.advance(grids))?;
        let evaluation = Evaluation::of(&predictions, start.elapsed().as_secs_f64());
        let epoch = loader.in_order();
        let digits = (0..epoch.grids()).flat_map(|grid| epoch.digits(grid));
        let clusters = match dataset.load(Split::Test)?.writers() {
            Some(writers) => {
                Clusters { unit: "writer", ids: digits.map(|digit| writers[digit as usize]).collect() }
            }
            None => Clusters { unit: "digit", ids: digits.collect() },
        };
        let (temperature, model_sha256) = (recognizer.temperature(), recognizer.digest().into());
        Ok(Self { grids, evaluation, predictions, temperature, model_sha256, loader, clusters })
    }

    pub(super) fn json<'a>(&'a self, dataset: &'a Dataset, pictures: Option<u32>) -> Json<'a> {
        let Intervals { sequences, digits, .. } = self.clusters.intervals(&self.predictions);
        let [expected, adaptive] = self.calibration_errors();
        Json {
            model_sha256: &self.model_sha256,
            dataset: dataset.name(),
            grids: self.grids.name(),
            layout: self.loader.layout().to_string(),
            blanks: blanks_of(self.loader.layout()),
            pictures,
            evaluation: &self.evaluation,
            sequence_interval: [sequences.low, sequences.high],
            digit_interval: [digits.low, digits.high],
            interval_unit: self.clusters.unit,
            temperature: self.temperature.get(),
            calibration_error: expected.map(|error| error.found),
            calibration_error_by_chance: expected.map(|error| error.by_chance),
            adaptive_calibration_error: adaptive.map(|error| error.found),
            adaptive_calibration_error_by_chance: adaptive.map(|error| error.by_chance),
            accuracy_at_coverage: self.covered(),
        }
    }

    /// The expected and the adaptive one.
    fn calibration_errors(&self) -> [Option<CalibrationError>; 2] {
        [CalibrationError::expected, CalibrationError::adaptive].map(|error| error(&self.predictions))
    }

    fn covered(&self) -> Vec<Covered> {
        let curve = report::coverage_curve(&self.predictions);
        let at = |coverage| {
            let kept = report::at_coverage(&curve, coverage)?.kept;
            Some(Covered { coverage, accuracy: kept.value()? })
        };
        COVERAGES.into_iter().filter_map(at).collect()
    }

    /// Prints what depends on the length of sequences; nothing where all have the same.
    fn print_lengths(&self) -> anyhow::Result<()> {
        let Evaluation { per_length, edits, digits, .. } = &self.evaluation;
        if self.loader.layout().is_full() {
            return Ok(());
        }
        let one = |of: &LengthAccuracy| {
            format!("{}: {}", of.length, percent(of.correct as f64 / of.sequences as f64))
        };
        row("  by length", per_length.iter().map(one).collect::<Vec<_>>().join("  "))?;
        let Edits { insertions, deletions, substitutions, .. } = edits;
        let rate = percent(edits.count() as f64 / (*digits).max(1) as f64);
        let kinds = format!("{substitutions} read as others, {deletions} missing, {insertions} too many");
        Ok(row("digit errors", format!("{rate} of the digits: {kinds}"))?)
    }

    /// Prints accuracy, calibration and the confusion matrix.
    pub(crate) fn print_table(&self, dataset: &Dataset) -> anyhow::Result<()> {
        let Evaluation { sequences, per_position, confusion, seconds, .. } = &self.evaluation;
        row("test grids", format!("{sequences} {}", self.grids.described(dataset)))?;
        row("layout", described(self.loader.layout(), dataset.name()))?;
        let intervals = self.clusters.intervals(&self.predictions);
        for (name, share, interval) in [
            ("sequence accuracy", report::sequences(&self.evaluation), intervals.sequences),
            ("digit accuracy", report::digits(&self.evaluation), intervals.digits),
        ] {
            let (value, Share { right, of }) = (percent(share.value().unwrap_or_default()), share);
            row(name, format!("{value}  ({}; {right} of {of})", between(interval)))?;
        }
        row("  intervals", method(self.clusters.unit, &intervals))?;
        let positions: Vec<String> = per_position.iter().copied().map(percent).collect();
        row("  by position", positions.join("  "))?;
        self.print_lengths()?;
        if let [Some(expected), Some(adaptive)] = self.calibration_errors() {
            let said = |error: CalibrationError| {
                format!("{} ({} by chance alone)", percent(error.found), percent(error.by_chance))
            };
            let (expected, adaptive, temperature) = (said(expected), said(adaptive), self.temperature.get());
            let errors =
                format!("{expected}, adaptive {adaptive}, in the mean, at temperature {temperature:.3}");
            row("calibration error", format!("confidence is off by {errors}"))?;
        }
        let covered = self.covered().into_iter().map(|Covered { coverage, accuracy }| {
            format!("{} of the {:.0} % most confident", percent(accuracy), 100.0 * coverage)
        });
        row("coverage", format!("right are {}", covered.collect::<Vec<_>>().join(", ")))?;
        row("time", duration(*seconds))?;
        console::print("\ntrue  read as 0     1     2     3     4     5     6     7     8     9  none")?;
        for (digit, counts) in confusion.iter().enumerate() {
            console::print(&format!("{digit:4}  {}", counts.map(|count| format!("{count:6}")).concat()))?;
        }
        Ok(())
    }
}
