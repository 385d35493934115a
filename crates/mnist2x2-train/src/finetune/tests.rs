//! Corrections for the tests of these modules.

use mnist2x2_data::{GridShape, Strokes};
use mnist2x2_picture::{Drawing, ModelInput};

use super::LabeledExample;

pub(crate) const SHAPE: GridShape = GridShape { rows: 1, cols: 3 };

/// A grid of three digits that no other number gives, the middle cell empty in every seventh.
pub(crate) fn example(number: u32) -> LabeledExample {
    let at = |k: u32| (number.wrapping_mul(2_654_435_761).rotate_left(5 * k) % 1000) as f32 / 1000.0;
    let stroke = |k| Strokes::new(vec![vec![[at(k), 0.0], [at(k + 1), 0.5], [at(k + 2), 1.0]]]).unwrap();
    let is_empty = |cell| number.is_multiple_of(7) && cell == 1;
    let cells: Vec<Strokes> =
        (0..3).map(|cell| if is_empty(cell) { Strokes::default() } else { stroke(cell) }).collect();
    let drawing = Drawing::from_cells(cells.iter().map(Strokes::iter), 1.0, 1.0, SHAPE).unwrap();
    let right = (0..3).map(|cell| (!is_empty(cell)).then_some((number + cell) as u8 % 10)).collect();
    LabeledExample::new(ModelInput::from_drawing(&drawing, SHAPE), right, Some(drawing.cells(SHAPE))).unwrap()
}

pub(crate) fn examples(count: u32) -> Vec<LabeledExample> {
    (0..count).map(example).collect()
}
