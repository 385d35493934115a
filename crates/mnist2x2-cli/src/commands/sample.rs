//! `sample`: draws a sheet of labelled grids, because people would rather look.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;
use mnist2x2::data::GridShape;
use mnist2x2::data::mnist::Split;

use crate::console;
use crate::data::{DataArgs, reference_grids};
use crate::sheet;

/// Options of `sample`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The picture to write (PNG); replaced if it exists
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// From which digits
    #[arg(long, value_enum, default_value_t = SplitChoice::Train)]
    split: SplitChoice,
    /// How many grids
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=1000))]
    grids: u32,
}

/// `--split`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SplitChoice {
    /// The digits that models are trained on
    Train,
    /// The digits that models are tested with
    Test,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let dataset = args.data.resolve()?;
    let split = match args.split {
        SplitChoice::Train => Split::Train,
        SplitChoice::Test => Split::Test,
    };
    let (digits, _) = dataset.load(split)?;
    let shape = GridShape { rows: 2, cols: 2 };
    let grids = reference_grids(&digits, args.grids as usize, shape);
    let sheet = sheet::draw(&digits, &grids, shape);
    let saved = sheet.save_with_format(&args.out, image::ImageFormat::Png);
    saved.with_context(|| format!("cannot write {}", args.out.display()))?;
    console::log(&format!(
        "wrote {} grids of {} digits to {}",
        args.grids,
        dataset.name(),
        args.out.display()
    ));
    Ok(ExitCode::SUCCESS)
}
