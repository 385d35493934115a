//! Where on a sheet digits are written: one, in a row, in a grid.

use mnist2x2_random::Random;

use super::hand::{Digit, Hands, Placed};
use super::plane::Plane;

/// How digits are arranged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Arrangement {
    /// In `rows` x `cols` cells, each empty with this probability.
    Grid { rows: usize, cols: usize, blanks: f32 },
    /// From `fewest` to `most` in a row, apart or with strokes that touch.
    Row { fewest: u32, most: u32, touching: bool },
    /// From `fewest` to `most` in the cells of a row.
    Cells { fewest: u32, most: u32 },
    /// None: only the sheet.
    Nothing,
}

/// Digits on a sheet of so many pixels.
#[derive(Clone, Debug)]
pub(super) struct Written<'a> {
    pub(super) width: f32,
    pub(super) height: f32,
    /// In reading order.
    pub(super) digits: Vec<Placed<'a>>,
    /// Each digit's cell: left, top, width and height. Those of a grid lie side by side.
    pub(super) cells: Vec<[f32; 4]>,
    /// Rows and columns of the cells of a grid, empty ones included; of a row, one row.
    pub(super) shape: [usize; 2],
}

impl Arrangement {
    /// Digits by one of `hands` on a sheet `width` pixels wide; `small` is the height of one digit among them, if it is
    /// smaller than the others, as a share of its cell.
    pub(super) fn write<'a>(
        self,
        hands: &Hands<'a>,
        width: f32,
        small: Option<f32>,
        random: &mut Random,
    ) -> Written<'a> {
        match self {
            Self::Grid { rows, cols, blanks } => grid(hands, [rows, cols], blanks, width, small, random),
            Self::Row { fewest, most, touching } => {
                let count = fewest + random.below(most - fewest + 1);
                row(&hands.write(count as usize, random), width, touching, random)
            }
            Self::Cells { fewest, most } => {
                let count = fewest + random.below(most - fewest + 1);
                grid(hands, [1, count as usize], 0.0, width, small, random)
            }
            Self::Nothing => {
                let height = width * random.uniform(0.7, 1.3) as f32;
                Written { width, height, digits: vec![], cells: vec![], shape: [0, 0] }
            }
        }
    }
}

fn grid<'a>(
    hands: &Hands<'a>,
    [rows, cols]: [usize; 2],
    blanks: f32,
    width: f32,
    small: Option<f32>,
    random: &mut Random,
) -> Written<'a> {
    let margin = random.uniform(0.02, 0.3) as f32;
    let cell = width / (cols as f32 + 2.0 * margin);
    let full: Vec<usize> = (0..rows * cols).filter(|_| random.unit() as f32 >= blanks).collect();
    let full = if full.is_empty() { vec![0] } else { full };
    let smallest = random.below(full.len() as u32) as usize;
    let size = random.uniform(0.48, 0.7);
    let mut written = Written {
        width,
        height: cell * (rows as f32 + 2.0 * margin),
        digits: vec![],
        cells: vec![],
        shape: [rows, cols],
    };
    for (i, (place, digit)) in full.iter().zip(hands.write(full.len(), random)).enumerate() {
        let corner = [place % cols, place / cols].map(|k| (k as f32 + margin) * cell);
        let height = (size * random.uniform(0.88, 1.12)) as f32;
        let height = small.filter(|_| i == smallest).unwrap_or(height) * cell;
        let [width, height] = fit(digit, height, 0.78 * cell);
        let [dx, dy] = [0; 2].map(|_: i32| (0.5 + random.uniform(-0.05, 0.05)) as f32 * cell);
        let area = [corner[0] + dx - width / 2.0, corner[1] + dy - height / 2.0, width, height];
        written.digits.push(Placed { digit, area });
        written.cells.push([corner[0], corner[1], cell, cell]);
    }
    written
}

/// Width and height of a digit so high, or less if it would be wider than `widest`.
fn fit(digit: Digit<'_>, height: f32, widest: f32) -> [f32; 2] {
    let width = digit.aspect() * height;
    if width <= widest { [width, height] } else { [widest, height * widest / width] }
}

/// Digits in a row. It is laid out in units of a digit's height, and then enlarged.
fn row<'a>(digits: &[Digit<'a>], width: f32, touching: bool, random: &mut Random) -> Written<'a> {
    let [beside, above, below] =
        [(0.2, 1.0), (0.25, 1.6), (0.25, 1.6)].map(|(a, b)| random.uniform(a, b) as f32);
    let gap = random.uniform(0.12, 0.45);
    let mut x = beside;
    let mut areas: Vec<[f32; 4]> = Vec::new();
    for (i, &digit) in digits.iter().enumerate() {
        let [width, height] = fit(digit, random.uniform(0.88, 1.12) as f32, 1.3);
        let top = above + (1.0 - height) / 2.0 + random.uniform(-0.06, 0.06) as f32;
        let space = (gap * random.uniform(0.7, 1.4)) as f32;
        let area = [x, top, width, height];
        if i > 0 {
            let before = Placed { digit: digits[i - 1], area: areas[i - 1] };
            let free = clearance(&before, &Placed { digit, area });
            x += if touching { random.uniform(-0.02, 0.02) as f32 - free } else { space };
        }
        areas.push([x, top, width, height]);
        x += width;
    }
    let scale = width / (x + beside);
    let digits: Vec<Placed<'a>> = digits
        .iter()
        .zip(&areas)
        .map(|(&digit, area)| Placed { digit, area: area.map(|k| scale * k) })
        .collect();
    let height = scale * (1.0 + above + below);
    let cell = |digit: &Placed<'_>| {
        let [left, _, width, _] = digit.area;
        let side = (0.2 * scale).max((scale - width) / 2.0);
        [left - side, scale * (above - 0.25), width + 2.0 * side, 1.5 * scale]
    };
    let (cells, shape) = (digits.iter().map(cell).collect(), [1, digits.len()]);
    Written { width, height, digits, cells, shape }
}

/// How far the second digit could move to the left before its ink meets that of the first, in units of a digit's height.
fn clearance(first: &Placed<'_>, second: &Placed<'_>) -> f32 {
    const ROWS: usize = 24;
    let edge = |digit: &Placed<'_>, sign: f32| {
        let [left, top, width, height] = digit.area;
        let mut edge = Plane { width: ROWS, height: 1, values: vec![f32::NEG_INFINITY; ROWS] };
        for [x, y] in digit.digit.points() {
            let row = ((top + y * height) * 8.0) as isize;
            (row - 1..=row + 1).for_each(|row| edge.raise(row, 0, sign * (left + x * width)));
        }
        edge.values
    };
    let (right, left) = (edge(first, 1.0), edge(second, -1.0));
    let free = right.iter().zip(&left).map(|(right, left)| -left - right).fold(f32::INFINITY, f32::min);
    if free.is_finite() { free } else { 0.0 }
}
