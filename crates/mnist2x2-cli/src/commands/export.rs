//! `export`: a model in the form that other programs take.

use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use mnist2x2::data::{MEAN, STD};
use mnist2x2::formats::files::write_atomically;
use mnist2x2::formats::{RUN_ONNX, to_onnx};
use mnist2x2::{Config, Device};
use serde_json::json;

use crate::console;
use crate::model::ModelArgs;

/// Options of `export`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// In which form
    #[arg(long, value_enum)]
    format: Format,
    /// The folder to write, made if need be; files of the same names are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Encoder and decoder as ONNX, and a script of Python that reads a picture with them
    Onnx,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let Format::Onnx = args.format;
    let recognizer = args.model.load(&Device::Cpu)?;
    let parameters = recognizer.model().parameters();
    let onnx = to_onnx(parameters)?;
    let preprocessor = format!("{:#}\n", preprocessor(parameters.config()));
    let files: [(&str, &[u8]); 4] = [
        ("encoder_model.onnx", &onnx.encoder),
        ("decoder_model.onnx", &onnx.decoder),
        ("preprocessor_config.json", preprocessor.as_bytes()),
        ("run_onnx.py", RUN_ONNX.as_bytes()),
    ];
    let failed = || format!("{} cannot be written", args.out.display());
    std::fs::create_dir_all(&args.out).with_context(failed)?;
    for (name, bytes) in files {
        write_atomically(&args.out.join(name), bytes).with_context(failed)?;
    }
    console::log(&format!("written to {}: {}", args.out.display(), files.map(|(name, _)| name).join(", ")));
    Ok(())
}

/// How a picture becomes what the encoder takes, in the words of Hugging Face's image processors.
fn preprocessor(config: &Config) -> serde_json::Value {
    json!({
        "do_resize": true,
        "size": { "height": config.image_height(), "width": config.image_width() },
        "do_rescale": true,
        "rescale_factor": 1.0 / 255.0,
        "do_normalize": true,
        "image_mean": [f64::from(MEAN)],
        "image_std": [f64::from(STD)],
        "num_channels": 1,
        "max_digits": config.max_digits(),
    })
}
