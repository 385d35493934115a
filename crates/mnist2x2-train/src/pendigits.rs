//! Pen strokes as digits to train on: drawn as MNIST's digits are, and as a reader sees drawings of them.

use std::ops::RangeInclusive;

use mnist2x2_data::pendigits::{PenDigit, PenDigits};
use mnist2x2_data::{Digits, GridShape, PIXELS, StrokeRenderer, Strokes};
use mnist2x2_picture::ModelInput;
use mnist2x2_random::Random;
use rayon::prelude::*;

use crate::Error;

/// The people whose pen strokes are not trained on unless a recipe asks for all, of the 30 of the training half: to see
/// whether new ones are read.
pub const HELD_OUT_WRITERS: RangeInclusive<u32> = 25..=30;
/// The widths that strokes are drawn with, in pixels of a digit: thinner than MNIST's, as wide, and wider.
pub(crate) const STROKE_WIDTHS: [f32; 3] = [1.7, 2.3, 3.1];

/// Pixels along a drawing's side: enough to see any brush, few enough that thousands are seen within seconds.
const SIDE: usize = 200;
/// The brushes of the drawings, as shares of a side: between the thinnest and the widest that people draw with, at which
/// loops close and crossings become blots, whatever is done to make strokes thin again.
const BRUSHES: [f32; 3] = [0.035, 0.065, 0.095];
/// How wide a digit that leans becomes, as a share of what it was.
const BREADTHS: RangeInclusive<f64> = 0.8..=1.25;
/// How near to the left and right edges of a drawing, as a share of its side, the pen of a digit that leans may come: farther than half
/// of the widest of [`BRUSHES`], so that no ink is cut off.
const MARGIN: f32 = 0.05;

/// The digits of all writers, or of all but [`HELD_OUT_WRITERS`], each in every one of [`STROKE_WIDTHS`] and drawn with every one
/// of [`BRUSHES`]. If `slant` is above 0, half of them [`lean`]: by `slant` to the right at most, by half as much to the left. How each
/// leans is the same for every seed, as the drawings are.
///
/// # Errors
/// [`Error::Setting`] if there are none, and as [`ModelInput::render_strokes`].
pub(crate) fn digits(pens: &PenDigits, all_writers: bool, slant: f64) -> Result<Digits, Error> {
    let (held_out, all) = (HELD_OUT_WRITERS, 1..=*HELD_OUT_WRITERS.end());
    let writers = if all_writers { all } else { 1..=held_out.start() - 1 };
    let is_theirs = |digit: &&PenDigit| digit.writer.is_some_and(|writer| writers.contains(&writer));
    let theirs: Vec<&PenDigit> = pens.digits.iter().filter(is_theirs).collect();
    if theirs.is_empty() {
        let (first, last) = (writers.start(), writers.end());
        let problem = format!(
            "is above 0, but none of the {} pen strokes is by a writer from {first} to {last}, and no others are trained on; \
            use a file that names such writers, such as pendigits-orig.tra",
            pens.digits.len()
        );
        return Err(Error::setting("stroke_fraction", problem));
    }
    let tools: Vec<Tool> = STROKE_WIDTHS.map(Tool::Pen).into_iter().chain(BRUSHES.map(Tool::Brush)).collect();
    let images = (0..tools.len() * theirs.len()).into_par_iter().map(|i| {
        let (tool, strokes) = (&tools[i / theirs.len()], &theirs[i % theirs.len()].strokes);
        let mut random = Random::keyed(0, "lean", 0, i as u64);
        let leaning = (slant > 0.0 && random.below(2) == 0).then(|| {
            let slant = random.uniform(-0.5 * slant, slant);
            let breadth = random.uniform(*BREADTHS.start(), *BREADTHS.end());
            lean(strokes, slant as f32, breadth as f32)
        });
        tool.draw(leaning.as_ref().unwrap_or(strokes))
    });
    let pixels = images.collect::<Result<Vec<_>, Error>>()?.concat();
    let labels = tools.iter().flat_map(|_| theirs.iter().map(|digit| digit.label)).collect();
    Ok(Digits::new(pixels, labels)?)
}

/// `strokes` as somebody else might have written them: leaning farther to the right by the tangent `slant`, and `breadth` times as wide.
/// They move to keep [`MARGIN`] on the left and on the right, and shrink where they are too wide for that.
fn lean(strokes: &Strokes, slant: f32, breadth: f32) -> Strokes {
    let middle = |[low, high]: [[f32; 2]; 2]| [0, 1].map(|k| f32::midpoint(low[k], high[k]));
    let [x0, y0] = strokes.corners().map(middle).unwrap_or_default();
    let leaning = strokes.map(|[x, y]| [x0 + breadth * (x - x0) + slant * (y0 - y), y]);
    let [[left, _], [right, _]] = leaning.corners().unwrap_or_default();
    let scale = ((1.0 - 2.0 * MARGIN) / (right - left)).min(1.0);
    let [left, right] = [left, right].map(|x| x0 + scale * (x - x0));
    let shift = (MARGIN - left).max(0.0) + (1.0 - MARGIN - right).min(0.0);
    leaning.map(|[x, y]| [x0 + scale * (x - x0) + shift, y0 + scale * (y - y0)])
}

