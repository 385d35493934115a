//! `export`: a model in the form that other programs take.

mod onnx;
mod figures;
mod card;
mod hugging_face;
mod check;

use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use clap::error::ErrorKind;
use mnist2x2::Device;
use mnist2x2::formats::files::Disk;

use crate::console;
use crate::data::DataArgs;
use crate::model::ModelArgs;

/// Options of `export`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// In which form
    #[arg(long, value_enum)]
    format: Format,
    /// The folder to write: whole or not at all if it is new, else files of the same names are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    card: hugging_face::CardArgs,
    /// Load what was written and compare it with the model; of a Hugging Face folder, also count what it reads of the test
    /// grids, where there are digits
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Encoder and decoder as ONNX, and a script of Python that reads a picture with them
    Onnx,
    /// A Hugging Face folder: safetensors, a card, the model in PyTorch, and ONNX
    Hf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let Args { model, format, out, card, check, data } = args;
    if let Some(name) = card.given().filter(|_| *format != Format::Hf) {
        let problem = format!("the argument '{name}' needs '--format hf': an export as ONNX has no card\n");
        clap::Error::raw(ErrorKind::ArgumentConflict, problem).exit();
    }
    let recognizer = model.load(&Device::Cpu)?;
    let files = match format {
        Format::Onnx => onnx::files(recognizer.model().parameters())?,
        Format::Hf => hugging_face::files(model, &recognizer, out, card)?,
    };
    let failed = || format!("{} cannot be written", out.display());
    Disk::default().write_folder(out, &files).with_context(failed)?;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    console::log(&format!("written to {}: {}", out.display(), names.join(", ")));
    if *check {
        check::bytes(out, &files)?;
    }
    if *check && *format == Format::Hf {
        check::score(&check::model(out, &recognizer, &files)?, out, &files, data.at_hand()?.as_ref())?;
    }
    Ok(())
}
