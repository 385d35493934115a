//! `eval --pictures`: evaluates a model on the test grids as PNG files, read as `predict` reads pictures.

use image::imageops::{self, FilterType};
use mnist2x2::data::{GridShape, Layout, Loader};
use mnist2x2::picture::Error;
use mnist2x2::train::predict_inputs;
use mnist2x2::{ModelInput, Picture, Recognizer, Workers};

use super::test_grids::{Test, TestGrids, grid};
use crate::data::Dataset;
use crate::sheet;

impl Test {
    /// Saves each of these grids as a PNG of `width` pixels, and reads that.
    pub(super) fn of_pictures(
        recognizer: &Recognizer,
        dataset: &Dataset,
        grids: TestGrids,
        layout: Layout,
        width: u32,
        workers: &Workers,
    ) -> anyhow::Result<Self> {
        Self::of(recognizer, dataset, grids, layout, |loader: &Loader, done| {
            let input = |index| {
                let grid = grid(loader, index);
                let picture = Picture::from_bytes(&png(&grid.images, grid.shape(), width)?)?;
                Ok((ModelInput::from_picture(&picture, grid.shape()), grid.labels))
            };
            Ok(predict_inputs(recognizer, loader.in_order().grids(), input, workers, done)?)
        })
    }
}

/// A grid as a PNG of `width` pixels, enlarged as image programs enlarge (Catmull-Rom).
fn png(pixels: &[f32], shape: GridShape, width: u32) -> Result<Vec<u8>, Error> {
    let grid = sheet::picture(pixels, shape);
    let height = width * grid.height() / grid.width();
    let picture = imageops::resize(&grid, width, height, FilterType::CatmullRom);
    sheet::png(&picture).map_err(|error| Error::Image(error.to_string()))
}
