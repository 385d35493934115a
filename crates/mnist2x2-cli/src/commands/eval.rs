//! `eval`: evaluates a model on the test grids, or on drawings.

mod page;
mod pictures;
mod strokes;
mod test_grids;

use std::path::PathBuf;

use crate::console::{self, row};
use crate::data::DataArgs;
use crate::device::ComputeArgs;
use crate::model::ModelArgs;

pub(crate) use test_grids::Test;

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
    /// Write a page with figures, mistakes and attention maps to this folder: index.html, replaced if it exists
    #[arg(long, value_name = "DIR", conflicts_with = "strokes")]
    report: Option<PathBuf>,
    /// Save each test grid as a PNG of this width in pixels, and read that as `predict` does
    #[arg(long, value_name = "WIDTH", value_parser = clap::value_parser!(u32).range(8..=4000))]
    pictures: Option<u32>,
    #[command(flatten)]
    compute: ComputeArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let recognizer = args.model.load(&args.compute.device.open()?)?;
    let workers = args.compute.workers()?;
    if let Some(file) = &args.strokes.strokes {
        return args.strokes.run(file, &recognizer, &workers, args.json);
    }
    let dataset = args.data.resolve()?;
    let test = match args.pictures {
        Some(width) => Test::of_pictures(&recognizer, &dataset, width, &workers)?,
        None => Test::run(&recognizer, &dataset, &workers)?,
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