/// What a digit is drawn with.
enum Tool {
    /// One of [`STROKE_WIDTHS`]: the digit looks as MNIST's do.
    Pen(f32),
    /// One of [`BRUSHES`]: the digit is alone on its canvas, and looks as a reader sees it there.
    Brush(f32),
}

impl Tool {
    fn draw(&self, strokes: &Strokes) -> Result<[u8; PIXELS], Error> {
        let brush = match *self {
            Self::Pen(width) => return Ok(strokes.rasterize(width)),
            Self::Brush(share) => share * SIDE as f32,
        };
        let canvas = StrokeRenderer { cell: SIDE, brush, ..StrokeRenderer::default() };
        Ok(ModelInput::render_strokes(&[strokes], Some(&canvas), GridShape { rows: 1, cols: 1 })?.cell(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;

    #[test]
    fn each_digit_of_the_writers_who_are_not_held_out_comes_with_every_pen_and_brush() {
        let strokes = Strokes::new(vec![vec![[0.3, 0.1], [0.6, 0.8]]]).unwrap();
        let digit = |writer, label| PenDigit { label, writer: Some(writer), strokes: strokes.clone() };
        let given = vec![digit(1, 4), digit(24, 7), digit(25, 0), digit(30, 0)];
        let pens = PenDigits { digits: given, sha256: String::new() };
        let labels = |found: &Digits| (0..found.len()).map(|i| found.label(i)).collect::<Vec<u8>>();
        let found = digits(&pens, true, 0.0).unwrap();
        assert_eq!(labels(&found), [4, 7, 0, 0].repeat(STROKE_WIDTHS.len() + BRUSHES.len()));
        let found = digits(&pens, false, 0.5).unwrap();
        assert_eq!(labels(&found), [4, 7].repeat(STROKE_WIDTHS.len() + BRUSHES.len()));
        for all_writers in [false, true] {
            let nobody = PenDigits { digits: vec![digit(31, 4)], sha256: String::new() };
            let message = digits(&nobody, all_writers, 0.5).unwrap_err().to_string();
            let last = if all_writers { 30 } else { 24 };
            assert!(
                message.contains(&format!("none of the 1 pen strokes is by a writer from 1 to {last}")),
                "{message}"
            );
        }
        for i in 0..found.len() {
            assert!(found.image(i).iter().any(|&gray| gray > 200), "digit {i} has no ink");
        }
    }

    #[test]
    fn half_of_the_digits_lean_where_a_recipe_says_so() {
        let strokes = Strokes::new(vec![vec![[0.3, 0.2], [0.6, 0.5], [0.4, 0.8]]]).unwrap();
        let given = vec![PenDigit { label: 3, writer: Some(1), strokes }; 50];
        let pens = PenDigits { digits: given, sha256: String::new() };
        let drawn = |stroke_slant| {
            let recipe = Recipe { stroke_fraction: 0.5, stroke_slant, ..Recipe::default() };
            recipe.draw(Some(&pens)).unwrap().unwrap()
        };
        let (upright, leaning, again) = (drawn(0.0), drawn(0.7), drawn(0.7));
        assert!((0..leaning.len()).all(|i| leaning.image(i) == again.image(i)));
        let changed = (0..leaning.len()).filter(|&i| leaning.image(i) != upright.image(i)).count();
        assert!((100..=200).contains(&changed), "{changed} of {}", leaning.len());
        let none = Recipe { stroke_slant: 0.7, ..Recipe::default() }.draw(None).unwrap_err().to_string();
        assert!(none.contains("`stroke_fraction` is 0, but `stroke_slant` is above 0"), "{none}");
    }

    #[test]
    fn digits_lean_about_their_middle_and_stay_within_the_drawing() {
        let strokes = Strokes::new(vec![vec![[0.4, 0.2], [0.5, 0.5], [0.6, 0.8]]]).unwrap();
        let points = |strokes: &Strokes| strokes.iter().flatten().copied().collect::<Vec<_>>();
        let close = |found: &[[f32; 2]], expected: &[[f32; 2]]| {
            assert!(
                found.as_flattened().iter().zip(expected.as_flattened()).all(|(a, b)| (a - b).abs() < 1e-6),
                "{found:?}"
            );
        };
        close(&points(&lean(&strokes, 0.0, 1.0)), &points(&strokes));
        close(&points(&lean(&strokes, 0.5, 1.0)), &[[0.55, 0.2], [0.5, 0.5], [0.45, 0.8]]);
        close(&points(&lean(&strokes, 0.0, 1.2)), &[[0.38, 0.2], [0.5, 0.5], [0.62, 0.8]]);
        let wide = Strokes::new(vec![vec![[0.1, 0.9], [1.0, 0.0]]]).unwrap();
        close(&points(&lean(&wide, 1.0, 1.0)), &[[0.05, 0.675], [0.95, 0.225]]);
        let at_the_edge = Strokes::new(vec![vec![[0.9, 0.1], [0.9, 0.5]]]).unwrap();
        close(&points(&lean(&at_the_edge, 0.5, 1.0)), &[[0.95, 0.1], [0.75, 0.5]]);
        close(&points(&lean(&at_the_edge, 0.0, 1.2)), &points(&at_the_edge));
        let dot = Strokes::new(vec![vec![[0.0, 0.5]]]).unwrap();
        close(&points(&lean(&dot, 0.5, 1.2)), &[[0.05, 0.5]]);
        assert!(lean(&Strokes::default(), 0.5, 1.0).is_empty());
    }
}
