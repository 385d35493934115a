//! One correction as something to learn from, and which of many are kept back.

use mnist2x2_data::{Digits, GridShape, PIXELS, Strokes};
use mnist2x2_infer::Seen;
use mnist2x2_model::files::hex;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::loaders::PENS;

/// One correction in so many is held out at least.
const HOLD_OUT_ONE_IN: usize = 5;
/// The corrections whose identity begins with a byte below this, a quarter of all, are always held out.
const ALWAYS_HELD_OUT: u8 = 64;

/// A grid that somebody drew, and what it shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    seen: Seen,
    right: Vec<Option<u8>>,
    strokes: Option<Vec<Option<Strokes>>>,
}

impl Lesson {
    /// What a model sees of a grid, and the digit that is right in each of its cells; nothing in an empty one. Where the
    /// `strokes` of the cells are known, they are learnt in pens of several widths.
    ///
    /// # Errors
    /// [`Error::Lesson`] if there is not one of each for every cell, or a digit is above 9.
    pub fn new(
        seen: Seen,
        right: Vec<Option<u8>>,
        strokes: Option<Vec<Option<Strokes>>>,
    ) -> Result<Self, Error> {
        let cells = seen.shape().cells();
        let counts = [right.len(), strokes.as_ref().map_or(cells, Vec::len)];
        if counts != [cells; 2] {
            let problem =
                format!("{} digits are right and {} cells drawn in a grid of {cells}", counts[0], counts[1]);
            return Err(Error::Lesson { problem });
        }
        match right.iter().flatten().find(|&&digit| digit > 9) {
            Some(digit) => Err(Error::Lesson { problem: format!("{digit} is no digit") }),
            None => Ok(Self { seen, right, strokes }),
        }
    }

    /// What the model sees.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The digit that is right in each cell.
    pub fn right(&self) -> &[Option<u8>] {
        &self.right
    }

    /// What tells this drawing from others: a digest of what the model sees. The same drawing has the same, however often
    /// and under whatever name it was sent.
    fn identity(&self) -> [u8; 32] {
        Sha256::digest(self.seen.pixels()).into()
    }

    /// The cells that show a digit, as MNIST's digits look: one image for each of [`PENS`].
    fn images(&self, pen: usize) -> impl Iterator<Item = ([u8; PIXELS], u8)> {
        self.right.iter().enumerate().filter_map(move |(cell, digit)| {
            let digit = (*digit).filter(|_| !self.seen.empty()[cell])?;
            let strokes = self.strokes.as_ref().and_then(|strokes| strokes[cell].as_ref());
            Some((strokes.map_or_else(|| self.seen.cell(cell), |strokes| strokes.digit(PENS[pen])), digit))
        })
    }
}

/// SHA-256 of `lessons` in any order: what is seen and what is right.
pub(super) fn sha256(lessons: &[Lesson]) -> String {
    let mut all: Vec<_> = lessons.iter().map(|lesson| (lesson.identity(), lesson.right())).collect();
    all.sort();
    let mut hash = Sha256::new();
    for (identity, right) in all {
        hash.update(identity);
        hash.update(right.iter().map(|digit| digit.unwrap_or(u8::MAX)).collect::<Vec<u8>>());
    }
    hex(&hash.finalize())
}

/// The digits of lessons, and which of them stand together in a grid.
pub(super) struct Drawn {
    /// Each digit in each of [`PENS`].
    pub(super) digits: Digits,
    /// The first digit of every grid that has one in each cell; the others follow it.
    pub(super) wholes: Vec<u32>,
}

impl Drawn {
    /// All digits of `lessons`, which are of this shape.
    pub(super) fn of(lessons: &[Lesson], shape: GridShape) -> Result<Self, Error> {
        let (mut pixels, mut labels, mut wholes) = (Vec::new(), Vec::new(), Vec::new());
        for lesson in lessons {
            for pen in 0..PENS.len() {
                let first = labels.len();
                for (image, label) in lesson.images(pen) {
                    pixels.extend_from_slice(&image);
                    labels.push(label);
                }
                if labels.len() - first == shape.cells() {
                    wholes.push(first as u32);
                }
            }
        }
        if labels.is_empty() {
            return Err(Error::Lesson { problem: "no correction that is not held out shows a digit".into() });
        }
        Ok(Self { digits: Digits::new(pixels, labels)?, wholes })
    }
}

/// The lessons to learn, and those that are held out: at least one in [`HOLD_OUT_ONE_IN`], chosen by nothing but what was
/// drawn.
///
/// The same drawings are held out in whatever order they come, and about a quarter of all drawings always is, so that a
/// model that learnt from a store is judged by others when the store has grown. Drawings that are alike stay together.
pub(super) fn hold_out(lessons: Vec<Lesson>) -> (Vec<Lesson>, Vec<Lesson>) {
    let mut ordered: Vec<([u8; 32], Lesson)> =
        lessons.into_iter().map(|lesson| (lesson.identity(), lesson)).collect();
    ordered.sort_by_key(|(identity, _)| *identity);
    let always = ordered.partition_point(|(identity, _)| identity[0] < ALWAYS_HELD_OUT);
    let least = ordered.len().div_ceil(HOLD_OUT_ONE_IN);
    let mut count = always.max(least);
    while 0 < count && count < ordered.len() && ordered[count].0 == ordered[count - 1].0 {
        count += 1;
    }
    let learnt = ordered.split_off(count);
    let lessons = |ordered: Vec<(_, Lesson)>| ordered.into_iter().map(|(_, lesson)| lesson).collect();
    (lessons(learnt), lessons(ordered))
}
