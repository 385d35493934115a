//! How many floating-point operations a core does at most.

use std::hint::black_box;
use std::time::Instant;

use pulp::{Simd, WithSimd};

use crate::simd::Level;

/// Sums that do not wait for one another: more than a processor has on the way at a time, and fewer than it has registers.
const CHAINS: usize = 12;
/// Additions to each of them in a run, and how many runs the best one is of; an interpreter has no speed to measure.
const STEPS: usize = if cfg!(miri) { 10 } else { 100_000 };
const RUNS: usize = if cfg!(miri) { 2 } else { 50 };

/// The floating-point operations in a second of a core that does nothing but multiply and add in registers.
pub fn peak(level: Level) -> f64 {
    let run = |_| {
        let start = Instant::now();
        let lanes = level.run(Chains);
        (2 * lanes * CHAINS * STEPS) as f64 / start.elapsed().as_secs_f64()
    };
    (0..RUNS).map(run).fold(0.0, f64::max)
}

struct Chains;

impl WithSimd for Chains {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let number = |number: usize| simd.splat_f32s(black_box(number as f32 / CHAINS as f32));
        let (factor, term) = (number(11), number(1));
        let mut sums: [S::f32s; CHAINS] = std::array::from_fn(number);
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, factor, term);
            }
        }
        black_box(sums);
        S::F32_LANES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_vectors_have_a_higher_peak() {
        let peaks: Vec<f64> = Level::available().into_iter().map(peak).collect();
        assert!(peaks.iter().all(|&peak| peak > if cfg!(miri) { 0.0 } else { 1e7 }), "{peaks:?}");
    }
}
