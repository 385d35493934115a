//! From what a person corrected to what a model can learn.

use mnist2x2_data::{GridShape, PIXELS, Strokes};
use mnist2x2_infer::api;
use mnist2x2_picture::{Drawing, ModelInput, Picture};
use serde::Deserialize;
use serde_json::Value;

use super::LabeledExample;
use crate::Error;

/// What a person says of a drawing, as far as it teaches something.
#[derive(Clone, Copy, Debug)]
pub struct Correction<'a> {
    /// What is right: digit by digit, row by row, and `_` where there is none.
    pub right: &'a str,
    /// The digits as they were found in a picture of any arrangement, 28 x 28 bytes each.
    pub found: Option<&'a [u8]>,
    /// Or the drawing of a grid, an [`api::Drawing`] as JSON.
    pub strokes: Option<&'a Value>,
    /// Or the file of a picture of one.
    pub picture: Option<&'a [u8]>,
}

impl Correction<'_> {
    /// What a model that reads grids of `shape` learns from it, nothing if no digit is left; and how much of what was found
    /// is no digit, which it leaves out.
    ///
    /// # Errors
    /// [`Error::Corrections`] if it is of another grid or nothing was drawn; [`Error::Infer`] and [`Error::Picture`] if what
    /// was drawn cannot be understood.
    pub fn example(&self, shape: GridShape) -> Result<(Option<LabeledExample>, usize), Error> {
        let digit = |cell: char| cell.to_digit(10).map(|digit| digit as u8);
        let right: Vec<Option<u8>> = self.right.chars().map(digit).collect();
        if let Some(found) = self.found {
            return of_digits(found, &right);
        }
        if right.len() != shape.cells() {
            let (count, GridShape { rows, cols }) = (right.len(), shape);
            let problem = format!("is of {count} cells, but the model reads {rows} x {cols}");
            return Err(Error::corrections(problem));
        }
        if let Some(strokes) = self.strokes {
            let sent = api::Drawing::deserialize(strokes);
            let sent = sent.map_err(|error| Error::corrections(format!("strokes: {error}")))?;
            sent.check(shape.cells())?;
            let drawing = Drawing::from_cells(&sent.cells, sent.width, sent.height, shape)?;
            let cells = drawing.cells(shape).into_iter().zip(&right);
            let strokes = cells.map(|(strokes, digit)| strokes.filter(|_| digit.is_some())).collect();
            return of_grid(&ModelInput::from_drawing(&drawing, shape), right, Some(strokes));
        }
        let nothing = || Error::corrections("has neither strokes nor a picture");
        let picture = Picture::from_bytes(self.picture.ok_or_else(nothing)?)?;
        of_grid(&ModelInput::from_picture(&picture, shape), right, None)
    }
}

fn of_digits(found: &[u8], right: &[Option<u8>]) -> Result<(Option<LabeledExample>, usize), Error> {
    let digits = found.as_chunks::<PIXELS>().0.iter().zip(right);
    let (digits, labels): (Vec<_>, Vec<_>) =
        digits.filter_map(|(pixels, digit)| Some((*pixels, (*digit)?))).unzip();
    let example = (!labels.is_empty()).then(|| LabeledExample::of_digits(&digits, &labels)).transpose()?;
    Ok((example, right.len() - labels.len()))
}

/// A grid without the ink of cells in which there is no digit.
fn of_grid(
    input: &ModelInput,
    right: Vec<Option<u8>>,
    strokes: Option<Vec<Option<Strokes>>>,
) -> Result<(Option<LabeledExample>, usize), Error> {
    let is_inked = |cell: &usize| !input.empty()[*cell];
    let no_digits = (0..right.len()).filter(is_inked).filter(|&cell| right[cell].is_none()).count();
    let cell = |cell: usize| (is_inked(&cell) && right[cell].is_some()).then(|| input.cell(cell));
    let cleared = ModelInput::from_digits(input.shape(), (0..right.len()).map(cell));
    let has_digits = right.iter().any(Option::is_some);
    let example = has_digits.then(|| LabeledExample::new(cleared, right, strokes)).transpose()?;
    Ok((example, no_digits))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SHAPE: GridShape = GridShape { rows: 1, cols: 3 };
    const NOTHING: Correction = Correction { right: "4_1", found: None, strokes: None, picture: None };

    #[test]
    fn what_is_no_digit_is_left_out_and_counted() {
        let stroke = json!([[10, 5], [12, 35]]);
        let strokes = json!({ "cells": [[stroke], [stroke], []], "width": 30, "height": 40 });
        let drawn = Correction { right: "4__", strokes: Some(&strokes), ..NOTHING };
        let (example, no_digits) = drawn.example(SHAPE).unwrap();
        let example = example.unwrap();
        assert_eq!((example.labels(), no_digits), (&[Some(4), None, None][..], 1));
        assert_eq!(example.input().empty(), [false, true, true]);

        let found: Vec<u8> = (0..3 * PIXELS).map(|i| (i / PIXELS) as u8 + 1).collect();
        let (example, no_digits) =
            Correction { found: Some(&found), ..NOTHING }.example(GridShape { rows: 2, cols: 2 }).unwrap();
        let example = example.unwrap();
        assert_eq!((example.labels(), no_digits), (&[Some(4), Some(1)][..], 1));
        assert_eq!([0, 1].map(|digit| example.input().cell(digit)[0]), [1, 3]);
        let (example, no_digits) =
            Correction { right: "___", found: Some(&found), ..NOTHING }.example(SHAPE).unwrap();
        assert_eq!((example, no_digits), (None, 3));
    }

    #[test]
    fn what_cannot_be_understood_is_refused_by_its_reason() {
        let (text, few) = (json!("text"), json!({ "cells": [], "width": 1, "height": 1 }));
        for (correction, reason) in [
            (NOTHING, "neither strokes nor a picture"),
            (Correction { right: "41", ..NOTHING }, "is of 2 cells, but the model reads 1 x 3"),
            (Correction { strokes: Some(&text), ..NOTHING }, "strokes: invalid type"),
            (Correction { strokes: Some(&few), ..NOTHING }, "there are 0, and 3 are needed"),
            (Correction { picture: Some(b"GIF89a"), ..NOTHING }, "GIF"),
        ] {
            let said = correction.example(SHAPE).unwrap_err().to_string();
            assert!(said.contains(reason), "{said}");
        }
    }
}
