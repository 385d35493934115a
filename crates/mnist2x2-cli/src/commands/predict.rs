//! `predict`: reads the digits in pictures.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use image::GrayImage;
use mnist2x2::formats::files::write_atomically;
use mnist2x2::{ModelInput, Picture, Reading, Recognizer};
use serde::Serialize;

use crate::console::{self, percent};
use crate::device::DeviceArgs;
use crate::model::ModelArgs;
use crate::sheet;

/// Options of `predict`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// PNG or JPEG pictures of handwritten digits, 2 x 2 or as the model reads, of any size and color; `-` reads standard input
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Print a line of JSON for each picture and nothing else
    #[arg(long)]
    json: bool,
    /// Write the model input made of the picture to this PNG; of several pictures, one below the other
    #[arg(long, value_name = "FILE")]
    show: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

/// What `--json` prints for a picture: its reading, or why there is none.
#[derive(Serialize)]
struct Line<'a> {
    image: &'a str,
    #[serde(flatten)]
    reading: Option<&'a Reading>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let recognizer = args.model.load(&args.device.open()?)?;
    let shape = recognizer.shape();
    if (shape.rows, shape.cols) != (2, 2) {
        console::log(&format!(
            "this model reads {} x {} digits; pictures must hold so many",
            shape.rows, shape.cols
        ));
    }
    let (mut inputs, mut failed) = (Vec::new(), 0);
    for image in &args.images {
        let reading = model_input(&recognizer, image).and_then(|input| {
            let reading = recognizer.read_input(&input);
            inputs.extend(args.show.is_some().then_some(input));
            Ok(reading?)
        });
        failed += usize::from(reading.is_err());
        report(args.json, image, &reading)?;
    }
    if let Some(path) = &args.show {
        show(&inputs, path)?;
    }
    ensure!(failed == 0, "{failed} of {} pictures cannot be read", args.images.len());
    Ok(())
}

fn model_input(recognizer: &Recognizer, image: &Path) -> anyhow::Result<ModelInput> {
    let picture = if image == Path::new("-") {
        Picture::from_stream(std::io::stdin(), Path::new("standard input"))?
    } else {
        Picture::open(image)?
    };
    Ok(ModelInput::from_picture(&picture, recognizer.shape()))
}

/// Writes the model inputs, one below the other.
fn show(inputs: &[ModelInput], path: &Path) -> anyhow::Result<()> {
    let Some(first) = inputs.first() else { bail!("there is nothing to show: no picture could be read") };
    let (width, height) = (first.shape().width(), first.shape().height() * inputs.len());
    let pixels = inputs.iter().flat_map(ModelInput::pixels).copied().collect();
    let sheet =
        GrayImage::from_raw(width as u32, height as u32, pixels).context("too many pictures to show")?;
    let failed = || format!("cannot write {}", path.display());
    write_atomically(path, &sheet::png(&sheet).with_context(failed)?).with_context(failed)
}

fn report(json: bool, image: &Path, reading: &anyhow::Result<Reading>) -> anyhow::Result<()> {
    let image = image.to_string_lossy();
    match reading {
        _ if json => {
            let error = reading.as_ref().err().map(|error| format!("{error:#}"));
            console::print_json(&Line { image: &image, reading: reading.as_ref().ok(), error })?;
        }
        Ok(Reading { digits, confidence, .. }) => {
            console::print(&format!("{image}: {digits}  ({} sure)", percent(f64::from(*confidence))))?;
        }
        Err(error) => console::log(&format!("{image}: {error:#}")),
    }
    Ok(())
}
