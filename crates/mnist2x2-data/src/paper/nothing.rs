//! What people photograph that holds no digits: letters, pages of text, scribbles, or nothing at all.

use mnist2x2_random::Random;

use super::hand::{Pen, draw_strokes};
use super::plane::Plane;
use crate::strokes::{Point, Strokes};
use crate::synthetic::{self, smooth};

/// What is on a sheet in place of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nothing {
    Blank,
    /// One to eight large letters apart, in a row or in two.
    Letters,
    /// Lines of words in print, small or tiny.
    Text,
    Scribbles,
    /// Shapes and arrows, as in a sketch.
    Sketch,
}

/// Words of the two sets.
const WORDS: [[&str; 12]; 2] = [
    ["the", "of", "and", "paper", "light", "Network", "table", "Which", "Learning", "reads", "quick", "fox"],
    [
        "from",
        "to",
        "in",
        "Sequence",
        "shadow",
        "attention",
        "Encoder",
        "brown",
        "jumps",
        "over",
        "lazy",
        "dog",
    ],
];

/// Letters that no digit looks like, for the two sets; O and I, for instance, are left out.
pub(super) const UNLIKE_DIGITS: [&str; 2] = ["ADFJLNQTVXadfkmprux", "CEHKMPRUWYehntvwy"];

impl Nothing {
    /// Puts it on `sheet`, in letters and words of the set numbered `set`; `pen` is that of digits a fifth of the sheet high.
    pub(super) fn draw(self, set: u64, sheet: &mut Plane, pen: Pen, random: &mut Random) {
        match self {
            Self::Blank => {}
            Self::Letters => letters(UNLIKE_DIGITS[set as usize], sheet, pen, random),
            Self::Text => text(&WORDS[set as usize], sheet, pen.ink, random),
            Self::Scribbles => scribbles(sheet, pen, random),
            Self::Sketch => sketch(sheet, pen, random),
        }
    }
}

fn sides(sheet: &Plane) -> Point {
    [sheet.width as f32, sheet.height as f32]
}

fn letters(choice: &str, sheet: &mut Plane, pen: Pen, random: &mut Random) {
    let [width, height] = sides(sheet);
    let (rows, cols) = [(1, 1), (1, 3), (1, 5), (2, 2), (2, 3), (2, 4)][random.below(6) as usize];
    let cell = (width / cols as f32).min(height / rows as f32);
    let choice: Vec<char> = choice.chars().collect();
    for place in 0..rows * cols {
        let size = (0.6 * random.uniform(0.8, 1.1)) as f32 * cell;
        let (strokes, wide) = letter(choice[random.below(choice.len() as u32) as usize]);
        let middle =
            [width * (place % cols) as f32 + width / 2.0, height * (place / cols) as f32 + height / 2.0];
        let left = middle[0] / cols as f32 - size * wide / 2.0;
        let top = middle[1] / rows as f32 - size / 2.0;
        let slant = random.uniform(-0.1, 0.25) as f32;
        let strokes = strokes.map(|[x, y]| [left + size * (x + slant * (1.0 - y)), top + size * y]);
        draw_strokes(sheet, &strokes, pen, random);
    }
}

fn text(words: &[&str], sheet: &mut Plane, ink: f32, random: &mut Random) {
    let [width, height] = sides(sheet);
    let size = (random.uniform(0.012, 0.05) as f32 * width).max(6.0);
    let pen = Pen { width: (0.12 * size).max(1.0), ink, broken: 0.0 };
    let margin = random.uniform(0.04, 0.12) as f32 * width;
    let step = size * random.uniform(1.6, 2.4) as f32;
    for line in 0..((height - 2.0 * margin) / step) as usize {
        let (top, mut left) = (margin + line as f32 * step, margin);
        while left < width - margin {
            let word = words[random.below(words.len() as u32) as usize];
            for symbol in word.chars() {
                let (strokes, wide) = letter(symbol);
                let strokes = strokes.map(|[x, y]| [left + size * x, top + size * y]);
                draw_strokes(sheet, &strokes, pen, random);
                left += size * (wide + 0.22);
            }
            left += 0.45 * size;
        }
    }
}

fn scribbles(sheet: &mut Plane, pen: Pen, random: &mut Random) {
    let sides = sides(sheet);
    for _ in 0..=random.below(4) {
        let size = random.uniform(0.15, 0.5);
        let middle = sides.map(|side| f64::from(side) * random.uniform(0.3, 0.7));
        let mut point =
            || middle.map(|k| (k + size * f64::from(sides[0]) * random.uniform(-0.5, 0.5)) as f32);
        let points: Vec<Point> = (0..14).map(|_| point()).collect();
        draw_strokes(sheet, &Strokes::new(vec![smooth(&points)]).unwrap_or_default(), pen, random);
    }
}

fn sketch(sheet: &mut Plane, pen: Pen, random: &mut Random) {
    let [width, height] = sides(sheet);
    for _ in 0..3 + random.below(4) {
        let size = width * random.uniform(0.12, 0.3) as f32;
        let left = random.uniform(0.02, 0.6) as f32 * width;
        let top = random.uniform(0.02, 0.6) as f32 * height;
        let at = |points: &[Point]| points.iter().map(|[x, y]| [left + size * x, top + size * y]).collect();
        let lines = match random.below(3) {
            0 => vec![at(&[[0.0, 0.0], [1.6, 0.03], [1.57, 0.8], [0.02, 0.82], [0.0, 0.0]])],
            1 => vec![at(&[[0.5, 0.0], [1.0, 0.9], [0.0, 0.88], [0.5, 0.0]])],
            _ => vec![at(&[[0.0, 0.5], [1.5, 0.4]]), at(&[[1.3, 0.2], [1.5, 0.4], [1.32, 0.62]])],
        };
        draw_strokes(sheet, &Strokes::new(lines).unwrap_or_default(), pen, random);
    }
}

/// The strokes of a letter whose base line is at y = 1 and whose capital is 1 high, and its width; a space has none.
pub(super) fn letter(letter: char) -> (Strokes, f32) {
    let point = |(x, y): (i8, i8)| -> Point { [x, y].map(|k| f32::from(k) / 100.0) };
    let strokes = synthetic::letter(letter).iter().map(|&stroke| synthetic::flatten(stroke, point)).collect();
    let strokes = Strokes::new(strokes).unwrap_or_default();
    let width = strokes.corners().map_or(0.4, |[_, high]| high[0]);
    (strokes, width)
}
