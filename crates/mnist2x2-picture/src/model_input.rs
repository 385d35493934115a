//! The picture that a model is given: each digit in MNIST's look, side by side.

use mnist2x2_data::{GridShape, PIXELS, SIDE, Strokes, normalize, place};

use crate::resample::resample;
use crate::{Drawing, Picture};

/// A grid of digits as a model is given it, and which of its cells are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInput {
    shape: GridShape,
    pixels: Vec<u8>,
    empty: Vec<bool>,
}

impl ModelInput {
    /// A picture at the model's size and else as it is; no cell counts as empty.
    pub fn resized(picture: &Picture, shape: GridShape) -> Self {
        let pixels = resample(picture.gray(), shape.width(), shape.height());
        Self { shape, pixels, empty: vec![false; shape.cells()] }
    }

    /// A drawing whose strokes are known.
    pub fn from_drawing(drawing: &Drawing, shape: GridShape) -> Self {
        let digits = drawing.cells(shape).into_iter();
        Self::from_digits(shape, digits.map(|strokes| Some(strokes?.rasterize(Strokes::MNIST_WIDTH))))
    }

    /// These digits side by side, each in MNIST's look; nothing for an empty cell.
    ///
    /// # Panics
    /// If there are more digits than cells.
    pub fn from_digits(shape: GridShape, digits: impl IntoIterator<Item = Option<[u8; PIXELS]>>) -> Self {
        let mut input = Self { shape, pixels: vec![0; shape.pixels()], empty: Vec::new() };
        for (cell, digit) in digits.into_iter().enumerate() {
            input.empty.push(digit.is_none());
            place(digit.into_iter().flatten(), cell, shape, &mut input.pixels);
        }
        input
    }

    /// Rows and columns of cells.
    pub fn shape(&self) -> GridShape {
        self.shape
    }

    /// Gray values, 0 paper to 255 ink.
    ///
    /// # Shapes
    /// (height, width), row by row
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// For each cell, row by row, whether nothing was written there.
    pub fn empty(&self) -> &[bool] {
        &self.empty
    }

    /// The 28 x 28 pixels of one cell, row by row.
    ///
    /// # Panics
    /// If there is no such cell.
    pub fn cell(&self, cell: usize) -> [u8; PIXELS] {
        assert!(cell < self.shape.cells(), "cell {cell} of {}", self.shape.cells());
        let [top, left] = [cell / self.shape.cols, cell % self.shape.cols].map(|at| at * SIDE);
        std::array::from_fn(|i| self.pixels[(top + i / SIDE) * self.shape.width() + left + i % SIDE])
    }

    /// The pixels as the network takes them: normalized.
    ///
    /// # Shapes
    /// (height, width), row by row
    pub fn normalized(&self) -> Vec<f32> {
        self.pixels.iter().map(|&gray| normalize(gray)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cell_keeps_its_pixels() {
        let shape = GridShape { rows: 3, cols: 2 };
        let cells: Vec<_> =
            (0..6_u8).map(|cell| (cell != 4).then(|| std::array::from_fn(|i| cell ^ i as u8))).collect();
        let input = ModelInput::from_digits(shape, cells.clone());
        for (cell, digit) in cells.iter().enumerate() {
            assert_eq!(input.cell(cell), digit.unwrap_or([0; PIXELS]), "cell {cell}");
        }
        assert_eq!(input.empty(), [false, false, false, false, true, false]);
    }
}
