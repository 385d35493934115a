//! `eval --pictures`: evaluates a model on the test grids as PNG files, read as `predict` reads pictures.

use std::panic::resume_unwind;
use std::thread;

use anyhow::Context;
use image::GrayImage;
use image::imageops::{self, FilterType};
use mnist2x2::Recognizer;
use mnist2x2::data::{GridShape, Loader, denormalize};
use mnist2x2::train::Prediction;

use super::test_grids::Test;
use crate::data::Dataset;
use crate::sheet;

/// A grid's normalised pixels and its labels.
type Grid<'a> = (&'a [f32], &'a [u8]);

impl Test {
    /// Saves each reference test grid as a PNG of `width` pixels and reads that, on so many threads.
    pub(super) fn of_pictures(
        recognizer: &Recognizer,
        dataset: &Dataset,
        width: u32,
        threads: usize,
    ) -> anyhow::Result<Self> {
        Self::of(recognizer, dataset, |loader, done| predict(recognizer, loader, width, threads, done))
    }
}

/// The prediction for each grid's picture, in the order of the grids.
fn predict(
    recognizer: &Recognizer,
    loader: &Loader,
    width: u32,
    threads: usize,
    done: &mut dyn FnMut(usize),
) -> anyhow::Result<Vec<Prediction>> {
    let (epoch, shape) = (loader.in_order(), loader.shape());
    let mut predictions = Vec::with_capacity(epoch.grids());
    for step in 0..epoch.steps() {
        let batch = epoch.batch(step);
        let labels = batch.labels.chunks_exact(shape.cells());
        let grids: Vec<Grid<'_>> = batch.images.chunks_exact(shape.pixels()).zip(labels).collect();
        let read = |&grid: &Grid<'_>| predict_one(recognizer, grid, shape, width);
        let parts = thread::scope(|scope| {
            let parts = grids.chunks(grids.len().div_ceil(threads));
            let threads: Vec<_> =
                parts.map(|part| scope.spawn(move || part.iter().map(read).collect())).collect();
            let results =
                threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            results.collect::<anyhow::Result<Vec<Vec<Prediction>>>>()
        })?;
        predictions.extend(parts.into_iter().flatten());
        done(batch.len);
    }
    Ok(predictions)
}

fn predict_one(
    recognizer: &Recognizer,
    (pixels, labels): Grid<'_>,
    shape: GridShape,
    width: u32,
) -> anyhow::Result<Prediction> {
    let reading = recognizer.read_bytes(&png(pixels, shape, width)?)?;
    Ok(Prediction::from_reading(labels.to_vec(), &reading))
}

/// A grid as a PNG of `width` pixels, enlarged as image programs enlarge (Catmull-Rom).
fn png(pixels: &[f32], shape: GridShape, width: u32) -> anyhow::Result<Vec<u8>> {
    let greys = pixels.iter().map(|&value| denormalize(value)).collect();
    let grid =
        GrayImage::from_raw(shape.width() as u32, shape.height() as u32, greys).context("a whole grid")?;
    let height = width * grid.height() / grid.width();
    Ok(sheet::png(&imageops::resize(&grid, width, height, FilterType::CatmullRom))?)
}
