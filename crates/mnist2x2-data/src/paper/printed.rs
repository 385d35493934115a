//! What is printed on a sheet before anybody writes on it: boxes, a table, lines, squares.

use mnist2x2_random::Random;

use super::arrangement::Written;
use super::hand::{Pen, draw_strokes};
use super::plane::Plane;
use crate::strokes::{Point, Strokes};

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Printed {
    Nothing,
    /// A box around each digit, apart from the next: its height at most and at least, as a share of the digit's.
    Boxes(f32, f32),
    /// A table around all cells, each in its own compartment.
    Table,
    /// Lines to write on.
    Ruled,
    /// Squared paper.
    Squared,
}

impl Printed {
    /// Prints it on `sheet`.
    pub(super) fn print(self, written: &Written<'_>, sheet: &mut Plane, random: &mut Random) {
        let size = 0.9 * written.cells.first().map_or(written.height, |cell| cell[3]);
        let dark = random.below(2) == 0;
        let strong = Pen {
            width: (size * random.uniform(0.006, 0.022) as f32).max(1.0),
            ink: if dark { random.uniform(0.6, 0.85) } else { random.uniform(0.2, 0.55) } as f32,
            broken: 0.0,
        };
        let faint = Pen {
            width: (size * random.uniform(0.004, 0.01) as f32).max(0.9),
            ink: random.uniform(0.1, 0.3) as f32,
            broken: 0.0,
        };
        let turn = random.uniform(-0.02, 0.02) as f32;
        match self {
            Self::Nothing => {}
            Self::Boxes(least, most) => {
                for line in boxes(written, [least, most], random) {
                    draw(sheet, vec![line], strong, random);
                }
            }
            Self::Table => {
                let turned =
                    |line: Vec<Point>| line.iter().map(|&p| about(middle(written), turn, p)).collect();
                draw(sheet, table(written).into_iter().map(turned).collect(), strong, random);
            }
            Self::Ruled => {
                let step = size * random.uniform(0.22, 0.42) as f32;
                draw(sheet, parallels(sheet, step, 1, turn, random), faint, random);
            }
            Self::Squared => {
                let step = size * random.uniform(0.14, 0.26) as f32;
                let mut lines = parallels(sheet, step, 1, turn, random);
                lines.extend(parallels(sheet, step, 0, -turn, random));
                draw(sheet, lines, faint, random);
            }
        }
    }
}

fn draw(sheet: &mut Plane, lines: Vec<Vec<Point>>, pen: Pen, random: &mut Random) {
    for line in lines {
        // Side by side, so that corners stay sharp.
        for side in line.windows(2) {
            let side = Strokes::new(vec![side.to_vec()]).unwrap_or_default();
            draw_strokes(sheet, &side, pen, random);
        }
    }
}

fn middle(written: &Written<'_>) -> Point {
    [written.width / 2.0, written.height / 2.0]
}

/// A point turned about another by a small angle.
fn about([cx, cy]: Point, angle: f32, [x, y]: Point) -> Point {
    [x - angle * (y - cy), y + angle * (x - cx)]
}

/// A box around each digit, all of one size, each turned a little for itself, the next one outside.
fn boxes(written: &Written<'_>, [least, most]: [f32; 2], random: &mut Random) -> Vec<Vec<Point>> {
    let narrow = random.uniform(0.82, 1.0) as f32;
    let tallest = written.digits.iter().map(|digit| digit.area[3]).fold(0.0, f32::max);
    let high = random.uniform(f64::from(least), f64::from(most)) as f32 * tallest;
    let frame = |(digit, cell): (_, &[f32; 4])| {
        let [left, top, width, height]: [f32; 4] = digit;
        let size = [(narrow * high).max(1.1 * width).min(0.96 * cell[2]), high.min(0.96 * cell[3])];
        let turn = random.uniform(-0.025, 0.025) as f32;
        // Boxes stand in their cells; digits may leave the middle.
        let free: [f32; 2] = std::array::from_fn(|k| (0.98 * cell[2 + k] - size[k]).max(0.0) / 2.0);
        let middle: [f32; 2] = std::array::from_fn(|k| cell[k] + cell[2 + k] / 2.0);
        let digit = [left + width / 2.0, top + height / 2.0];
        let center: [f32; 2] =
            std::array::from_fn(|k| digit[k].clamp(middle[k] - free[k], middle[k] + free[k]));
        let corner = |x: f32, y: f32| {
            about(center, turn, [center[0] + x * size[0] / 2.0, center[1] + y * size[1] / 2.0])
        };
        vec![corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0), corner(-1.0, -1.0)]
    };
    written.digits.iter().map(|digit| digit.area).zip(&written.cells).map(frame).collect()
}

/// The lines of a table around the cells of a grid or a row.
fn table(written: &Written<'_>) -> Vec<Vec<Point>> {
    let [rows, cols] = written.shape;
    let Some(cell) = written.cells.first() else { return Vec::new() };
    let (size, middle) = (cell[3], middle(written));
    let [width, height] =
        if rows == 1 { [0.96 * written.width, size] } else { [cols as f32 * size, rows as f32 * size] };
    let top = if rows == 1 { cell[1] } else { middle[1] - height / 2.0 };
    let left = middle[0] - width / 2.0;
    let level = (0..=rows).map(|i| {
        let y = top + i as f32 * height / rows as f32;
        vec![[left, y], [left + width, y]]
    });
    let between = |i: usize| match (rows, written.cells.get(i)) {
        (1, Some(next)) if i > 0 => f32::midpoint(next[0], written.cells[i - 1][0] + written.cells[i - 1][2]),
        _ => left + i as f32 * width / cols as f32,
    };
    let upright = (0..=cols).map(|i| vec![[between(i), top], [between(i), top + height]]);
    level.chain(upright).collect()
}

/// Lines across the sheet, `step` apart along one axis.
fn parallels(sheet: &Plane, step: f32, axis: usize, turn: f32, random: &mut Random) -> Vec<Vec<Point>> {
    let sides = [sheet.width as f32, sheet.height as f32];
    let first = (f64::from(step) * random.unit()) as f32;
    let count = ((sides[axis] - first) / step).max(0.0) as usize;
    let line = |i: usize| {
        let end = |far: f32| {
            let (along, across) =
                (far * sides[1 - axis], first + i as f32 * step + turn * (far - 0.5) * sides[1 - axis]);
            if axis == 1 { [along, across] } else { [across, along] }
        };
        vec![end(0.0), end(1.0)]
    };
    (0..=count).map(line).collect()
}
