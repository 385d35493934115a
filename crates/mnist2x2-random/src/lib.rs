//! Random numbers that do not depend on who asked first.
//!
//! Every use in the project draws from its own [`Random`], keyed by `(seed, purpose, epoch, index)`: the weights of one
//! tensor, the shuffle of one epoch, the digits of one grid. Nothing is consumed in sequence across uses, so the order
//! of construction, the number of threads and an interrupted run change no number.
//!
//! The generator is ChaCha with 8 rounds (D. J. Bernstein, *ChaCha, a variant of Salsa20*, 2008), whose output is fixed
//! for all platforms; the normal distribution uses `libm` and not the platform's own logarithm for the same reason.
//!
//! ```
//! use mnist2x2_random::Random;
//!
//! let mut grid_7 = Random::keyed(42, "grid", 0, 7);
//! let digits: Vec<u32> = (0..4).map(|_| grid_7.below(60_000)).collect();
//! assert_eq!(digits, { let mut again = Random::keyed(42, "grid", 0, 7); [(); 4].map(|()| again.below(60_000)) });
//! ```
#![forbid(unsafe_code)]

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random numbers for one purpose.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of `purpose` at (`epoch`, `index`) under `seed`; the same four values always give the same stream.
    ///
    /// The 256-bit ChaCha key is the four as little-endian words, `purpose` by its 64-bit FNV-1a hash.
    pub fn keyed(seed: u64, purpose: &str, epoch: u64, index: u64) -> Self {
        let mut key = [0; 32];
        for (part, word) in key.chunks_exact_mut(8).zip([seed, fnv1a(purpose), epoch, index]) {
            part.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// The next 32 random bits.
    pub fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A uniform integer in `0..n`, without bias (D. Lemire, *Fast random integer generation in an interval*, 2019).
    ///
    /// # Panics
    /// If `n` is 0: there is no such integer.
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "Random::below(0): there is no integer below 0");
        let rejected_under = n.wrapping_neg() % n;
        loop {
            let product = u64::from(self.bits()) * u64::from(n);
            if product as u32 >= rejected_under {
                return (product >> 32) as u32;
            }
        }
    }

    /// One of these, with equal chances.
    ///
    /// # Panics
    /// If there are none.
    pub fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u32) as usize]
    }

    /// A uniform number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A uniform number in `[low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A number from the standard normal distribution N(0, 1) (G. Box and M. Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.unit())).sqrt();
        radius * libm::cos(TAU * self.unit())
    }

    /// The integers `0..n` in random order (Fisher and Yates).
    pub fn permutation(&mut self, n: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n).collect();
        for last in (1..n).rev() {
            order.swap(last as usize, self.below(last + 1) as usize);
        }
        order
    }
}

/// The 64-bit FNV-1a hash (G. Fowler, L. C. Noll, K.-P. Vo).
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_key_matters() {
        let first = |mut random: Random| random.bits();
        let base = first(Random::keyed(1, "grid", 2, 3));
        assert_eq!(base, first(Random::keyed(1, "grid", 2, 3)));
        for other in [
            Random::keyed(9, "grid", 2, 3),
            Random::keyed(1, "order", 2, 3),
            Random::keyed(1, "grid", 9, 3),
            Random::keyed(1, "grid", 2, 9),
        ] {
            assert_ne!(base, first(other));
        }
    }

    /// Runs made on one platform or with one version must come back on another: these values may never change.
    #[test]
    fn values_are_fixed_for_ever() {
        let mut random = Random::keyed(42, "test", 1, 2);
        let seen = [random.bits(), random.below(10), random.below(60_000)];
        let (unit, normal) = (random.unit(), random.normal());
        assert_eq!(seen, FIXED);
        assert_eq!((unit.to_bits(), normal.to_bits()), FIXED_REAL);
    }
    const FIXED: [u32; 3] = [2_847_732_753, 7, 47_568];
    const FIXED_REAL: (u64, u64) = (4_605_683_835_668_594_619, 4_608_927_417_004_309_267);

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut random = Random::keyed(0, "moments", 0, 0);
        let n = 100_000;
        let moments = |draws: &[f64]| {
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            (mean, draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n))
        };
        let uniform: Vec<f64> = (0..n).map(|_| random.uniform(-3.0, 1.0)).collect();
        let (mean, variance) = moments(&uniform);
        assert!((mean + 1.0).abs() < 0.02 && (variance - 16.0 / 12.0).abs() < 0.02, "{mean} {variance}");
        assert!(uniform.iter().all(|x| (-3.0..1.0).contains(x)));
        let (mean, variance) = moments(&(0..n).map(|_| random.normal()).collect::<Vec<_>>());
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn below_is_uniform_and_permutations_hold_each_integer_once() {
        let mut random = Random::keyed(0, "below", 0, 0);
        let mut seen = [0_u32; 7];
        (0..70_000).for_each(|_| seen[random.below(7) as usize] += 1);
        assert!(seen.iter().all(|&count| (9_600..10_400).contains(&count)), "{seen:?}");
        let mut order = random.permutation(1_000);
        assert!(order.windows(2).any(|pair| pair[0] > pair[1]));
        order.sort_unstable();
        assert!(order.into_iter().eq(0..1_000));
    }
}
