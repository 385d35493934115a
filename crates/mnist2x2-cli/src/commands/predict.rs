//! `predict`: reads the digits of pictures.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use image::{GrayImage, ImageFormat};
use mnist2x2::{ModelInput, Picture, Reading, Recognizer};
use serde::Serialize;

use crate::console::{self, percent};
use crate::device;
use crate::model::ModelArgs;

/// Options of `predict`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// PNG or JPEG pictures of 2 x 2 handwritten digits, in any size and colour; `-` reads standard input
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Print a line of JSON for each picture and nothing else
    #[arg(long)]
    json: bool,
    /// Write what the model saw of the picture, as a PNG; of several pictures, one below the other
    #[arg(long, value_name = "FILE")]
    show: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = device::Choice::Auto)]
    device: device::Choice,
}

/// What `--json` prints for a picture.
#[derive(Serialize)]
struct Line<'a> {
    image: &'a str,
    #[serde(flatten)]
    result: Outcome<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome<'a> {
    Read(&'a Reading),
    Failed { error: String },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let recognizer = args.model.load(&device::open(args.device)?)?;
    let mut code = ExitCode::SUCCESS;
    let mut seen = Vec::new();
    for image in &args.images {
        let reading = see(&recognizer, image).and_then(|one| {
            seen.push(one);
            Ok(recognizer.read_input(&seen[seen.len() - 1])?)
        });
        if reading.is_err() {
            code = ExitCode::FAILURE;
        }
        report(args.json, image, &reading)?;
        if args.show.is_none() {
            seen.clear();
        }
    }
    if let Some(path) = &args.show {
        show(&seen, path)?;
    }
    Ok(code)
}

/// What the model sees of a picture.
fn see(recognizer: &Recognizer, image: &Path) -> anyhow::Result<ModelInput> {
    let picture = if image == Path::new("-") {
        Picture::from_stream(std::io::stdin(), Path::new("standard input"))?
    } else {
        Picture::open(image)?
    };
    Ok(ModelInput::from_picture(&picture, recognizer.shape()))
}

/// Writes what was seen, one picture below the other.
fn show(seen: &[ModelInput], path: &Path) -> anyhow::Result<()> {
    let Some(first) = seen.first() else { bail!("there is nothing to show: no picture could be read") };
    let (width, height) = (first.shape().width(), first.shape().height() * seen.len());
    let pixels = seen.iter().flat_map(ModelInput::pixels).copied().collect();
    let sheet =
        GrayImage::from_raw(width as u32, height as u32, pixels).context("too many pictures to show")?;
    let failed = || format!("cannot write {}", path.display());
    let mut bytes = Vec::new();
    sheet.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).with_context(failed)?;
    std::fs::write(path, bytes).with_context(failed)
}

fn report(json: bool, image: &Path, reading: &anyhow::Result<Reading>) -> anyhow::Result<()> {
    let name = image.to_string_lossy();
    match reading {
        Ok(reading) if json => console::print_json(&Line { image: &name, result: Outcome::Read(reading) }),
        Err(error) if json => {
            let error = format!("{error:#}");
            console::print_json(&Line { image: &name, result: Outcome::Failed { error } })
        }
        Ok(reading) => {
            let confidence = percent(f64::from(reading.confidence));
            Ok(console::print(&format!("{name}: {}  ({confidence} sure)", reading.digits))?)
        }
        Err(error) => {
            console::log(&format!("{name}: {error:#}"));
            Ok(())
        }
    }
}
