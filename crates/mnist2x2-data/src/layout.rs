//! Layouts: where the digits of a picture lie, and in which order they are read.
//!
//! | written | what |
//! |---|---|
//! | `4x4`, `3x5` | a grid of rows x columns, row by row; each cell may be empty with a probability |
//! | `line:8` | 1 to 8 digits in a row, of different sizes and heights, apart, touching or overlapping, from left to right |
//! | `scatter:10` | 0 to 10 digits of any size at any place, line by line; see [`Layout::Scatter`] |

use std::fmt;
use std::str::FromStr;

use mnist2x2_random::Random;

use crate::digits::SIDE;
use crate::error::Error;
use crate::grid::GridShape;
use crate::placement::{self, Place};

/// The most digits of a line, and of a canvas.
const MAX_DIGITS: usize = 64;

/// How the digits of a picture lie, which decides the picture's size and the length of its sequence.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Layout {
    /// Rows and columns of cells, read row by row.
    Grid {
        /// Rows and columns.
        shape: GridShape,
        /// The probability that a cell is empty; an empty cell is no part of the sequence.
        blanks: f64,
    },
    /// 1 to `most` digits in a row, read from left to right.
    ///
    /// Sizes are 0.63 to 1.25. The images of neighbors, which MNIST's digits fill to 20 of 28 pixels, overlap by 0 to 0.4 of the
    /// smaller one: from 0.29 on ink may touch.
    Line {
        /// The most digits.
        most: usize,
        /// The size of the picture in cells of 28 pixels.
        canvas: GridShape,
    },
    /// 0 to `most` digits at any place, of sizes from 0.6 to 1.2, smaller where there is no room; their boxes do not overlap.
    ///
    /// Reading order: of the digits that are left, the one whose box has the highest center begins a line. The line has all
    /// digits whose center is above the lower edge of that box, from left to right by their centers. Then comes the next line.
    /// A picture in which a pixel or two would change that order is drawn anew.
    Scatter {
        /// The most digits.
        most: usize,
        /// The size of the picture in cells of 28 pixels.
        canvas: GridShape,
    },
}

/// Where the digits of one picture lie, in reading order.
pub(crate) enum Arranged {
    /// In these cells of a grid.
    Cells(Vec<usize>),
    /// At these places, of as many digits.
    Places(Vec<Place>),
}

impl Layout {
    /// 1 to `most` digits in a row, on a canvas of a cell for each, and one more if they are odd.
    pub const fn line(most: usize) -> Self {
        Self::Line { most, canvas: GridShape { rows: 1, cols: most.next_multiple_of(2) } }
    }

    /// 0 to `most` digits on a square canvas with about a cell for each: 84 x 84 pixels for ten.
    pub fn scatter(most: usize) -> Self {
        let side = ((most as f64).sqrt().round() as usize).max(2);
        Self::Scatter { most, canvas: GridShape { rows: side, cols: side } }
    }

    /// The same with cells that are empty with this probability.
    ///
    /// # Errors
    /// [`Error::Layout`] unless it is 0 to 0.9, and 0 if this is no grid.
    pub fn with_blanks(self, blanks: f64) -> Result<Self, Error> {
        match self {
            Self::Grid { shape, .. } if (0.0..=0.9).contains(&blanks) => Ok(Self::Grid { shape, blanks }),
            Self::Line { .. } | Self::Scatter { .. } if blanks <= 0.0 => Ok(self),
            Self::Grid { .. } => Err(bad(
                &self,
                format!("cells cannot be empty with probability {blanks}; 0 to 0.9 is possible"),
            )),
            _ => Err(bad(&self, "only the cells of a grid can be empty".into())),
        }
    }

    /// The same digits in a picture of this size.
    ///
    /// # Errors
    /// [`Error::Layout`] if this is a grid of another shape.
    pub fn on(self, canvas: GridShape) -> Result<Self, Error> {
        match self {
            Self::Line { most, .. } => Ok(Self::Line { most, canvas }),
            Self::Scatter { most, .. } => Ok(Self::Scatter { most, canvas }),
            Self::Grid { shape, .. } if shape == canvas => Ok(self),
            Self::Grid { .. } => Err(bad(
                &self,
                format!("does not fit into a picture of {} x {} cells", canvas.rows, canvas.cols),
            )),
        }
    }

