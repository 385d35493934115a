//! A grid of digits: its shape, and its digits stitched to one image.

use std::fmt;
use std::str::FromStr;

use crate::digits::{Digits, SIDE};
use crate::error::Error;
use crate::normalize::normalize;

/// The most digits along a side that a command line may ask for.
const MAX_SIDE: usize = 64;

/// How digits are laid out; written as `2x5`, rows first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GridShape {
    /// Digits from top to bottom.
    pub rows: usize,
    /// Digits from left to right.
    pub cols: usize,
}

impl GridShape {
    /// Digits in one grid.
    pub const fn cells(self) -> usize {
        self.rows * self.cols
    }

    /// Height in pixels.
    pub const fn height(self) -> usize {
        self.rows * SIDE
    }

    /// Width in pixels.
    pub const fn width(self) -> usize {
        self.cols * SIDE
    }

    /// Pixels in one grid.
    pub const fn pixels(self) -> usize {
        self.height() * self.width()
    }
}

impl fmt::Display for GridShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.rows, self.cols)
    }
}

impl FromStr for GridShape {
    type Err = Error;

    /// Rows and columns, each 1 to 64.
    fn from_str(text: &str) -> Result<Self, Error> {
        let side = |text: &str| text.parse().ok().filter(|side| (1..=MAX_SIDE).contains(side));
        let sides = text.split_once(['x', 'X']).and_then(|(rows, cols)| Some((side(rows)?, side(cols)?)));
        let (rows, cols) = sides.ok_or_else(|| Error::Layout {
            layout: text.into(),
            what: "is no grid; write ROWSxCOLUMNS, such as 2x5, each number 1 to 64".into(),
        })?;
        Ok(Self { rows, cols })
    }
}

/// Writes a grid of digits as one normalized image, height x width, row by row.
///
/// # Panics
/// If `grid` has not `shape.cells()` indices of digits or `out` not `shape.pixels()` places.
pub fn stitch(digits: &Digits, grid: &[u32], shape: GridShape, out: &mut [f32]) {
    stitch_as(digits, grid, shape, out, normalize);
}

/// Writes a grid of digits as one gray image, 0 background and 255 ink, height x width, row by row.
///
/// # Panics
/// If `grid` has not `shape.cells()` indices of digits or `out` not `shape.pixels()` places.
pub fn stitch_u8(digits: &Digits, grid: &[u32], shape: GridShape, out: &mut [u8]) {
    stitch_as(digits, grid, shape, out, |gray| gray);
}

/// Writes a grid of digits, each pixel as `ink` shows it.
fn stitch_as<T>(digits: &Digits, grid: &[u32], shape: GridShape, out: &mut [T], ink: impl Fn(u8) -> T) {
    assert_eq!((grid.len(), out.len()), (shape.cells(), shape.pixels()), "indices and pixels of one grid");
    for (cell, &digit) in grid.iter().enumerate() {
        let lines = digits.image(digit as usize).chunks_exact(SIDE);
        for (line, pixels) in lines_of(cell, shape, out).zip(lines) {
            line.iter_mut().zip(pixels).for_each(|(out, &gray)| *out = ink(gray));
        }
    }
}

/// Writes the pixels of one digit, row by row, to its cell of an image, which has `shape.pixels()` of them.
pub fn place<T>(pixels: impl IntoIterator<Item = T>, cell: usize, shape: GridShape, out: &mut [T]) {
    lines_of(cell, shape, out).flatten().zip(pixels).for_each(|(out, pixel)| *out = pixel);
}

/// The rows of a cell.
fn lines_of<T>(cell: usize, shape: GridShape, out: &mut [T]) -> impl Iterator<Item = &mut [T]> {
    let (top, left) = (cell / shape.cols * SIDE, cell % shape.cols * SIDE);
    out.chunks_exact_mut(shape.width()).skip(top).take(SIDE).map(move |line| &mut line[left..][..SIDE])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PIXELS;

    /// Six digits with no two pixels alike within a row or column.
    fn six() -> Digits {
        let pixels = (0..6 * PIXELS).map(|i| (i * 7 + i / PIXELS * 31) as u8).collect();
        Digits::new(pixels, vec![0, 1, 2, 3, 4, 5]).unwrap()
    }

    #[test]
    fn every_pixel_lies_where_its_cell_lies() {
        let (digits, shape) = (six(), GridShape { rows: 2, cols: 3 });
        let grid = [4, 1, 5, 0, 3, 1];
        let (mut gray, mut seen) = (vec![0; shape.pixels()], vec![0.0; shape.pixels()]);
        stitch_u8(&digits, &grid, shape, &mut gray);
        stitch(&digits, &grid, shape, &mut seen);
        for y in 0..56 {
            for x in 0..84 {
                let cell = grid[(y / 28) * 3 + x / 28] as usize;
                let expected = digits.image(cell)[(y % 28) * 28 + x % 28];
                assert_eq!(gray[y * 84 + x], expected, "row {y}, column {x}");
                assert_eq!(seen[y * 84 + x].to_bits(), normalize(expected).to_bits());
            }
        }
    }

    #[test]
    fn sizes_follow_rows_and_columns() {
        let shape = GridShape { rows: 1, cols: 3 };
        assert_eq!((shape.cells(), shape.height(), shape.width(), shape.pixels()), (3, 28, 84, 2_352));
    }
}
