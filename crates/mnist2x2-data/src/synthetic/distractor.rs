//! What people write that is no digit: letters, signs, scribbles and blots; and digits that lie on their side or are
//! mirrored.

use mnist2x2_random::Random;

use super::glyphs::Glyph;
use super::hand::{CAREFUL, draw, pen, trace};
use super::letters::{SIGNS, letter};
use super::spline::smooth;
use crate::digits::{PIXELS, SIDE};
use crate::rasterize::Brush;
use crate::strokes::{Point, Strokes};

/// Letters that are not written as some digit is.
const LETTERS: [char; 41] = [
    'A', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'T', 'U', 'V', 'W', 'X', 'Y',
    'a', 'c', 'd', 'e', 'f', 'h', 'j', 'k', 'm', 'n', 'p', 'r', 't', 'u', 'v', 'w', 'x', 'y', 'i', 'q',
];
/// Digits that are none when they are mirrored, or turned by a right angle.
const MIRRORED: [u8; 4] = [3, 4, 7, 9];
const TURNED: [u8; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/// Something that is no digit, in MNIST's look; the given digit may be spoiled for it.
pub(crate) fn distractor(digit: &[u8], label: u8, random: &mut Random) -> [u8; PIXELS] {
    match random.below(10) {
        0..=3 => written(letter(*random.choose(&LETTERS)), random),
        4 | 5 => scribble(random),
        6 => blot(random),
        7 if MIRRORED.contains(&label) => moved(digit, |x, y| (SIDE - 1 - x, y)),
        7 | 8 if TURNED.contains(&label) => {
            let is_left = random.below(2) == 0;
            moved(digit, |x, y| if is_left { (SIDE - 1 - y, x) } else { (y, SIDE - 1 - x) })
        }
        _ => written(random.choose::<Glyph>(SIGNS), random),
    }
}

fn written(glyph: Glyph, random: &mut Random) -> [u8; PIXELS] {
    let brush = pen(random);
    drawn(&trace(glyph, CAREFUL, random), brush)
}

fn drawn(strokes: &Strokes, brush: Brush) -> [u8; PIXELS] {
    let mut image = [0; PIXELS];
    draw(strokes, brush, &mut image);
    image
}

/// One movement of the pen without any aim, long or longer.
fn scribble(random: &mut Random) -> [u8; PIXELS] {
    let stretch = [0; 2].map(|_| random.uniform(0.4, 1.0));
    let count = 5 + random.below(16);
    let mut point = || -> Point { stretch.map(|side| (side * random.unit()) as f32) };
    let points: Vec<Point> = (0..count).map(|_| point()).collect();
    let brush = pen(random);
    drawn(&Strokes::new(vec![smooth(&points)]).unwrap_or_default(), brush)
}

/// A few wide and short strokes, which run into one.
fn blot(random: &mut Random) -> [u8; PIXELS] {
    let brush = Brush { radius: random.uniform(2.6, 6.0) as f32, edge: Brush::SOFT };
    let mut point = || -> Point { [0; 2].map(|_| random.unit() as f32) };
    let strokes = (0..3).map(|_| vec![point(), point()]).collect();
    drawn(&Strokes::new(strokes).unwrap_or_default(), brush)
}

/// The digit whose pixels come from there.
fn moved(digit: &[u8], from: impl Fn(usize, usize) -> (usize, usize)) -> [u8; PIXELS] {
    std::array::from_fn(|at| {
        let (x, y) = from(at % SIDE, at / SIDE);
        digit[y * SIDE + x]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digit that is spoiled is a bar at the top and to the right.
    #[test]
    fn distractors_are_repeatable_inked_and_never_the_digit_as_it_was() {
        let digit: [u8; PIXELS] =
            std::array::from_fn(|at| if at / SIDE < 9 && at % SIDE > 11 { 255 } else { 0 });
        let make = |index| distractor(&digit, 7, &mut Random::keyed(1, "test", 0, index));
        let all: Vec<_> = (0..300).map(make).collect();
        let ink = |image: &[u8; PIXELS]| image.iter().map(|&ink| u32::from(ink)).sum::<u32>();
        for (index, image) in all.iter().enumerate() {
            assert!(*image == make(index as u64) && *image != digit && ink(image) > 3_000, "{index}");
        }
        let spoiled = all.iter().filter(|image| ink(image) == ink(&digit)).count();
        assert!((30..90).contains(&spoiled), "{spoiled} of 300 are mirrored or turned");
    }
}
