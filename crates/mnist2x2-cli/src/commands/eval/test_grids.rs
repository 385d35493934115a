//! The reference test grids: what a model predicts for them, and how that is printed.

use std::time::Instant;

use mnist2x2::data::mnist::Split;
use mnist2x2::data::{Batch, Loader};
use mnist2x2::infer::Temperature;
use mnist2x2::report::{self, Bin, Share};
use mnist2x2::train::{EVALUATION_BATCH, Prediction, predict_dataset};
use mnist2x2::{Evaluation, Recognizer, Workers};
use serde::Serialize;

use crate::console::{self, Bar, duration, percent, row};
use crate::data::Dataset;

/// Accuracy is reported for these shares of the grids: those with the highest confidence.
const COVERAGES: [f64; 3] = [0.99, 0.98, 0.95];

/// What `--json` prints.
#[derive(Serialize)]
pub(super) struct Json<'a> {
    dataset: &'a str,
    grids: &'a str,
    /// The width of the pictures in pixels, if pictures were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pictures: Option<u32>,
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    /// The confidence interval of the sequence accuracy (Wilson, 95 %).
    sequence_interval: [f64; 2],
    temperature: f64,
    /// The expected calibration error, over equal ranges of confidence.
    calibration_error: Option<f64>,
    /// The same over bins of equally many grids.
    adaptive_calibration_error: Option<f64>,
    accuracy_at_coverage: Vec<Covered>,
}

/// The sequence accuracy on the grids with the highest confidence.
#[derive(Serialize)]
struct Covered {
    coverage: f64,
    accuracy: f64,
}

/// What a model predicts for the reference test grids.
pub(crate) struct Test {
    pub(crate) evaluation: Evaluation,
    pub(super) predictions: Vec<Prediction>,
    temperature: Temperature,
    pub(super) loader: Loader,
}

/// A grid of `loader` as a batch of its own.
pub(super) fn grid(loader: &Loader, index: usize) -> Batch {
    let (step, place) = (index / EVALUATION_BATCH, index % EVALUATION_BATCH);
    loader.in_order().part(step, place..place + 1)
}

/// The ends of a share's confidence interval.
pub(super) fn interval(share: Share) -> [f64; 2] {
    let interval = share.interval();
    [interval.low, interval.high]
}

/// A confidence interval in words.
pub(super) fn between([low, high]: [f64; 2]) -> String {
    format!("{} to {}", percent(low), percent(high))
}

impl Test {
    /// Reads the reference test grids.
    pub(crate) fn run(recognizer: &Recognizer, dataset: &Dataset, workers: &Workers) -> anyhow::Result<Self> {
        Self::of(recognizer, dataset, |loader, done| {
            Ok(predict_dataset(recognizer.model(), loader, recognizer.temperature(), workers, done)?)
        })
    }

    /// Reads the reference test grids by `read`, which says how many more are done.
    pub(super) fn of(
        recognizer: &Recognizer,
        dataset: &Dataset,
        read: impl FnOnce(&Loader, &mut dyn FnMut(usize)) -> anyhow::Result<Vec<Prediction>>,
    ) -> anyhow::Result<Self> {
        let loader = dataset.reference_loader(Split::Test, None, recognizer.shape(), EVALUATION_BATCH)?;
        let mut bar = Bar::new(loader.in_order().grids(), "reading test grids");
        let start = Instant::now();
        let predictions = read(&loader, &mut |grids| bar.advance(grids))?;
        let evaluation = Evaluation::of(&predictions, start.elapsed().as_secs_f64());
        Ok(Self { evaluation, predictions, temperature: recognizer.temperature(), loader })
    }

    pub(super) fn json<'a>(&'a self, dataset: &'a Dataset, pictures: Option<u32>) -> Json<'a> {
        Json {
            dataset: dataset.name(),
            grids: "reference",
            pictures,
            evaluation: &self.evaluation,
            sequence_interval: interval(report::sequences(&self.evaluation)),
            temperature: self.temperature.get(),
            calibration_error: self.calibration_error(report::equal_ranges),
            adaptive_calibration_error: self.calibration_error(report::reliability),
            accuracy_at_coverage: self.covered(),
        }
    }

    fn calibration_error(&self, bins: fn(&[Prediction], usize) -> Vec<Bin>) -> Option<f64> {
        report::calibration_error(&bins(&self.predictions, report::BINS))
    }

    fn covered(&self) -> Vec<Covered> {
        let curve = report::coverage_curve(&self.predictions);
        let at = |coverage| {
            let kept = report::at_coverage(&curve, coverage)?.kept;
            Some(Covered { coverage, accuracy: kept.value()? })
        };
        COVERAGES.into_iter().filter_map(at).collect()
    }

    /// Prints accuracy, calibration and the confusion matrix.
    pub(crate) fn print_table(&self, dataset: &Dataset) -> anyhow::Result<()> {
        let Evaluation { sequences, per_position, confusion, seconds, .. } = &self.evaluation;
        row("test grids", format!("{sequences} reference grids of {} digits", dataset.name()))?;
        for (name, share) in [
            ("sequence accuracy", report::sequences(&self.evaluation)),
            ("digit accuracy", report::digits(&self.evaluation)),
        ] {
            let (value, Share { right, of }) = (percent(share.value().unwrap_or_default()), share);
            row(name, format!("{value}  ({}; {right} of {of})", between(interval(share))))?;
        }
        let positions: Vec<String> = per_position.iter().copied().map(percent).collect();
        row("  by position", positions.join("  "))?;
        let errors = [report::equal_ranges, report::reliability].map(|bins| self.calibration_error(bins));
        if let [Some(expected), Some(adaptive)] = errors.map(|error| error.map(percent)) {
            let temperature = self.temperature.get();
            row(
                "calibration error",
                format!("{expected}, adaptive {adaptive}, at temperature {temperature:.3}"),
            )?;
        }
        let covered = self.covered().into_iter().map(|Covered { coverage, accuracy }| {
            format!("{} of the surest {:.0} %", percent(accuracy), 100.0 * coverage)
        });
        row("coverage", covered.collect::<Vec<_>>().join(", "))?;
        row("time", duration(*seconds))?;
        console::print("\ntrue  read as 0     1     2     3     4     5     6     7     8     9  none")?;
        for (digit, counts) in confusion.iter().enumerate() {
            console::print(&format!("{digit:4}  {}", counts.map(|count| format!("{count:6}")).concat()))?;
        }
        Ok(())
    }
}
