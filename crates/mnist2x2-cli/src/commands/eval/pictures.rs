//! `eval --pictures`: the test grids as files, read as anybody's picture is.

use std::io::Cursor;
use std::panic::resume_unwind;
use std::thread;
use std::time::Instant;

use anyhow::Context;
use image::imageops::{self, FilterType};
use image::{GrayImage, ImageFormat};
use mnist2x2::data::{GridShape, Loader, denormalize};
use mnist2x2::train::{EVALUATION_BATCH, Graded};
use mnist2x2::{Evaluation, Recognizer};

use super::{Test, grid_shape};
use crate::console::Bar;
use crate::data::Dataset;

/// A grid's normalised pixels and its labels.
type Grid<'a> = (&'a [f32], &'a [u8]);

impl Test {
    /// Saves each of the reference test grids as a PNG of `width` pixels, and reads that, on so many threads.
    pub(super) fn of_pictures(
        recognizer: &Recognizer,
        dataset: &Dataset,
        width: u32,
        threads: usize,
    ) -> anyhow::Result<Self> {
        let shape = grid_shape(recognizer.model().config());
        let loader = dataset.test_loader(shape, EVALUATION_BATCH)?;
        let mut bar = Bar::new(loader.in_order().grids(), "reading pictures");
        let start = Instant::now();
        let graded = grade(recognizer, &loader, width, threads, |grids| bar.advance(grids))?;
        let evaluation = Evaluation::of(&graded, start.elapsed().as_secs_f64());
        Ok(Self { evaluation, graded, temperature: recognizer.temperature(), loader })
    }
}

/// What is read of each grid's picture, in the order of the grids.
fn grade(
    recognizer: &Recognizer,
    loader: &Loader,
    width: u32,
    threads: usize,
    mut done: impl FnMut(usize),
) -> anyhow::Result<Vec<Graded>> {
    let (epoch, shape) = (loader.in_order(), loader.shape());
    let mut graded = Vec::with_capacity(epoch.grids());
    for step in 0..epoch.steps() {
        let batch = epoch.batch(step);
        let labels = batch.labels.chunks_exact(shape.cells());
        let grids: Vec<Grid<'_>> = batch.images.chunks_exact(shape.pixels()).zip(labels).collect();
        let read = |&grid: &Grid<'_>| grade_one(recognizer, grid, shape, width);
        let parts = thread::scope(|scope| {
            let parts = grids.chunks(grids.len().div_ceil(threads));
            let threads: Vec<_> =
                parts.map(|part| scope.spawn(move || part.iter().map(read).collect())).collect();
            let results =
                threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            results.collect::<anyhow::Result<Vec<Vec<Graded>>>>()
        })?;
        graded.extend(parts.into_iter().flatten());
        done(batch.len);
    }
    Ok(graded)
}

fn grade_one(
    recognizer: &Recognizer,
    (pixels, labels): Grid<'_>,
    shape: GridShape,
    width: u32,
) -> anyhow::Result<Graded> {
    let reading = recognizer.read_bytes(&png(pixels, shape, width)?)?;
    Ok(Graded {
        labels: labels.to_vec(),
        read: reading.cells.iter().map(|cell| cell.digit).collect(),
        confidence: reading.confidence.into(),
        cells: reading.cells.iter().map(|cell| cell.confidence.into()).collect(),
    })
}

/// A grid as a PNG of `width` pixels, enlarged as programs for pictures do it.
fn png(pixels: &[f32], shape: GridShape, width: u32) -> anyhow::Result<Vec<u8>> {
    let greys = pixels.iter().map(|&value| denormalize(value)).collect();
    let grid =
        GrayImage::from_raw(shape.width() as u32, shape.height() as u32, greys).context("a whole grid")?;
    let height = width * grid.height() / grid.width();
    let mut bytes = Vec::new();
    let picture = imageops::resize(&grid, width, height, FilterType::CatmullRom);
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
    Ok(bytes)
}
