//! `eval`: counts what a model reads right of the test grids.

use std::process::ExitCode;

use mnist2x2::data::{GridShape, Loader};
use mnist2x2::{Config, Evaluation, Seq2Seq, Workers, evaluate};
use serde::Serialize;

use crate::console::{self, Bar, percent};
use crate::data::{DataArgs, Dataset};
use crate::device;
use crate::model::ModelArgs;

/// Options of `eval`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Print one line of JSON and nothing else
    #[arg(long)]
    json: bool,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = device::Choice::Auto)]
    device: device::Choice,
    /// Threads on the CPU [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    dataset: &'a str,
    grids: &'a str,
    #[serde(flatten)]
    evaluation: &'a Evaluation,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let recognizer = args.model.load(&device::open(args.device)?)?;
    let dataset = args.data.resolve()?;
    let workers = Workers::new(args.threads.map(usize::from))?;
    let evaluation = test(recognizer.model(), &dataset, &workers)?;
    if args.json {
        let report = Report { dataset: dataset.name(), grids: "reference", evaluation: &evaluation };
        console::print_json(&report)?;
    } else {
        console::print(&format!("model       {}", args.model.origin()))?;
        print_table(&dataset, &evaluation)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the reference test grids.
pub(crate) fn test(model: &Seq2Seq, dataset: &Dataset, workers: &Workers) -> anyhow::Result<Evaluation> {
    let loader: Loader = dataset.test_loader(grid_shape(model.config()))?;
    let mut bar = Bar::new(loader.in_order().grids(), "reading test grids");
    Ok(evaluate(model, &loader, workers, |grids| bar.advance(grids))?)
}

/// How the digits of the model's images are laid out.
pub(crate) fn grid_shape(config: &Config) -> GridShape {
    GridShape { rows: config.rows, cols: config.cols }
}

/// Accuracy, accuracy at each position, and the confusion matrix.
pub(crate) fn print_table(dataset: &Dataset, evaluation: &Evaluation) -> anyhow::Result<()> {
    let Evaluation { sequences, sequences_correct, digits, digits_correct, seconds, .. } = evaluation;
    console::print(&format!("test grids  {sequences} reference grids of {} digits", dataset.name()))?;
    let share = percent(evaluation.sequence_accuracy);
    console::print(&format!(
        "sequences   {share}  ({sequences_correct} of {sequences} right in every digit)"
    ))?;
    let share = percent(evaluation.digit_accuracy);
    console::print(&format!("digits      {share}  ({digits_correct} of {digits})"))?;
    let positions: Vec<String> = evaluation.per_position.iter().map(|&share| percent(share)).collect();
    console::print(&format!("by position {}", positions.join("  ")))?;
    console::print(&format!("time        {}\n", console::duration(*seconds)))?;
    console::print("true  read as 0     1     2     3     4     5     6     7     8     9  none")?;
    for (digit, row) in evaluation.confusion.iter().enumerate() {
        let counts = row.map(|count| format!("{count:6}")).concat();
        console::print(&format!("{digit:4}  {counts}"))?;
    }
    Ok(())
}
