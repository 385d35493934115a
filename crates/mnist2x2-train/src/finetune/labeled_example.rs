//! One correction as a labeled example, and which of many are held out.

use mnist2x2_data::{Digits, GridShape, PIXELS, Strokes};
use mnist2x2_formats::files::hex;
use mnist2x2_infer::{Reading, Recognizer};
use mnist2x2_picture::{Findings, ModelInput};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::stroke_digits::STROKE_WIDTHS;

/// One correction in so many is held out at least.
const HOLD_OUT_ONE_IN: usize = 5;
/// The corrections whose identity begins with a byte below this, a quarter of all, are always held out.
const ALWAYS_HELD_OUT: u8 = 64;

/// A grid that somebody drew, or digits of any other arrangement, and what they are.
#[derive(Clone, Debug, PartialEq)]
pub struct LabeledExample {
    input: ModelInput,
    labels: Vec<Option<u8>>,
    strokes: Option<Vec<Option<Strokes>>>,
    /// Whether the digits lie in the model's own grid. Others are read in portions and learned one by one.
    is_grid: bool,
}

impl LabeledExample {
    /// A model's input for a grid, and the label of each of its cells; nothing for an empty one. Where the `strokes` of the
    /// cells are known, they are learned in several widths.
    ///
    /// # Errors
    /// [`Error::Corrections`] if there is not one of each for every cell, or a digit is above 9.
    pub fn new(
        input: ModelInput,
        labels: Vec<Option<u8>>,
        strokes: Option<Vec<Option<Strokes>>>,
    ) -> Result<Self, Error> {
        let cells = input.shape().cells();
        let counts = [labels.len(), strokes.as_ref().map_or(cells, Vec::len)];
        if counts != [cells; 2] {
            let problem =
                format!("{} digits are right and {} cells drawn in a grid of {cells}", counts[0], counts[1]);
            return Err(Error::corrections(problem));
        }
        match labels.iter().flatten().find(|&&digit| digit > 9) {
            Some(digit) => Err(Error::corrections(format!("{digit} is no digit"))),
            None => Ok(Self { input, labels, strokes, is_grid: true }),
        }
    }

    /// Digits of any arrangement, as they were found in reading order, and the label of each.
    ///
    /// # Errors
    /// As [`LabeledExample::new`], and if there are none.
    pub fn of_digits(digits: &[[u8; PIXELS]], labels: &[u8]) -> Result<Self, Error> {
        if digits.is_empty() {
            return Err(Error::corrections("there is no digit in it"));
        }
        let row = GridShape { rows: 1, cols: digits.len() };
        let input = ModelInput::from_digits(row, digits.iter().copied().map(Some));
        let labels = labels.iter().copied().map(Some).collect();
        Ok(Self { is_grid: false, ..Self::new(input, labels, None)? })
    }

    /// The model's input; of digits of another arrangement, a row of them.
    pub fn input(&self) -> &ModelInput {
        &self.input
    }

    /// The label of each cell; nothing for an empty one.
    pub fn labels(&self) -> &[Option<u8>] {
        &self.labels
    }

    /// The shape that a model must have to read it as one sequence; nothing if any model reads its digits in portions.
    pub(super) fn grid(&self) -> Option<GridShape> {
        self.is_grid.then_some(self.input.shape())
    }

    /// Whether every cell of `reading` is right.
    pub(super) fn is_read_right(&self, reading: &Reading) -> bool {
        reading.cells.iter().map(|cell| cell.digit).eq(self.labels.iter().copied())
    }

    /// What `recognizer` reads in it, as it reads such a picture.
    pub(super) fn read(&self, recognizer: &Recognizer) -> Result<Reading, Error> {
        if self.is_grid {
            return Ok(recognizer.read_input(&self.input)?);
        }
        let digits = (0..self.labels.len()).map(|digit| self.input.cell(digit));
        Ok(recognizer.read_findings(&[Findings::in_line(digits)])?.swap_remove(0))
    }

    /// What tells this drawing from others: a digest of what the model sees. The same drawing has the same, however often
    /// and under whatever name it was sent.
    fn identity(&self) -> [u8; 32] {
        Sha256::digest(self.input.pixels()).into()
    }

