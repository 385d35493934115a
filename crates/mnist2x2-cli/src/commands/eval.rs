//! `eval`: evaluates a model on the test grids, or on drawings.

mod page;
mod paper;
mod pictures;
mod strokes;
mod test_grids;

use std::path::PathBuf;

use clap::error::ErrorKind;

use crate::console::{self, row};
use crate::data::DataArgs;
use crate::device::ComputeArgs;
use crate::layout_args::LayoutArgs;
use crate::model::ModelArgs;
use crate::paper_args::PaperArgs;

pub(crate) use test_grids::{Test, TestGrids};

/// Options of `eval`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    strokes: strokes::StrokesArgs,
    #[command(flatten)]
    paper: PaperArgs,
    /// Print one line of JSON and nothing else
    #[arg(long)]
    json: bool,
    /// Write a page with figures, mistakes and attention maps to this folder: index.html, replaced if it exists
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Save each test grid as a PNG of this width in pixels, and read that as `predict` does
    #[arg(long, value_name = "WIDTH", value_parser = clap::value_parser!(u32).range(8..=4000),
        conflicts_with_all = ["StrokesArgs", "PaperArgs"])]
    pictures: Option<u32>,
    /// Read grids by one writer each, in which no test digit comes twice, and not the reference grids
    ///
    /// The files that name MNIST's writers must lie beside it.
    #[arg(long, conflicts_with_all = ["StrokesArgs", "PaperArgs"])]
    one_writer: bool,
    #[command(flatten)]
    compute: ComputeArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.report.is_some() && args.strokes.strokes.is_some() && !args.paper.is_asked() {
        let problem =
            "the argument '--report <DIR>' cannot be used with '--strokes <FILE>', except with '--paper'\n";
        clap::Error::raw(ErrorKind::ArgumentConflict, problem).exit();
    }
    let (device, workers) = (args.compute.device.open()?, args.compute.workers()?);
    if args.paper.is_asked() {
        let recognizer = args.model.load_for_pictures(&device)?;
        let options = paper::Options {
            paper: &args.paper,
            strokes: args.strokes.strokes.as_deref(),
            data: &args.data,
            model: &args.model,
            report: args.report.as_deref(),
            json: args.json,
        };
        return paper::run(&options, &recognizer, &workers);
    }
    let recognizer = args.model.load(&device)?;
    if let Some(file) = &args.strokes.strokes {
        return args.strokes.run(file, &recognizer, &workers, args.json);
    }
    let layout = args.model.layout(&recognizer, &args.layout)?;
    let dataset = args.data.resolve()?;
    let grids = if args.one_writer { TestGrids::OneWriter } else { TestGrids::Reference };
    let test = match args.pictures {
        Some(width) => Test::of_pictures(&recognizer, &dataset, grids, layout, width, &workers)?,
        None => Test::run(&recognizer, &dataset, grids, layout, &workers)?,
    };
    if let Some(folder) = &args.report {
        page::write(folder, &test, &recognizer, &args.model.facts(&recognizer), &dataset)?;
    }
    if args.json {
        return console::print_json(&test.json(&dataset, args.pictures));
    }
    row("model", args.model.origin())?;
    if let Some(width) = args.pictures {
        row("pictures", format!("PNG, {width} pixels wide"))?;
    }
    test.print_table(&dataset)
}
