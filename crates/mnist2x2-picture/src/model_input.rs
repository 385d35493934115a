//! What a model sees of a picture or a drawing.

use mnist2x2_data::{GridShape, PIXELS, SIDE, Strokes, normalize};

use crate::ink::Ink;
use crate::normalization::redraw;
use crate::segmentation::Pieces;
use crate::{Drawing, Picture, guide_lines, mnist_like};

/// A grid of digits as a model sees it, and which of its cells are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInput {
    shape: GridShape,
    pixels: Vec<u8>,
    empty: Vec<bool>,
}

impl ModelInput {
    /// A picture at the model's size and else as it is; no cell counts as empty.
    pub fn resized(picture: &Picture, shape: GridShape) -> Self {
        let pixels = picture.pixels(shape.height(), shape.width());
        Self { shape, pixels, empty: vec![false; shape.cells()] }
    }

    /// A picture of handwriting: each cell's digit is found, and drawn anew as MNIST's look.
    ///
    /// A picture of digits that look like MNIST's already stays as it is.
    pub fn from_picture(picture: &Picture, shape: GridShape) -> Self {
        let plain = Self::resized(picture, shape);
        if let Some(empty) = mnist_like::empty_cells(&plain.pixels, shape) {
            return Self { empty, ..plain };
        }
        let Some(mut ink) = Ink::of(picture.grey(), shape.rows as u32, shape.cols as u32) else {
            return Self::of_cells(shape, &vec![None; shape.cells()]);
        };
        let borders = guide_lines::remove(&mut ink, shape.rows, shape.cols);
        let pieces = Pieces::of(&ink, &borders);
        let digit = |cell: usize| {
            let frame = pieces.frames[cell].as_ref()?;
            Some(redraw(&pieces, cell, frame, Strokes::MNIST_WIDTH))
        };
        Self::of_cells(shape, &(0..shape.cells()).map(digit).collect::<Vec<_>>())
    }

    /// A drawing whose strokes are known.
    pub fn from_drawing(drawing: &Drawing, shape: GridShape) -> Self {
        let digit = |strokes: &Option<Strokes>| Some(strokes.as_ref()?.rasterize(Strokes::MNIST_WIDTH));
        Self::of_cells(shape, &drawing.cells(shape).iter().map(digit).collect::<Vec<_>>())
    }

    /// These digits side by side.
    fn of_cells(shape: GridShape, cells: &[Option<[u8; PIXELS]>]) -> Self {
        let empty = cells.iter().map(Option::is_none).collect();
        let mut seen = Self { shape, pixels: vec![0; shape.pixels()], empty };
        for (cell, digit) in cells.iter().enumerate() {
            let corner = seen.corner(cell);
            for (y, row) in digit.iter().flat_map(|digit| digit.chunks_exact(SIDE)).enumerate() {
                seen.pixels[corner + y * shape.width()..][..SIDE].copy_from_slice(row);
            }
        }
        seen
    }

    /// Rows and columns of cells.
    pub fn shape(&self) -> GridShape {
        self.shape
    }

    /// Grey values, 0 paper to 255 ink.
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
        let (width, corner) = (self.shape.width(), self.corner(cell));
        std::array::from_fn(|i| self.pixels[corner + i / SIDE * width + i % SIDE])
    }

    /// Where the first pixel of a cell is.
    fn corner(&self, cell: usize) -> usize {
        (cell / self.shape.cols * self.shape.width() + cell % self.shape.cols) * SIDE
    }

    /// The pixels as the network takes them: normalized.
    ///
    /// # Shapes
    /// (height, width), row by row
    pub fn normalized(&self) -> Vec<f32> {
        self.pixels.iter().map(|&grey| normalize(grey)).collect()
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
        let seen = ModelInput::of_cells(shape, &cells);
        for (cell, digit) in cells.iter().enumerate() {
            assert_eq!(seen.cell(cell), digit.unwrap_or([0; PIXELS]), "cell {cell}");
        }
        assert_eq!(seen.empty(), [false, false, false, false, true, false]);
    }
}
