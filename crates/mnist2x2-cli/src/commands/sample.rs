//! `sample`: draws a sheet of labeled grids, to look at.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use mnist2x2::data::mnist::Split;
use mnist2x2::formats::files::write_atomically;
use mnist2x2::{Config, Recipe};

use crate::commands::eval::grid_shape;
use crate::console;
use crate::data::DataArgs;
use crate::sheet;

/// Options of `sample`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The PNG to write, replaced if it exists
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Which digits
    #[arg(long, value_enum, default_value_t = SplitChoice::Train)]
    split: SplitChoice,
    /// Augment every digit as the default recipe does in training
    #[arg(long)]
    augment: bool,
    /// Number of grids
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=1000))]
    grids: u32,
}

/// `--split`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SplitChoice {
    /// The training digits
    Train,
    /// The test digits
    Test,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let is_png = args.out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    ensure!(is_png, "{}: the sheet is a PNG; name it so", args.out.display());
    let dataset = args.data.resolve()?;
    let split = match args.split {
        SplitChoice::Train => Split::Train,
        SplitChoice::Test => Split::Test,
    };
    let shape = grid_shape(&Config::reference());
    let (grids, recipe) = (args.grids as usize, Recipe::recommended(0));
    let mut loader = dataset.reference_loader(split, Some(grids), shape, grids)?;
    if args.augment {
        loader = loader.augmented(recipe.augmentation)?;
    }
    let png = sheet::png(&sheet::draw(&loader.in_order().batch(0)))?;
    let written = write_atomically(&args.out, &png);
    written.with_context(|| format!("cannot write {}", args.out.display()))?;
    console::log(&format!(
        "wrote {} grids of {} digits to {}",
        args.grids,
        dataset.name(),
        args.out.display()
    ));
    Ok(ExitCode::SUCCESS)
}