    /// The cells that show a digit, as MNIST's digits look: one image for each of [`STROKE_WIDTHS`].
    fn images(&self, pen: usize) -> impl Iterator<Item = ([u8; PIXELS], u8)> {
        self.labels.iter().enumerate().filter_map(move |(cell, digit)| {
            let digit = (*digit).filter(|_| !self.input.empty()[cell])?;
            let strokes = self.strokes.as_ref().and_then(|strokes| strokes[cell].as_ref());
            let image = strokes.map(|strokes| strokes.rasterize(STROKE_WIDTHS[pen]));
            Some((image.unwrap_or_else(|| self.input.cell(cell)), digit))
        })
    }
}

/// SHA-256 of `examples` in any order: what is seen and what is right.
pub(super) fn sha256(examples: &[LabeledExample]) -> String {
    let mut all: Vec<_> = examples.iter().map(|example| (example.identity(), example.labels())).collect();
    all.sort();
    let mut hash = Sha256::new();
    for (identity, right) in all {
        hash.update(identity);
        hash.update(right.iter().map(|digit| digit.unwrap_or(u8::MAX)).collect::<Vec<u8>>());
    }
    hex(&hash.finalize())
}

/// The digits of examples, and which of them stand together in a grid.
pub(super) struct Drawn {
    /// Each digit in each of [`STROKE_WIDTHS`].
    pub(super) digits: Digits,
    /// The first digit of every grid that has one in each cell; the others follow it.
    pub(super) wholes: Vec<u32>,
}

impl Drawn {
    /// All digits of `examples`, of which the grids are of this shape.
    pub(super) fn of(examples: &[LabeledExample], shape: GridShape) -> Result<Self, Error> {
        let (mut pixels, mut labels, mut wholes) = (Vec::new(), Vec::new(), Vec::new());
        for example in examples {
            for pen in 0..STROKE_WIDTHS.len() {
                let first = labels.len();
                for (image, label) in example.images(pen) {
                    pixels.extend_from_slice(&image);
                    labels.push(label);
                }
                if example.is_grid && labels.len() - first == shape.cells() {
                    wholes.push(first as u32);
                }
            }
        }
        if labels.is_empty() {
            return Err(Error::corrections("no correction that is not held out shows a digit"));
        }
        Ok(Self { digits: Digits::new(pixels, labels)?, wholes })
    }
}

