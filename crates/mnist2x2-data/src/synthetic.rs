//! Synthetic digits, which need no files: pen strokes, distorted as handwriting is, drawn as MNIST's scans look.
//!
//! They train and test the whole path where MNIST is out of reach. Digit i of a set depends on the seed and on i
//! alone.

mod distractor;
mod glyphs;
mod hand;
mod letters;
mod rare_glyphs;
mod spline;

use mnist2x2_random::Random;

use self::glyphs::{GLYPHS, Glyph};
use self::hand::{CAREFUL, CARELESS, draw, pen, trace};
use self::rare_glyphs::RARE_GLYPHS;

pub(crate) use self::distractor::distractor;
pub(crate) use self::letters::letter;
pub(crate) use self::spline::{flatten, smooth};
use crate::digits::{Digits, PIXELS};
use crate::mnist::Split;

/// `n` synthetic digits of `split`. The two splits are drawn apart, and a longer set begins with a shorter one.
///
/// # Panics
/// If memory cannot hold `n` digits of 784 bytes.
pub fn digits(split: Split, n: usize, seed: u64) -> Digits {
    let purpose = match split {
        Split::Train => "synthetic training digit",
        Split::Test => "synthetic test digit",
    };
    written(n, seed, purpose, |_| &GLYPHS, |_| CAREFUL)
}

/// `n` digits by hands from careful to careless. Of a few nobody could say what they were meant to be.
///
/// # Panics
/// If memory cannot hold `n` digits of 784 bytes.
pub fn careless_digits(n: usize, seed: u64) -> Digits {
    written(n, seed, "careless digit", |_| &GLYPHS, |random| random.uniform(CAREFUL, CARELESS))
}

/// `n` digits, three of four in ways that few people have, by hands from careful to fairly careless.
///
/// # Panics
/// If memory cannot hold `n` digits of 784 bytes.
pub fn rare_digits(n: usize, seed: u64) -> Digits {
    let ways = |random: &mut Random| if random.below(4) == 0 { &GLYPHS } else { &RARE_GLYPHS };
    written(n, seed, "rare digit", ways, |random| random.uniform(CAREFUL, 0.5 * (CAREFUL + CARELESS)))
}

/// For each digit, the ways to write it.
type Ways = [&'static [Glyph]; 10];

/// `n` digits for this purpose, by hands of which each draws in which ways it writes, and by how much it misses.
fn written(
    n: usize,
    seed: u64,
    purpose: &str,
    ways: impl Fn(&mut Random) -> &'static Ways,
    miss: impl Fn(&mut Random) -> f64,
) -> Digits {
    let mut pixels = vec![0; n * PIXELS];
    let labels = pixels.chunks_exact_mut(PIXELS).enumerate().map(|(i, image)| {
        let mut random = Random::keyed(seed, purpose, 0, i as u64);
        let label = random.below(10) as u8;
        let ways = ways(&mut random)[usize::from(label)];
        let glyph = random.choose(ways);
        let (brush, miss) = (pen(&mut random), miss(&mut random));
        draw(&trace(glyph, miss, &mut random), brush, image);
        label
    });
    let labels = labels.collect();
    Digits::new(pixels, labels).expect("784 pixels were written for each label")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::SIDE;

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

    #[test]
    fn careless_hands_stray_farther_from_careful_ones() {
        let (careful, careless) = (digits(Split::Train, 200, 3), careless_digits(200, 3));
        assert!(careless != careless_digits(200, 4));
        // How far a digit is from its nearest neighbor among careful ones of its kind.
        let known = digits(Split::Train, 500, 5);
        let nearest = |all: &Digits, i: usize| {
            let difference = |k: usize| -> u64 {
                let pairs = all.image(i).iter().zip(known.image(k));
                pairs.map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum()
            };
            (0..500).filter(|&k| known.label(k) == all.label(i)).map(difference).min().unwrap()
        };
        let mean = |all: &Digits| (0..200).map(|i| nearest(all, i)).sum::<u64>() / 200;
        let (near, far) = (mean(&careful), mean(&careless));
        assert!(far > near + near / 8, "{near} and {far}");
    }

    /// No way is so rare that it is another digit: a nearest neighbor among as careful digits of all ways reads most of them.
    #[test]
    fn rare_digits_are_unlike_usual_ones_and_like_one_another() {
        let (rare, known) = (rare_digits(300, 6), rare_digits(6_000, 7));
        assert!(rare == rare_digits(300, 6) && rare != rare_digits(300, 8));
        let usual = digits(Split::Train, 6_000, 7);
        let read =
            |known: &Digits| (0..300).filter(|&i| nearest(known, rare.image(i)) == rare.label(i)).count();
        let (by_rare, by_usual) = (read(&known), read(&usual));
        assert!(by_rare >= 270 && by_usual + 15 < by_rare, "{by_rare} and {by_usual} of 300");
    }

    /// The label of the digit in `known` that looks most like `image`, pixel by pixel.
    fn nearest(known: &Digits, image: &[u8]) -> u8 {
        let distance = |k: &usize| -> u32 {
            let pairs = known.image(*k).iter().zip(image);
            pairs.map(|(&a, &b)| u32::from(a.abs_diff(b)).pow(2)).sum()
        };
        known.label((0..known.len()).min_by_key(distance).unwrap())
    }

    /// A nearest neighbor by pixels knows nothing of handwriting; what it reads, nobody can mistake.
    #[test]
    fn unseen_digits_are_read_by_their_nearest_neighbor() {
        let (known, unseen) = (digits(Split::Train, 3_000, 5), digits(Split::Test, 300, 5));
        let read = (0..unseen.len()).filter(|&i| nearest(&known, unseen.image(i)) == unseen.label(i)).count();
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
