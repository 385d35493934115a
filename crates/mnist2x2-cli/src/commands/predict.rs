//! `predict`: reads the digits of pictures.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mnist2x2::{Reading, Recognizer};
use serde::Serialize;

use crate::console::{self, percent};
use crate::device;
use crate::model::ModelArgs;

/// Options of `predict`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// PNG or JPEG pictures of 2 x 2 digits, light on dark or dark on light; `-` reads standard input
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Print a line of JSON for each picture and nothing else
    #[arg(long)]
    json: bool,
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
    for image in &args.images {
        let reading = read(&recognizer, image);
        if reading.is_err() {
            code = ExitCode::FAILURE;
        }
        report(args.json, image, &reading)?;
    }
    Ok(code)
}

fn read(recognizer: &Recognizer, image: &Path) -> anyhow::Result<Reading> {
    if image == Path::new("-") {
        return Ok(recognizer.read_stream(std::io::stdin(), Path::new("standard input"))?);
    }
    Ok(recognizer.read_file(image)?)
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
