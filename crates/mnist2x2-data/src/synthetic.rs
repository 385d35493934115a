//! Synthetic digits, which need no files: pen strokes, distorted as handwriting is, drawn as MNIST's scans look.
//!
//! They train and test the whole path where MNIST is out of reach. Digit i of a split depends on the seed and on i
//! alone.

mod distractor;
mod glyphs;
mod letters;
mod spline;

use std::collections::BTreeMap;

use mnist2x2_random::Random;

use self::glyphs::{GLYPHS, Glyph, Knot};

pub(crate) use self::distractor::distractor;
pub(crate) use self::letters::letter;
pub(crate) use self::spline::{flatten, smooth};
use crate::digits::{Digits, PIXELS, SIDE};
use crate::mnist::Split;
use crate::rasterize::{Brush, INK_SIDE, Raster, center_ink};
use crate::strokes::{Point, Strokes};

/// `n` synthetic digits of `split`. The two splits are drawn apart, and a longer set begins with a shorter one.
///
/// # Panics
/// If memory cannot hold `n` digits of 784 bytes.
pub fn digits(split: Split, n: usize, seed: u64) -> Digits {
    let purpose = match split {
        Split::Train => "synthetic training digit",
        Split::Test => "synthetic test digit",
    };
    let mut pixels = vec![0; n * PIXELS];
    let labels = pixels.chunks_exact_mut(PIXELS).enumerate().map(|(i, image)| {
        let mut random = Random::keyed(seed, purpose, 0, i as u64);
        let label = random.below(10) as u8;
        write(label, &mut random, image);
        label
    });
    let labels = labels.collect();
    Digits::new(pixels, labels).expect("784 pixels were written for each label")
}

/// Writes one digit in a random hand.
fn write(label: u8, random: &mut Random, image: &mut [u8]) {
    let glyph = random.choose(GLYPHS[usize::from(label)]);
    let brush = pen(random);
    draw(&trace(glyph, random), brush, image);
}

/// A pen as wide as those of MNIST's writers.
fn pen(random: &mut Random) -> Brush {
    Brush { radius: random.uniform(0.9, 1.9) as f32, edge: Brush::SOFT }
}

/// Draws strokes as large and where MNIST's digits are.
fn draw(strokes: &Strokes, brush: Brush, image: &mut [u8]) {
    let mut raster = Raster::blank(SIDE, SIDE);
    raster.draw(&fit(strokes, brush), brush);
    center_ink(raster.ink(), image);
}

/// The strokes of a glyph as one writer once wrote them, in units of the digit's height.
fn trace(glyph: Glyph, random: &mut Random) -> Strokes {
    let hand = Hand::draw(random);
    // A point that two strokes share is missed once, so that they stay joined.
    let mut jittered = BTreeMap::new();
    let mut place = |point: Knot| *jittered.entry(point).or_insert_with(|| hand.apply(jitter(point, random)));
    let strokes = glyph.iter().map(|&stroke| flatten(stroke, &mut place)).collect();
    Strokes::new(strokes).expect("a linear map of finite points is finite")
}

/// A point of a glyph, missed by a little.
fn jitter((x, y): Knot, random: &mut Random) -> Point {
    [x, y].map(|k| (f64::from(k) / 100.0 + 0.025 * random.normal()) as f32)
}

/// A writer's hand, a linear map: how wide, slanting and turned a digit is written.
struct Hand([Point; 2]);

impl Hand {
    /// Width varies by a half, the slant is to the right more often than to the left, the turn a few degrees.
    fn draw(random: &mut Random) -> Self {
        let width = libm::exp(random.uniform(-0.12, 0.36));
        let slant = (0.15 + 0.2 * random.normal()).clamp(-0.2, 0.6);
        let (sin, cos) = libm::sincos((0.1 * random.normal()).clamp(-0.25, 0.25));
        let rows = [[cos * width, -cos * slant - sin], [sin * width, -sin * slant + cos]];
        Self(rows.map(|row| row.map(|x| x as f32)))
    }

