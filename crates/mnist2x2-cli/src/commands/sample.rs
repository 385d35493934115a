//! `sample`: draws a sheet of labeled grids, to look at, in the layout that a model reads.

mod paper;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::builder::PossibleValuesParser;
use mnist2x2::data::Layout;
use mnist2x2::data::mnist::Split;
use mnist2x2::formats::files::write_atomically;
use mnist2x2::{Device, Recipe};

use crate::console;
use crate::data::DataArgs;
use crate::layout_args::LayoutArgs;
use crate::model::ModelArgs;
use crate::paper_args::PaperArgs;
use crate::sheet;

/// Options of `sample`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The PNG to write, replaced if it exists; with --paper the folder to fill
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    layout: LayoutArgs,
    /// The split that the digits are taken from; without --paper
    #[arg(long, default_value = "train", value_parser = PossibleValuesParser::new(["train", "test"]), conflicts_with_all = ["PaperArgs", "strokes"])]
    split: String,
    /// Augment every digit as the default recipe does in training; without --paper
    #[arg(long, conflicts_with_all = ["PaperArgs", "strokes"])]
    augment: bool,
    /// Number of grids; without --paper
    #[arg(long, value_name = "N", default_value_t = 24, conflicts_with_all = ["PaperArgs", "strokes"], value_parser = clap::value_parser!(u32).range(1..=1000))]
    grids: u32,
    #[command(flatten)]
    paper: PaperArgs,
    /// With --paper: write the pen strokes in this UNIPEN file
    #[arg(long, value_name = "FILE", requires = "paper", conflicts_with = "LayoutArgs")]
    strokes: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.paper.is_asked() {
        return paper::run(&args.paper, args.strokes.as_deref(), &args.data, &args.out);
    }
    let is_png = args.out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    ensure!(is_png, "{}: the sheet is a PNG; name it so", args.out.display());
    let dataset = args.data.resolve()?;
    let split = if args.split == "test" { Split::Test } else { Split::Train };
    let layout = args.layout()?;
    let (grids, recipe) = (args.grids as usize, Recipe::default());
    let mut loader = dataset.reference_loader(split, Some(grids), layout, grids)?;
    if args.augment {
        loader = loader.augmented(recipe.augmentation)?;
    }
    let png = sheet::png(&sheet::draw(&loader.in_order().batch(0)))?;
    let out = args.out.display();
    write_atomically(&args.out, &png).with_context(|| format!("cannot write {out}"))?;
    console::log(&format!("wrote {grids} grids of {} digits to {out}", dataset.name()));
    Ok(())
}

impl Args {
    /// The layout asked for: of any size if no model is named, else as that model reads it.
    fn layout(&self) -> anyhow::Result<Layout> {
        match self.layout.layout {
            Some(layout) if !self.model.is_named() => {
                Ok(layout.with_blanks(self.layout.blanks.unwrap_or(0.0))?)
            }
            _ => self.model.layout(&self.model.load(&Device::Cpu)?, &self.layout),
        }
    }
}
