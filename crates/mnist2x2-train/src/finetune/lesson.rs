//! One correction as something to learn from, and which of many are kept back.

use mnist2x2_data::{Digits, GridShape, PIXELS, Strokes};
use mnist2x2_formats::files::hex;
use mnist2x2_picture::ModelInput;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::pens::PENS;

/// One correction in so many is held out at least.
const HOLD_OUT_ONE_IN: usize = 5;
/// The corrections whose identity begins with a byte below this, a quarter of all, are always held out.
const ALWAYS_HELD_OUT: u8 = 64;

/// A grid that somebody drew, and what it shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    seen: ModelInput,
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
        seen: ModelInput,
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
    pub fn seen(&self) -> &ModelInput {
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
            Some((
                strokes.map_or_else(|| self.seen.cell(cell), |strokes| strokes.rasterize(PENS[pen])),
                digit,
            ))
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

#[cfg(test)]
pub(super) mod tests {
    use mnist2x2_picture::Drawing;

    use super::*;

    pub(crate) const SHAPE: GridShape = GridShape { rows: 1, cols: 3 };

    /// A grid of three digits that no other number gives, the middle cell empty in every seventh.
    pub(crate) fn lesson(number: u32) -> Lesson {
        let at = |k: u32| (number.wrapping_mul(2_654_435_761).rotate_left(5 * k) % 1000) as f32 / 1000.0;
        let stroke = |k| Strokes::new(vec![vec![[at(k), 0.0], [at(k + 1), 0.5], [at(k + 2), 1.0]]]).unwrap();
        let is_empty = |cell| number.is_multiple_of(7) && cell == 1;
        let cells: Vec<Strokes> =
            (0..3).map(|cell| if is_empty(cell) { Strokes::default() } else { stroke(cell) }).collect();
        let drawing = Drawing::from_cells(&cells, 1.0, 1.0, SHAPE).unwrap();
        let right = (0..3).map(|cell| (!is_empty(cell)).then_some((number + cell) as u8 % 10)).collect();
        Lesson::new(ModelInput::from_drawing(&drawing, SHAPE), right, Some(drawing.cells(SHAPE))).unwrap()
    }

    pub(crate) fn lessons(count: u32) -> Vec<Lesson> {
        (0..count).map(lesson).collect()
    }

    #[test]
    fn one_in_five_is_held_out_at_least_and_each_is_on_one_side() {
        for count in [1, 2, 9, 10, 11, 60] {
            let (learnt, held_out) = hold_out(lessons(count));
            assert!(5 * held_out.len() >= count as usize, "{} of {count}", held_out.len());
            assert_eq!(learnt.len() + held_out.len(), count as usize);
            assert!(learnt.iter().all(|lesson| !held_out.contains(lesson)));
        }
    }

    #[test]
    fn what_is_held_out_depends_on_the_drawings_alone() {
        let (_, held_out) = hold_out(lessons(40));
        let mut turned = lessons(40);
        turned.reverse();
        assert_eq!(hold_out(turned.clone()).1, held_out);
        assert_eq!(sha256(&turned), sha256(&lessons(40)));
        assert_ne!(sha256(&turned[1..]), sha256(&turned));
        // A store that has grown holds out what it always did, but for those that filled up the fifth.
        let always = |lessons: &[Lesson]| -> Vec<Lesson> {
            lessons.iter().filter(|lesson| lesson.identity()[0] < ALWAYS_HELD_OUT).cloned().collect()
        };
        let (_, grown) = hold_out(lessons(80));
        assert!(
            !always(&held_out).is_empty() && always(&held_out).iter().all(|lesson| grown.contains(lesson))
        );
    }

    #[test]
    fn the_same_drawing_is_never_on_both_sides() {
        let twice: Vec<Lesson> = (0..20).map(|number| lesson(number % 4)).collect();
        let (learnt, held_out) = hold_out(twice);
        assert!(!learnt.is_empty() && !held_out.is_empty());
        assert!(learnt.iter().all(|lesson| !held_out.contains(lesson)));
    }

    #[test]
    fn digits_come_in_every_pen_and_whole_grids_are_known() {
        let drawn = Drawn::of(&[lesson(7), lesson(8)], SHAPE).unwrap();
        assert_eq!(drawn.digits.len(), PENS.len() * (2 + 3));
        assert_eq!(drawn.wholes, [6, 9, 12], "of the second grid only, which has no empty cell");
        assert_eq!([6, 7, 8].map(|digit| drawn.digits.label(digit)), [8, 9, 0]);
        let ink = |digit| drawn.digits.image(digit).iter().map(|&grey| u32::from(grey)).sum::<u32>();
        assert!(ink(6) < ink(9) && ink(9) < ink(12), "wider pens");
    }

    #[test]
    fn without_strokes_the_cells_of_what_is_seen_are_learnt() {
        let seen = lesson(8).seen().clone();
        let picture = Lesson::new(seen.clone(), vec![Some(1), None, Some(3)], None).unwrap();
        let drawn = Drawn::of(&[picture], SHAPE).unwrap();
        assert_eq!((drawn.digits.image(0), drawn.digits.image(1)), (&seen.cell(0)[..], &seen.cell(2)[..]));
        assert!(drawn.wholes.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let seen = lesson(8).seen().clone();
        for (right, strokes) in [
            (vec![Some(1); 4], None),
            (vec![Some(10), None, None], None),
            (vec![None; 3], Some(vec![None; 2])),
        ] {
            assert!(matches!(Lesson::new(seen.clone(), right, strokes), Err(Error::Lesson { .. })));
        }
        let empty = Lesson::new(seen, vec![None; 3], None).unwrap();
        assert!(matches!(Drawn::of(&[empty], SHAPE), Err(Error::Lesson { .. })));
    }
}
