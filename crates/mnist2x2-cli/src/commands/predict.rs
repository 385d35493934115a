//! `predict`: reads the digits in pictures.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use image::GrayImage;
use mnist2x2::formats::files::write_atomically;
use mnist2x2::{Arrangement, Findings, ModelInput, Picture, Reading, Recognizer};
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
    /// Pictures of handwritten digits on any paper: PNG, JPEG, WebP, BMP, GIF or TIFF; `-` reads standard input
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Print a line of JSON for each picture and nothing else
    #[arg(long)]
    json: bool,
    /// How the digits lie: auto finds it; line is one row; 2x2, 3x5 and so on are rows and columns, of which cells may be empty
    #[arg(long, value_name = "LAYOUT", default_value_t = Arrangement::Auto)]
    layout: Arrangement,
    /// Write the digits that were found, as the model is given them, to this PNG; of several pictures, one below the other
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
    let recognizer = args.model.load_for_pictures(&args.device.open()?)?;
    let (mut all, mut failed) = (Vec::new(), 0);
    for image in &args.images {
        let read = findings(args, &recognizer, image).and_then(|found| {
            let reading = recognizer.read_findings(std::slice::from_ref(&found))?.swap_remove(0);
            let is_one_sequence = found.shape() == Some(recognizer.shape());
            all.extend(args.show.is_some().then_some(found));
            Ok((reading, is_one_sequence))
        });
        failed += usize::from(read.is_err());
        report(args.json, image, &read)?;
    }
    if let Some(path) = &args.show {
        show(&all, path)?;
    }
    ensure!(failed == 0, "{failed} of {} pictures cannot be read", args.images.len());
    Ok(())
}

fn findings(args: &Args, recognizer: &Recognizer, image: &Path) -> anyhow::Result<Findings> {
    let picture = if image == Path::new("-") {
        Picture::from_stream(std::io::stdin(), Path::new("standard input"))?
    } else {
        Picture::open(image)?
    };
    Ok(recognizer.find(&picture, args.layout))
}

/// Writes the digits as they were found, in their lines, one picture below the other.
fn show(all: &[Findings], path: &Path) -> anyhow::Result<()> {
    let inputs: Vec<ModelInput> = all.iter().filter_map(Findings::lined_up).collect();
    let Some(width) = inputs.iter().map(|input| input.shape().width()).max() else {
        bail!("there is nothing to show: no digit was found")
    };
    let mut pixels = Vec::new();
    for input in &inputs {
        for row in input.pixels().chunks_exact(input.shape().width()) {
            pixels.extend(row.iter().copied().chain(std::iter::repeat(0)).take(width));
        }
    }
    let sheet = GrayImage::from_raw(width as u32, (pixels.len() / width) as u32, pixels)
        .context("too many digits to show")?;
    let failed = || format!("cannot write {}", path.display());
    write_atomically(path, &sheet::png(&sheet).with_context(failed)?).with_context(failed)
}

/// Says what was `read`, and whether the digits lie in the model's own grid; or why nothing was.
fn report(json: bool, image: &Path, read: &anyhow::Result<(Reading, bool)>) -> anyhow::Result<()> {
    let image = image.to_string_lossy();
    match read {
        _ if json => {
            let error = read.as_ref().err().map(|error| format!("{error:#}"));
            let reading = read.as_ref().ok().map(|(reading, _)| reading);
            console::print_json(&Line { image: &image, reading, error })?;
        }
        Ok((reading, is_one_sequence)) => {
            console::print(&format!("{image}: {}", sentence(reading, *is_one_sequence)))?;
        }
        Err(error) => console::log(&format!("{image}: {error:#}")),
    }
    Ok(())
}

/// A reading in words: one sequence, or line by line.
fn sentence(reading: &Reading, is_one_sequence: bool) -> String {
    if !reading.has_digits() {
        return "no digits found".into();
    }
    let is_alone = is_one_sequence || reading.lines.len() == 1;
    let text = if is_alone { reading.digits.clone() } else { reading.lines.join(" / ") };
    format!("{text}  ({} sure)", percent(f64::from(reading.confidence)))
}

#[cfg(test)]
mod tests {
    use mnist2x2::infer::CellReading;

    use super::*;

    #[test]
    fn a_reading_is_said_as_one_sequence_or_line_by_line() {
        let reading = |digits: [Option<u8>; 4], lines: &[&str]| {
            let cells = digits.map(|digit| CellReading::new(digit, 1.0)).into();
            let mut reading = Reading::new(cells, 0.5, Vec::new());
            reading.lines = lines.iter().map(|&line| line.into()).collect();
            reading
        };
        let grid = reading([Some(1), None, Some(2), Some(3)], &["1_", "23"]);
        assert_eq!(sentence(&grid, true), "1_23  (50.00 % sure)");
        assert_eq!(sentence(&grid, false), "1_ / 23  (50.00 % sure)");
        assert_eq!(sentence(&reading([Some(4); 4], &["4444"]), false), "4444  (50.00 % sure)");
        let empty = reading([None; 4], &["__", "__"]);
        assert_eq!([true, false].map(|is_one| sentence(&empty, is_one)), ["no digits found"; 2]);
    }
}
