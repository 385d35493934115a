//! `eval`: counts what a model reads right of the test grids, or of drawings.

mod page;
mod pictures;
mod strokes;

use std::path::PathBuf;
use std::process::ExitCode;

use mnist2x2::data::{GridShape, Loader};
use mnist2x2::infer::Temperature;
use mnist2x2::report::{self, Share};
use mnist2x2::train::{EVALUATION_BATCH, Graded, grade};
use mnist2x2::{Config, Evaluation, Seq2Seq, Workers};
use serde::Serialize;

use crate::console::{self, Bar, percent};
use crate::data::{DataArgs, Dataset};
use crate::device;
use crate::model::ModelArgs;

/// The shares of grids, the surest ones, whose accuracy is told.
const COVERAGES: [f64; 3] = [0.99, 0.98, 0.95];

/// Options of `eval`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    strokes: strokes::StrokesArgs,
    /// Print one line of JSON and nothing else
    #[arg(long)]
    json: bool,
    /// Write a page with figures, mistakes and attention to this folder: index.html, replaced if it exists
    #[arg(long, value_name = "DIR", conflicts_with = "strokes")]
    report: Option<PathBuf>,
    /// Save each test grid as a PNG so many pixels wide, and read that as `predict` does
    #[arg(long, value_name = "WIDTH", value_parser = clap::value_parser!(u32).range(8..=4000))]
    pictures: Option<u32>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = device::Choice::Auto)]
    device: device::Choice,
    /// Threads on the CPU [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    dataset: &'a str,
    grids: &'a str,
    /// How wide the pictures of them were, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pictures: Option<u32>,
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    /// Lowest and highest plausible sequence accuracy (Wilson, 95 %).
    sequence_interval: [f64; 2],
    temperature: f64,
    /// The expected calibration error, over equal ranges of confidence.
    calibration_error: Option<f64>,
    /// The same over bins of equally many grids.
    adaptive_calibration_error: Option<f64>,
    accuracy_at_coverage: Vec<Covered>,
}

/// How many are right of the grids that the model is surest of.
#[derive(Serialize)]
struct Covered {
    coverage: f64,
    accuracy: f64,
}

/// The test grids, each read and compared.
pub(crate) struct Test {
    pub(crate) evaluation: Evaluation,
    graded: Vec<Graded>,
    temperature: Temperature,
    loader: Loader,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let recognizer = args.model.load(&device::open(args.device)?)?;
    let workers = Workers::new(args.threads.map(usize::from))?;
    if let Some(file) = args.strokes.file() {
        return args.strokes.run(file, &recognizer, &workers, args.json);
    }
    let dataset = args.data.resolve()?;
    let test = match args.pictures {
        Some(width) => Test::of_pictures(&recognizer, &dataset, width, workers.count())?,
        None => Test::run(recognizer.model(), recognizer.temperature(), &dataset, &workers)?,
    };
    if let Some(folder) = &args.report {
        let facts = page::facts(&recognizer, &args.model.origin());
        page::write(folder, &test, recognizer.model(), &dataset, &facts)?;
    }
    if args.json {
        console::print_json(&Json { pictures: args.pictures, ..test.json(&dataset) })?;
    } else {
        console::print(&format!("model       {}", args.model.origin()))?;
        if let Some(width) = args.pictures {
            console::print(&format!("pictures    PNG, {width} pixels wide"))?;
        }
        test.print_table(&dataset)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How the digits of the model's images are laid out.
pub(crate) fn grid_shape(config: &Config) -> GridShape {
    GridShape { rows: config.rows, cols: config.cols }
}

impl Test {
    /// Reads the reference test grids.
    pub(crate) fn run(
        model: &Seq2Seq,
        temperature: Temperature,
        dataset: &Dataset,
        workers: &Workers,
    ) -> anyhow::Result<Self> {
        let loader = dataset.test_loader(grid_shape(model.config()), EVALUATION_BATCH)?;
        let mut bar = Bar::new(loader.in_order().grids(), "reading test grids");
        let start = std::time::Instant::now();
        let graded = grade(model, &loader, temperature, workers, |grids| bar.advance(grids))?;
        let evaluation = Evaluation::of(&graded, start.elapsed().as_secs_f64());
        Ok(Self { evaluation, graded, temperature, loader })
    }

    fn json<'a>(&'a self, dataset: &'a Dataset) -> Json<'a> {
        let interval = report::sequences(&self.graded).interval();
        Json {
            dataset: dataset.name(),
            grids: "reference",
            pictures: None,
            evaluation: &self.evaluation,
            sequence_interval: [interval.low, interval.high],
            temperature: self.temperature.get(),
            calibration_error: self.calibration_error(report::equal_ranges),
            adaptive_calibration_error: self.calibration_error(report::reliability),
            accuracy_at_coverage: self.covered(),
        }
    }

    fn calibration_error(&self, bins: fn(&[Graded], usize) -> Vec<report::Bin>) -> Option<f64> {
        report::calibration_error(&bins(&self.graded, report::BINS))
    }

    fn covered(&self) -> Vec<Covered> {
        let curve = report::coverage_curve(&self.graded);
        let at = |coverage| {
            let kept = report::at_coverage(&curve, coverage)?.kept;
            Some(Covered { coverage, accuracy: kept.value()? })
        };
        COVERAGES.into_iter().filter_map(at).collect()
    }

    /// Accuracy, accuracy at each position, how far confidence can be trusted, and the confusion matrix.
    pub(crate) fn print_table(&self, dataset: &Dataset) -> anyhow::Result<()> {
        let Evaluation {
            sequences,
            sequences_correct,
            digits,
            digits_correct,
            per_position,
            confusion,
            seconds,
            ..
        } = &self.evaluation;
        console::print(&format!("test grids  {sequences} reference grids of {} digits", dataset.name()))?;
        let line = |name: &str, share: Share, counted: String| {
            let (value, interval) = (share.value().unwrap_or_default(), share.interval());
            let (value, low, high) = (percent(value), percent(interval.low), percent(interval.high));
            console::print(&format!("{name:12}{value}  ({low} to {high}; {counted})"))
        };
        let counted = format!("{sequences_correct} of {sequences} right in every digit");
        line("sequences", report::sequences(&self.graded), counted)?;
        line("digits", report::digits(&self.graded), format!("{digits_correct} of {digits}"))?;
        let positions: Vec<String> = per_position.iter().map(|&share| percent(share)).collect();
        console::print(&format!("by position {}", positions.join("  ")))?;
        let errors = [report::equal_ranges, report::reliability].map(|bins| self.calibration_error(bins));
        if let [Some(expected), Some(adaptive)] = errors {
            let temperature = self.temperature.get();
            console::print(&format!(
                "calibration {} expected error of confidence, {} adaptive, at temperature {temperature:.3}",
                percent(expected),
                percent(adaptive)
            ))?;
        }
        let covered = self.covered().into_iter().map(|Covered { coverage, accuracy }| {
            format!("{} of the surest {:.0} %", percent(accuracy), 100.0 * coverage)
        });
        console::print(&format!("coverage    {}", covered.collect::<Vec<_>>().join(", ")))?;
        console::print(&format!("time        {}\n", console::duration(*seconds)))?;
        console::print("true  read as 0     1     2     3     4     5     6     7     8     9  none")?;
        for (digit, row) in confusion.iter().enumerate() {
            let counts = row.map(|count| format!("{count:6}")).concat();
            console::print(&format!("{digit:4}  {counts}"))?;
        }
        Ok(())
    }
}