/// The examples to learn, and those that are held out: at least one in [`HOLD_OUT_ONE_IN`], chosen by nothing but what was
/// drawn.
///
/// The same drawings are held out in whatever order they come, and about a quarter of all drawings always is, so that a
/// model that learned from a store is judged by others when the store has grown. Drawings that are alike stay together.
pub(super) fn hold_out(mut examples: Vec<LabeledExample>) -> (Vec<LabeledExample>, Vec<LabeledExample>) {
    examples.sort_by_cached_key(LabeledExample::identity);
    let always = examples.partition_point(|example| example.identity()[0] < ALWAYS_HELD_OUT);
    let mut count = always.max(examples.len().div_ceil(HOLD_OUT_ONE_IN));
    let is_like_the_last = |count: usize| match examples[..=count].last_chunk() {
        Some([last, next]) => last.identity() == next.identity(),
        None => false,
    };
    while count < examples.len() && is_like_the_last(count) {
        count += 1;
    }
    let learned = examples.split_off(count);
    (learned, examples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finetune::tests::{SHAPE, example, examples};

    #[test]
    fn one_in_five_is_held_out_at_least_and_each_is_on_one_side() {
        for count in [1, 2, 9, 10, 11, 60] {
            let (learned, held_out) = hold_out(examples(count));
            assert!(5 * held_out.len() >= count as usize, "{} of {count}", held_out.len());
            assert_eq!(learned.len() + held_out.len(), count as usize);
            assert!(learned.iter().all(|example| !held_out.contains(example)));
        }
    }

    #[test]
    fn what_is_held_out_depends_on_the_drawings_alone() {
        let (_, held_out) = hold_out(examples(40));
        let mut turned = examples(40);
        turned.reverse();
        assert_eq!(hold_out(turned.clone()).1, held_out);
        assert_eq!(sha256(&turned), sha256(&examples(40)));
        assert_ne!(sha256(&turned[1..]), sha256(&turned));
        // A store that has grown holds out what it always did, but for those that filled up the fifth.
        let always = |examples: &[LabeledExample]| -> Vec<LabeledExample> {
            examples.iter().filter(|example| example.identity()[0] < ALWAYS_HELD_OUT).cloned().collect()
        };
        let (_, grown) = hold_out(examples(80));
        assert!(
            !always(&held_out).is_empty() && always(&held_out).iter().all(|example| grown.contains(example))
        );
    }

    #[test]
    fn the_same_drawing_is_never_on_both_sides() {
        let twice: Vec<LabeledExample> = (0..20).map(|number| example(number % 4)).collect();
        let (learned, held_out) = hold_out(twice);
        assert!(!learned.is_empty() && !held_out.is_empty());
        assert!(learned.iter().all(|example| !held_out.contains(example)));
    }

    #[test]
    fn digits_come_in_every_pen_and_whole_grids_are_known() {
        let drawn = Drawn::of(&[example(7), example(8)], SHAPE).unwrap();
        assert_eq!(drawn.digits.len(), STROKE_WIDTHS.len() * (2 + 3));
        assert_eq!(drawn.wholes, [6, 9, 12], "of the second grid only, which has no empty cell");
        assert_eq!([6, 7, 8].map(|digit| drawn.digits.label(digit)), [8, 9, 0]);
        let ink = |digit| drawn.digits.image(digit).iter().map(|&gray| u32::from(gray)).sum::<u32>();
        assert!(ink(6) < ink(9) && ink(9) < ink(12), "wider pens");
    }

    #[test]
    fn without_strokes_the_cells_of_what_is_seen_are_learned() {
        let seen = example(8).input().clone();
        let picture = LabeledExample::new(seen.clone(), vec![Some(1), None, Some(3)], None).unwrap();
        let drawn = Drawn::of(&[picture], SHAPE).unwrap();
        assert_eq!((drawn.digits.image(0), drawn.digits.image(1)), (&seen.cell(0)[..], &seen.cell(2)[..]));
        assert!(drawn.wholes.is_empty());
    }

    #[test]
    fn digits_of_any_arrangement_are_learned_one_by_one() {
        let digits = [0, 1, 2].map(|cell| example(8).input().cell(cell));
        let row = LabeledExample::of_digits(&digits, &[8, 9, 0]).unwrap();
        assert_eq!((row.grid(), example(8).grid()), (None, Some(SHAPE)));
        let wide = LabeledExample::of_digits(&[digits, digits].concat(), &[1, 2, 3, 4, 5, 6]).unwrap();
        let drawn = Drawn::of(&[row, wide], SHAPE).unwrap();
        assert_eq!(drawn.digits.len(), STROKE_WIDTHS.len() * (3 + 6));
        assert!(drawn.wholes.is_empty(), "three in a row are no grid that somebody drew");
        assert_eq!((drawn.digits.image(1), drawn.digits.label(1)), (&digits[1][..], 9));
        for (digits, labels) in [(&digits[..], &[1, 2][..]), (&digits[..1], &[10]), (&[], &[])] {
            assert!(matches!(LabeledExample::of_digits(digits, labels), Err(Error::Corrections { .. })));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let seen = example(8).input().clone();
        for (right, strokes) in [
            (vec![Some(1); 4], None),
            (vec![Some(10), None, None], None),
            (vec![None; 3], Some(vec![None; 2])),
        ] {
            assert!(matches!(
                LabeledExample::new(seen.clone(), right, strokes),
                Err(Error::Corrections { .. })
            ));
        }
        let empty = LabeledExample::new(seen, vec![None; 3], None).unwrap();
        assert!(matches!(Drawn::of(&[empty], SHAPE), Err(Error::Corrections { .. })));
    }
}
