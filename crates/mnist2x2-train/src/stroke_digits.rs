//! Pen strokes as digits to train on: drawn as MNIST's digits are, and as a reader sees drawings of them.

use std::ops::RangeInclusive;

use mnist2x2_data::pendigits::{PenDigit, PenDigits};
use mnist2x2_data::{Digits, GridShape, PIXELS, StrokeRenderer, Strokes};
use mnist2x2_picture::ModelInput;
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

/// The digits of all writers, or of all but [`HELD_OUT_WRITERS`], each in every one of [`STROKE_WIDTHS`] and drawn with every one
/// of [`BRUSHES`].
///
/// # Errors
/// [`Error::Setting`] if there are none, and as [`ModelInput::render_strokes`].
pub(crate) fn digits(pens: &PenDigits, all_writers: bool) -> Result<Digits, Error> {
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
    let images = (0..tools.len() * theirs.len())
        .into_par_iter()
        .map(|i| tools[i / theirs.len()].draw(&theirs[i % theirs.len()].strokes));
    let pixels = images.collect::<Result<Vec<_>, Error>>()?.concat();
    let labels = tools.iter().flat_map(|_| theirs.iter().map(|digit| digit.label)).collect();
    Ok(Digits::new(pixels, labels)?)
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

    #[test]
    fn each_digit_of_the_writers_who_are_not_held_out_comes_with_every_pen_and_brush() {
        let strokes = Strokes::new(vec![vec![[0.3, 0.1], [0.6, 0.8]]]).unwrap();
        let digit = |writer, label| PenDigit { label, writer: Some(writer), strokes: strokes.clone() };
        let given = vec![digit(1, 4), digit(24, 7), digit(25, 0), digit(30, 0)];
        let pens = PenDigits { digits: given, sha256: String::new() };
        let labels = |found: &Digits| (0..found.len()).map(|i| found.label(i)).collect::<Vec<u8>>();
        let found = digits(&pens, true).unwrap();
        assert_eq!(labels(&found), [4, 7, 0, 0].repeat(STROKE_WIDTHS.len() + BRUSHES.len()));
        let found = digits(&pens, false).unwrap();
        assert_eq!(labels(&found), [4, 7].repeat(STROKE_WIDTHS.len() + BRUSHES.len()));
        for all_writers in [false, true] {
            let nobody = PenDigits { digits: vec![digit(31, 4)], sha256: String::new() };
            let message = digits(&nobody, all_writers).unwrap_err().to_string();
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
}
