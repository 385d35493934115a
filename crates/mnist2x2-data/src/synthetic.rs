//! Digits that need no files: pen strokes, distorted as handwriting is, drawn as MNIST's scans look.
//!
//! They train and test the whole path where MNIST is out of reach. Digit i of a split depends on the seed and on i
//! alone.

mod curves;
mod glyphs;

use std::collections::BTreeMap;

use mnist2x2_random::Random;

use self::glyphs::{HANDS, Hand, Knot};
use crate::Digits;
use crate::digits::{PIXELS, SIDE};
use crate::mnist::Split;
use crate::pen::{INK_SIDE, Page, Pen, Point};

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
    let hands = HANDS[usize::from(label)];
    let hand = hands[random.below(hands.len() as u32) as usize];
    let pen = Pen { radius: random.uniform(0.9, 1.9) as f32, edge: Pen::SOFT };
    let chains = fit(trace(hand, random), pen);
    let mut page = Page::digit();
    for chain in chains {
        page.draw(&chain, pen);
    }
    page.centred(image);
}

/// The strokes of a hand as one writer once wrote them, as chains of points in units of the digit's height.
fn trace(hand: Hand, random: &mut Random) -> Vec<Vec<Point>> {
    let posture = Posture::draw(random);
    // A point that two strokes share trembles once, so that they stay joined.
    let mut trembled = BTreeMap::new();
    let mut place =
        |point: Knot| *trembled.entry(point).or_insert_with(|| posture.apply(tremble(point, random)));
    hand.iter().map(|&stroke| curves::flatten(stroke, &mut place)).collect()
}

/// A point of the pattern, missed by a little.
fn tremble((x, y): Knot, random: &mut Random) -> Point {
    [x, y].map(|k| (f64::from(k) / 100.0 + 0.025 * random.normal()) as f32)
}

/// A linear map: how wide, slanting and turned a digit is written.
struct Posture([Point; 2]);

impl Posture {
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

/// Scales and moves strokes so that the box around their ink is centred, its longer side [`INK_SIDE`].
fn fit(mut chains: Vec<Vec<Point>>, pen: Pen) -> Vec<Vec<Point>> {
    let bounds = |k: usize| {
        let all = chains.iter().flatten().map(|point| point[k]);
        all.fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(x), high.max(x)))
    };
    let bounds = [bounds(0), bounds(1)];
    let longer = bounds.into_iter().map(|(low, high)| high - low).fold(f32::MIN_POSITIVE, f32::max);
    let scale = (INK_SIDE - 2.0 * pen.reach()) / longer;
    for point in chains.iter_mut().flatten() {
        for (x, (low, high)) in point.iter_mut().zip(bounds) {
            *x = (SIDE - 1) as f32 / 2.0 + scale * (*x - 0.5 * (low + high));
        }
    }
    chains
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
            crate::packed::sha256(&bytes),
            "fc825cc14880c386cb8bde0c384b72feeb4dd32c88c23b99623492ab2b9b0e0f"
        );
    }

    /// A nearest neighbour by pixels knows nothing of handwriting; what it reads, nobody can mistake.
    #[test]
    fn unseen_digits_are_read_by_their_nearest_neighbour() {
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
            let mass: f32 = digits.image(i).iter().map(|&grey| f32::from(grey)).sum();
            let moment = |axis: fn(usize) -> usize| {
                let parts = digits.image(i).iter().enumerate();
                parts.map(|(k, &grey)| f32::from(grey) * axis(k) as f32).sum::<f32>() / mass
            };
            for centre in [moment(|k| k % SIDE), moment(|k| k / SIDE)] {
                assert!((centre - 14.0).abs() < 0.6, "digit {i} is centred at {centre}");
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
