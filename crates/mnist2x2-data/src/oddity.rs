//! A cheap look at digits for what makes every reading wrong: ink and paper exchanged, or rows and columns.

use std::fmt;

use crate::digits::{Digits, SIDE};

/// How many digits are looked at, at the most.
const LOOKED_AT: usize = 1_000;
/// The least ones from which it is told how they stand.
const ONES: usize = 20;
/// The share of ones that lie down from which they were not written so.
const LYING: f64 = 0.8;

/// What digits look like that are not as MNIST's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oddity {
    /// Dark ink on light paper.
    Inverted,
    /// Ones that lie down.
    Sideways,
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inverted => {
                "its digits are dark on light paper, but MNIST's are light on dark: write 255 - value for each pixel"
            }
            Self::Sideways => {
                "its ones lie on their side: rows and columns are swapped, as in EMNIST's files: leave EMNIST's files \
                their own names (emnist-digits-...), under which they are turned upright, or swap rows and columns"
            }
        })
    }
}

impl Digits {
    /// What is wrong with these digits as a whole, as far as a look at some of them tells.
    pub fn oddity(&self) -> Option<Oddity> {
        let some: Vec<usize> = (0..self.len()).step_by(self.len().div_ceil(LOOKED_AT).max(1)).collect();
        let rim = |i: usize| {
            (0..SIDE * SIDE).filter(move |at| is_rim(*at)).map(move |at| u64::from(self.image(i)[at]))
        };
        let (sum, count) =
            some.iter().flat_map(|&i| rim(i)).fold((0, 0), |(sum, n), gray| (sum + gray, n + 1));
        if 2 * sum > 255 * count {
            return Some(Oddity::Inverted);
        }
        let ones: Vec<usize> = (0..self.len()).filter(|&i| self.label(i) == 1).take(LOOKED_AT).collect();
        let lying = ones.iter().filter(|&&i| lies(self.image(i))).count();
        (ones.len() >= ONES && lying as f64 > LYING * ones.len() as f64).then_some(Oddity::Sideways)
    }
}

/// Whether a pixel lies at the edge of its image.
fn is_rim(at: usize) -> bool {
    [at / SIDE, at % SIDE].iter().any(|&k| k == 0 || k == SIDE - 1)
}

/// Whether the ink spreads more from left to right than from top to bottom.
fn lies(image: &[u8]) -> bool {
    let spread = |axis: fn(usize) -> usize| {
        let moment = |power: i32| -> f64 {
            image.iter().enumerate().map(|(at, &gray)| f64::from(gray) * (axis(at) as f64).powi(power)).sum()
        };
        moment(0) * moment(2) - moment(1).powi(2)
    };
    spread(|at| at % SIDE) > spread(|at| at / SIDE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::PIXELS;
    use crate::mnist::Split;
    use crate::synthetic;

    fn map(digits: &Digits, gray: impl Fn(usize, usize) -> u8) -> Digits {
        let pixels = (0..digits.len()).flat_map(|i| (0..PIXELS).map(|at| gray(i, at)).collect::<Vec<_>>());
        Digits::new(pixels.collect(), (0..digits.len()).map(|i| digits.label(i)).collect()).unwrap()
    }

    #[test]
    fn inverted_and_transposed_digits_are_noticed() {
        let digits = synthetic::digits(Split::Train, 3_000, 5);
        assert_eq!(digits.oddity(), None);
        let inverted = map(&digits, |i, at| 255 - digits.image(i)[at]);
        assert_eq!(inverted.oddity(), Some(Oddity::Inverted));
        assert_eq!(digits.clone().transposed().oddity(), Some(Oddity::Sideways));
        let turned = map(&digits, |i, at| digits.image(i)[at % SIDE * SIDE + SIDE - 1 - at / SIDE]);
        assert_eq!(turned.oddity(), Some(Oddity::Sideways));
    }

    #[test]
    fn few_digits_and_none_are_not_judged() {
        let few = synthetic::digits(Split::Train, 30, 5).transposed();
        assert_eq!(few.oddity(), None);
        assert_eq!(Digits::new(vec![], vec![]).unwrap().oddity(), None);
    }
}
