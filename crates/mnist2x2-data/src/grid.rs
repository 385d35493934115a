//! Which digits make a grid, and the grid as one image.

use crate::digits::SIDE;
use crate::{Digits, Error};

/// Mean of MNIST's training pixels as a share of 255; images are normalised with it.
pub const MEAN: f32 = 0.1307;
/// Standard deviation of the same.
pub const STD: f32 = 0.3081;

/// [`normalise`] of each grey value.
const NORMALISED: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut grey = 0;
    while grey < 256 {
        table[grey] = normalise_ink(grey as f32);
        grey += 1;
    }
    table
};

/// A grey value as the network sees it: (grey / 255 - [`MEAN`]) / [`STD`].
pub const fn normalise(grey: u8) -> f32 {
    NORMALISED[grey as usize]
}

/// The grey value that [`normalise`] takes to `value`, or the nearest there is.
pub fn denormalise(value: f32) -> u8 {
    (255.0 * (value * STD + MEAN)).round() as u8
}

/// [`normalise`] of a value between two grey values.
pub(crate) const fn normalise_ink(ink: f32) -> f32 {
    (ink / 255.0 - MEAN) / STD
}

/// How digits are laid out.
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

/// Which digits make which grid: for each grid, the indices of its digits, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexMap {
    indices: Vec<u32>,
    cells: usize,
}

impl IndexMap {
    /// Grids of `cells` digits each.
    ///
    /// # Errors
    /// [`Error::BadGrid`] if `cells` is 0 or `indices` does not fill whole grids.
    pub fn new(indices: Vec<u32>, cells: usize) -> Result<Self, Error> {
        if cells == 0 || !indices.len().is_multiple_of(cells) {
            let what = format!("{} indices are no whole grids of {cells} cells", indices.len());
            return Err(Error::BadGrid { what, fix: "pass one index for each cell of each grid" });
        }
        Ok(Self { indices, cells })
    }

    /// How many grids.
    pub fn len(&self) -> usize {
        self.indices.len() / self.cells
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Digits in one grid.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The indices of grid `i`'s digits, row by row.
    ///
    /// # Panics
    /// If `i` is not below [`len`](Self::len).
    pub fn grid(&self, i: usize) -> &[u32] {
        &self.indices[i * self.cells..(i + 1) * self.cells]
    }

    /// Refuses grids of another size than `shape`, and indices that `digits` digits do not have.
    pub(crate) fn check(&self, shape: GridShape, digits: usize) -> Result<(), Error> {
        if self.cells != shape.cells() {
            let what =
                format!("index map of {} cells for grids of {} x {}", self.cells, shape.rows, shape.cols);
            return Err(Error::BadGrid { what, fix: "draw the index map for this shape" });
        }
        match self.indices.iter().find(|&&index| index as usize >= digits) {
            Some(index) => {
                let what = format!("index map names digit {index} of {digits}");
                Err(Error::BadGrid { what, fix: "use it with the digits that it was drawn for" })
            }
            None => Ok(()),
        }
    }
}

/// Writes a grid of digits as one normalised image, height x width, row by row.
///
/// # Panics
/// If `grid` has not `shape.cells()` indices of digits or `out` not `shape.pixels()` places.
pub fn stitch(digits: &Digits, grid: &[u32], shape: GridShape, out: &mut [f32]) {
    stitch_as(digits, grid, shape, out, normalise);
}

/// Writes a grid of digits as one grey image, 0 background and 255 ink, height x width, row by row.
///
/// # Panics
/// If `grid` has not `shape.cells()` indices of digits or `out` not `shape.pixels()` places.
pub fn stitch_u8(digits: &Digits, grid: &[u32], shape: GridShape, out: &mut [u8]) {
    stitch_as(digits, grid, shape, out, |grey| grey);
}

/// Writes a grid of digits, each pixel as `ink` shows it.
fn stitch_as<T>(digits: &Digits, grid: &[u32], shape: GridShape, out: &mut [T], ink: impl Fn(u8) -> T) {
    assert_eq!((grid.len(), out.len()), (shape.cells(), shape.pixels()), "indices and pixels of one grid");
    for (cell, &digit) in grid.iter().enumerate() {
        place(digits.image(digit as usize).iter().map(|&grey| ink(grey)), cell, shape, out);
    }
}

/// Writes the pixels of one digit, row by row, to its cell of an image.
pub(crate) fn place<T>(pixels: impl IntoIterator<Item = T>, cell: usize, shape: GridShape, out: &mut [T]) {
    let (top, left) = (cell / shape.cols * SIDE, cell % shape.cols * SIDE);
    let lines = out.chunks_exact_mut(shape.width()).skip(top).take(SIDE);
    let places = lines.flat_map(|line| &mut line[left..left + SIDE]);
    places.zip(pixels).for_each(|(out, pixel)| *out = pixel);
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
        let (mut grey, mut seen) = (vec![0; shape.pixels()], vec![0.0; shape.pixels()]);
        stitch_u8(&digits, &grid, shape, &mut grey);
        stitch(&digits, &grid, shape, &mut seen);
        for y in 0..56 {
            for x in 0..84 {
                let cell = grid[(y / 28) * 3 + x / 28] as usize;
                let expected = digits.image(cell)[(y % 28) * 28 + x % 28];
                assert_eq!(grey[y * 84 + x], expected, "row {y}, column {x}");
                assert_eq!(seen[y * 84 + x].to_bits(), normalise(expected).to_bits());
            }
        }
    }

    #[test]
    fn every_grey_value_comes_back() {
        assert!((0..=255).all(|grey| denormalise(normalise(grey)) == grey));
        assert_eq!([denormalise(-100.0), denormalise(100.0)], [0, 255]);
    }

    #[test]
    fn sizes_follow_rows_and_columns() {
        let shape = GridShape { rows: 1, cols: 3 };
        assert_eq!((shape.cells(), shape.height(), shape.width(), shape.pixels()), (3, 28, 84, 2_352));
    }

    #[test]
    fn normalisation_is_the_published_one() {
        let values = [normalise(0), normalise(128), normalise(255)];
        let published = [-0.1307 / 0.3081, (128.0 / 255.0 - 0.1307) / 0.3081, (1.0 - 0.1307) / 0.3081];
        assert!(values.iter().zip(published).all(|(x, y)| (f64::from(*x) - y).abs() < 1e-6), "{values:?}");
    }

    #[test]
    fn index_maps_hold_whole_grids_only() {
        let map = IndexMap::new((0..12).collect(), 3).unwrap();
        assert_eq!((map.len(), map.cells(), map.grid(2)), (4, 3, [6, 7, 8].as_slice()));
        assert!(IndexMap::new(vec![0; 11], 3).is_err() && IndexMap::new(vec![], 0).is_err());
    }
}