    /// The size of the picture, in cells of 28 x 28 pixels.
    pub const fn shape(self) -> GridShape {
        match self {
            Self::Grid { shape, .. } => shape,
            Self::Line { canvas, .. } | Self::Scatter { canvas, .. } => canvas,
        }
    }

    /// The most digits in a picture.
    pub const fn max_digits(self) -> usize {
        match self {
            Self::Grid { shape, .. } => shape.cells(),
            Self::Line { most, .. } | Self::Scatter { most, .. } => most,
        }
    }

    /// Whether every picture has [`max_digits`](Self::max_digits) digits.
    pub fn is_full(self) -> bool {
        matches!(self, Self::Grid { blanks, .. } if blanks <= 0.0)
    }

    /// Where the digits of a picture lie, as `random` decides, those of a line with this overlap; nothing is drawn from it for a full
    /// grid.
    pub(crate) fn arrange(self, overlap: f64, random: impl FnOnce() -> Random) -> Arranged {
        match self {
            Self::Grid { shape, .. } if self.is_full() => Arranged::Cells((0..shape.cells()).collect()),
            Self::Grid { shape, blanks } => {
                let mut random = random();
                Arranged::Cells((0..shape.cells()).filter(|_| random.unit() >= blanks).collect())
            }
            Self::Line { most, canvas } => {
                Arranged::Places(placement::line(most, canvas, overlap, &mut random()))
            }
            Self::Scatter { most, canvas } => {
                Arranged::Places(placement::scatter(most, canvas, &mut random()))
            }
        }
    }
}

impl Arranged {
    /// Which of the digits that were drawn for the picture it shows, of as many as a picture has at most.
    pub(crate) fn shown<'a>(&'a self, digits: &'a [u32]) -> Box<dyn Iterator<Item = u32> + 'a> {
        match self {
            Self::Cells(cells) => Box::new(cells.iter().map(|&cell| digits[cell])),
            Self::Places(places) => Box::new(digits.iter().copied().take(places.len())),
        }
    }
}

impl From<GridShape> for Layout {
    fn from(shape: GridShape) -> Self {
        Self::Grid { shape, blanks: 0.0 }
    }
}

/// As it is written on a command line, and so without the probability of empty cells.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grid { shape, .. } => shape.fmt(f),
            Self::Line { most, .. } => write!(f, "line:{most}"),
            Self::Scatter { most, .. } => write!(f, "scatter:{most}"),
        }
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = |text: &str| text.parse().ok().filter(|number| (1..=MAX_DIGITS).contains(number));
        let layout = match text.split_once(':') {
            Some(("line", most)) => number(most).map(Self::line),
            Some(("scatter", most)) => number(most).map(Self::scatter),
            Some(_) => None,
            None => text.parse().ok().map(|shape: GridShape| shape.into()),
        };
        let what = "is no layout; write ROWSxCOLUMNS, line:N or scatter:N, such as 4x4, line:8 or scatter:10, each number 1 to 64";
        layout.ok_or_else(|| Error::Layout { layout: text.into(), what: what.into() })
    }
}

fn bad(layout: &Layout, what: String) -> Error {
    Error::Layout { layout: layout.to_string(), what }
}

/// Writes a digit of 28 x 28 pixels, 0 paper to 255 ink, at a place of an image of `shape`; where ink lies there already, the
/// darker of the two stays.
pub(crate) fn draw_at(digit: &[f32], place: &Place, shape: GridShape, image: &mut [f32]) {
    let Place { left, top, scale } = *place;
    // Pixels whose centers lie less than a pixel of the digit outside it.
    let range = |start: f32, limit: usize| {
        let edges = [-0.5, SIDE as f32 + 0.5].map(|at| (start + at * scale - 0.5).ceil().max(0.0) as usize);
        edges[0]..edges[1].min(limit)
    };
    for y in range(top, shape.height()) {
        let line = &mut image[y * shape.width()..][..shape.width()];
        for x in range(left, shape.width()) {
            // Centers of pixels lie on centers of pixels.
            let source = |at: usize, start: f32| (at as f32 + 0.5 - start) / scale - 0.5;
            line[x] = line[x].max(ink_at(digit, source(x, left), source(y, top)));
        }
    }
}

