//! `sample`: draws a sheet of labelled grids, because people would rather look.

use std::io::Cursor;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use mnist2x2::data::mnist::Split;
use mnist2x2::data::{GridSource, Loader};
use mnist2x2::formats::files::write_atomically;
use mnist2x2::{Config, Recipe};

use crate::commands::eval::grid_shape;
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
    /// Change every digit as the default recipe does while training
    #[arg(long)]
    augment: bool,
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
    let is_png = args.out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    ensure!(is_png, "{}: the sheet is a PNG; name it so", args.out.display());
    let dataset = args.data.resolve()?;
    let split = match args.split {
        SplitChoice::Train => Split::Train,
        SplitChoice::Test => Split::Test,
    };
    let (digits, _) = dataset.load(split)?;
    let shape = grid_shape(&Config::reference());
    let (grids, recipe) = (args.grids as usize, Recipe::recommended(0));
    let source = GridSource::Fixed(reference_grids(&digits, grids, shape));
    let mut loader = Loader::new(Arc::new(digits), source, shape, grids, recipe.seed)?;
    if args.augment {
        loader = loader.augmented(recipe.augmentation)?;
    }
    let mut png = Cursor::new(Vec::new());
    sheet::draw(&loader.in_order().batch(0)).write_to(&mut png, image::ImageFormat::Png)?;
    let written = write_atomically(&args.out, png.get_ref());
    written.with_context(|| format!("cannot write {}", args.out.display()))?;
    console::log(&format!(
        "wrote {} grids of {} digits to {}",
        args.grids,
        dataset.name(),
        args.out.display()
    ));
    Ok(ExitCode::SUCCESS)
}
