//! The softmax of a row of scores and its gradient.

use pulp::Simd;

use crate::exp::exp;
use crate::simd::{load, store, vectors, within};

/// `s` becomes `softmax(scale * s)`, for `scale > 0`.
///
/// The largest score is subtracted first, so that no exponential overflows.
#[inline(always)]
pub(crate) fn softmax<S: Simd>(simd: S, s: &mut [f32], scale: f32) {
    let (count, len) = (vectors::<S>(s.len()), s.len());
    let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
    for i in 0..count {
        largest = simd.max_f32s(largest, within(simd, load(simd, s, i), i, len, f32::NEG_INFINITY));
    }
    let largest = simd.splat_f32s(simd.reduce_max_f32s(largest));
    let mut sum = simd.splat_f32s(0.0);
    for i in 0..count {
        let below = simd.mul_f32s(simd.sub_f32s(load(simd, s, i), largest), simd.splat_f32s(scale));
        let e = within(simd, exp(simd, below), i, len, 0.0);
        sum = simd.add_f32s(sum, e);
        store(simd, s, i, e);
    }
    let inverse = simd.splat_f32s(1.0 / simd.reduce_sum_f32s(sum));
    for i in 0..count {
        store(simd, s, i, simd.mul_f32s(load(simd, s, i), inverse));
    }
}

/// `dp` becomes the gradient of the scores, `scale * p * (dp - sum(p * dp))`, where `p = softmax(scale * s)`.
#[inline(always)]
pub(crate) fn softmax_backward<S: Simd>(simd: S, p: &[f32], dp: &mut [f32], scale: f32) {
    let count = vectors::<S>(p.len());
    let mut dot = simd.splat_f32s(0.0);
    for i in 0..count {
        dot = simd.mul_add_e_f32s(load(simd, p, i), load(simd, dp, i), dot);
    }
    let dot = simd.splat_f32s(simd.reduce_sum_f32s(dot));
    for i in 0..count {
        let centred = simd.sub_f32s(load(simd, dp, i), dot);
        let scaled = simd.mul_f32s(load(simd, p, i), simd.splat_f32s(scale));
        store(simd, dp, i, simd.mul_f32s(scaled, centred));
    }
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;
    use crate::simd::Level;

    struct Softmax<'a>(&'a mut [f32], f32);

    impl WithSimd for Softmax<'_> {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            softmax(simd, self.0, self.1);
        }
    }

    #[test]
    fn agrees_with_double_precision_for_every_length() {
        for level in Level::available() {
            for len in 1..37_u8 {
                let mut s: Vec<f32> = (0..len).map(|i| (f32::from(i) * 1.7).sin() * 9.0 - 20.0).collect();
                let e: Vec<f64> = s.iter().map(|&s| (f64::from(s) * 0.3).exp()).collect();
                let sum: f64 = e.iter().sum();
                level.run(Softmax(&mut s, 0.3));
                for (p, e) in s.iter().zip(e) {
                    assert!((f64::from(*p) - e / sum).abs() < 2e-7, "{} {len}", level.name());
                }
            }
        }
    }

    #[test]
    fn stands_huge_scores() {
        for level in Level::available() {
            let mut s = [-1e4, 1e4, -1e30, 0.0, 1e4];
            level.run(Softmax(&mut s, 1.0));
            assert_eq!(s, [0.0, 0.5, 0.0, 0.0, 0.5], "{}", level.name());
        }
    }
}