/// The ink of a digit between pixels; paper outside.
fn ink_at(digit: &[f32], x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let pixel = |dx: f32, dy: f32| {
        let (x, y) = (left + dx, top + dy);
        let is_inside = (0.0..SIDE as f32).contains(&x) && (0.0..SIDE as f32).contains(&y);
        if is_inside { digit[y as usize * SIDE + x as usize] } else { 0.0 }
    };
    let (right, below) = (x - left, y - top);
    let upper = pixel(0.0, 0.0) + right * (pixel(1.0, 0.0) - pixel(0.0, 0.0));
    let lower = pixel(0.0, 1.0) + right * (pixel(1.0, 1.0) - pixel(0.0, 1.0));
    upper + below * (lower - upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["2x2", "4x4", "3x5", "1x64", "line:8", "line:1", "scatter:10", "scatter:1"] {
            assert_eq!(text.parse::<Layout>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "4",
            "x4",
            "4x",
            "0x4",
            "65x1",
            "4x4x4",
            "line",
            "line:",
            "line:0",
            "line:65",
            "scatter:-1",
            "rows:3",
        ] {
            let message = text.parse::<Layout>().unwrap_err().to_string();
            assert!(message.contains("such as 4x4, line:8 or scatter:10"), "{message}");
        }
    }

    #[test]
    fn sizes_follow_the_layout() {
        let sizes = |text: &str| {
            let layout: Layout = text.parse().unwrap();
            (layout.max_digits(), layout.shape().height(), layout.shape().width(), layout.is_full())
        };
        assert_eq!(sizes("3x5"), (15, 84, 140, true));
        assert_eq!(sizes("line:8"), (8, 28, 224, false));
        assert_eq!(sizes("scatter:10"), (10, 84, 84, false));
        assert_eq!(sizes("scatter:1"), (1, 56, 56, false));
        let five = "line:5".parse::<Layout>().unwrap().on(GridShape { rows: 1, cols: 8 }).unwrap();
        assert_eq!((five.max_digits(), five.shape().width()), (5, 224));
    }

    #[test]
    fn only_cells_of_grids_are_empty() {
        let grid: Layout = "3x5".parse().unwrap();
        assert!(!grid.with_blanks(0.33).unwrap().is_full() && grid.with_blanks(0.0).unwrap() == grid);
        for (layout, blanks) in [("3x5", 0.95), ("3x5", -0.1), ("3x5", f64::NAN), ("line:8", 0.1)] {
            assert!(layout.parse::<Layout>().unwrap().with_blanks(blanks).is_err(), "{layout} {blanks}");
        }
        assert!(grid.on(GridShape { rows: 5, cols: 3 }).is_err());
    }

    #[test]
    fn a_digit_at_a_cell_and_of_its_own_size_stays_as_it_is() {
        let digit: Vec<f32> = (0..SIDE * SIDE).map(|i| (i * 7 % 251) as f32).collect();
        let shape = GridShape { rows: 2, cols: 3 };
        let mut image = vec![0.0; shape.pixels()];
        draw_at(&digit, &Place { left: 56.0, top: 28.0, scale: 1.0 }, shape, &mut image);
        for (at, &ink) in image.iter().enumerate() {
            let (x, y) = (at % 84, at / 84);
            let expected = if x >= 56 && y >= 28 { digit[(y - 28) * SIDE + x - 56] } else { 0.0 };
            assert!((ink - expected).abs() < 1e-3, "{x} {y}: {ink}, not {expected}");
        }
        // Half the size at half the place: each pixel lies in the middle of four.
        let mut half = vec![0.0; shape.pixels()];
        draw_at(&digit, &Place { left: 10.0, top: 5.0, scale: 0.5 }, shape, &mut half);
        let four =
            [0, 1, SIDE, SIDE + 1].map(|offset| digit[2 * SIDE + 6 + offset]).iter().sum::<f32>() / 4.0;
        assert!((half[6 * 84 + 13] - four).abs() < 1e-3);
    }
}