    /// The image of a point.
    fn apply(&self, [x, y]: Point) -> Point {
        self.0.map(|[a, b]| a * x + b * y)
    }
}

/// Scales and moves strokes so that the box around their ink is centered, its longer side [`INK_SIDE`].
fn fit(strokes: &Strokes, brush: Brush) -> Strokes {
    let [low, high] = strokes.corners().expect("every glyph has points");
    let longer = [0, 1].map(|k| high[k] - low[k]).into_iter().fold(f32::MIN_POSITIVE, f32::max);
    let scale = (INK_SIDE - 2.0 * brush.reach()) / longer;
    let middle = (SIDE - 1) as f32 / 2.0;
    strokes.map(|point| std::array::from_fn(|k| middle + scale * (point[k] - 0.5 * (low[k] + high[k]))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_depends_on_seed_split_and_index_alone() {
        let longer = digits(Split::Train, 40, 7);
        let shorter = digits(Split::Train, 23, 7);
        assert!((0..23).all(|i| shorter.image(i) == longer.image(i) && shorter.label(i) == longer.label(i)));
        assert_ne!(longer, digits(Split::Train, 40, 8));
        assert_ne!(longer, digits(Split::Test, 40, 7));
    }

    /// Runs on synthetic digits are compared between platforms and versions: these pixels may never change.
    #[test]
    fn pixels_are_fixed_for_ever() {
        let digits = digits(Split::Train, 100, 42);
        let bytes: Vec<u8> = (0..100).flat_map(|i| digits.image(i)).copied().collect();
        assert_eq!(
            crate::sha256::sha256(&[&bytes]),
            "fc825cc14880c386cb8bde0c384b72feeb4dd32c88c23b99623492ab2b9b0e0f"
        );
    }

    /// A nearest neighbor by pixels knows nothing of handwriting; what it reads, nobody can mistake.
    #[test]
    fn unseen_digits_are_read_by_their_nearest_neighbor() {
        let (known, unseen) = (digits(Split::Train, 3_000, 5), digits(Split::Test, 300, 5));
        let distance = |a: &[u8], b: &[u8]| -> u32 {
            a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b)).pow(2)).sum()
        };
        let right = |&i: &usize| {
            let nearest = (0..known.len()).min_by_key(|&k| distance(known.image(k), unseen.image(i)));
            nearest.map(|k| known.label(k)) == Some(unseen.label(i))
        };
        let read = (0..unseen.len()).filter(right).count();
        assert!(read >= 297, "{read} of 300");
    }

    #[test]
    fn digits_lie_as_in_mnist() {
        let digits = digits(Split::Train, 500, 1);
        for i in 0..digits.len() {
            let inked = |k: &usize| digits.image(i)[*k] >= 26;
            let span = |axis: fn(usize) -> usize| {
                let places = || (0..PIXELS).filter(inked).map(axis);
                places().max().unwrap() - places().min().unwrap() + 1
            };
            let longer = span(|k| k % SIDE).max(span(|k| k / SIDE));
            assert!((18..=21).contains(&longer), "digit {i} is {longer} pixels long");
            let mass: f32 = digits.image(i).iter().map(|&gray| f32::from(gray)).sum();
            let moment = |axis: fn(usize) -> usize| {
                let parts = digits.image(i).iter().enumerate();
                parts.map(|(k, &gray)| f32::from(gray) * axis(k) as f32).sum::<f32>() / mass
            };
            for center in [moment(|k| k % SIDE), moment(|k| k / SIDE)] {
                assert!((center - 14.0).abs() < 0.6, "digit {i} is centerd at {center}");
            }
        }
    }

    #[test]
    fn all_labels_come_equally_often() {
        let digits = digits(Split::Test, 2_000, 3);
        let count = |label| (0..digits.len()).filter(|&i| digits.label(i) == label).count();
        assert!((0..10).all(|label| (140..260).contains(&count(label))));
    }
}
