//! `eval --report`: the page.

use std::path::Path;

use anyhow::Context;
use image::GrayImage;
use mnist2x2::data::{Batch, denormalize};
use mnist2x2::formats::files::write_atomically;
use mnist2x2::infer::Calibration;
use mnist2x2::report::{Attention, Report};
use mnist2x2::train::EVALUATION_BATCH;
use mnist2x2::{Recognizer, Seq2Seq};

use super::test_grids::Test;
use crate::console;
use crate::data::Dataset;
use crate::model::patches;

/// Grids whose attention is shown.
const ATTENTION: usize = 6;

/// Writes `index.html` to `folder`.
pub(super) fn write(
    folder: &Path,
    test: &Test,
    recognizer: &Recognizer,
    origin: &str,
    dataset: &Dataset,
) -> anyhow::Result<()> {
    let report = Report {
        title: "How well mnist2x2 reads",
        data: &format!("{}, reference test grids", dataset.name()),
        facts: &facts(recognizer, origin),
        shape: recognizer.shape(),
        graded: &test.predictions,
        evaluation: &test.evaluation,
        picture: &|index| picture(test, index),
        attention: &attention(test, recognizer.model())?,
    };
    let path = folder.join("index.html");
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    write_atomically(&path, report.html()?.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    console::log(&format!("wrote {}", path.display()));
    Ok(())
}

/// The page's table about the model.
fn facts(recognizer: &Recognizer, origin: &str) -> Vec<(String, String)> {
    let parameters = recognizer.model().parameters();
    let calibrated = recognizer.calibration().map(|Calibration { temperature, grids, .. }| {
        format!("temperature {:.3}, fitted on {grids} validation grids", temperature.get())
    });
    let facts = [
        ("model", origin.to_string()),
        ("weights (SHA-256)", recognizer.digest().into()),
        ("parameters", parameters.count().to_string()),
        ("patches", patches(parameters.config())),
        ("calibrated", calibrated.unwrap_or_else(|| "no: probabilities are the model's own".into())),
        ("decoding", "greedy".into()),
    ];
    facts.map(|(name, value)| (name.into(), value)).into()
}

/// One of the test grids.
fn grid(test: &Test, index: usize) -> Batch {
    let (step, place) = (index / EVALUATION_BATCH, index % EVALUATION_BATCH);
    test.loader.in_order().part(step, place..place + 1)
}

/// Its picture.
fn picture(test: &Test, index: usize) -> GrayImage {
    let Batch { images, shape, .. } = grid(test, index);
    let grey = images.into_iter().map(denormalize).collect();
    GrayImage::from_raw(shape.width() as u32, shape.height() as u32, grey).unwrap_or_default()
}

/// The cross-attention of the decoder's last block, as the mean of its heads, for each digit of the first grids.
fn attention(test: &Test, model: &Seq2Seq) -> anyhow::Result<Vec<Attention>> {
    let config = model.config();
    let (rows, cols) =
        (config.image_height() / config.patch_height, config.image_width() / config.patch_width);
    let look = |index: usize| {
        let weights = mnist2x2::infer::cross_attention(model, &grid(test, index).images)?;
        Ok(Attention { grid: index, rows, cols, weights })
    };
    (0..test.predictions.len().min(ATTENTION)).map(look).collect()
}
