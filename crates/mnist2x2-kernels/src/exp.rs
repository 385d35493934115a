//! The exponential of a vector.
//!
//! `exp(x) = 2^n exp(r)` with `n = round(x / ln 2)` and `|r| <= ln 2 / 2`. The polynomial for `exp(r)` and the split of
//! `ln 2` into two parts, whose first has few bits so that `n` times it is exact, are those of `expf` in Cephes
//! (S. L. Moshier, *Methods and Programs for Mathematical Functions*, 1989). Relative error below 2e-7.

use pulp::Simd;

const POLYNOMIAL: [f32; 6] =
    [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// `1.5 * 2^23`, whose last place is 1: adding it rounds to an integer, found in the low bits. With 127 more, those bits
/// are the exponent field of `2^n`.
const ROUND: f32 = 12_582_912.0 + 127.0;
/// Below, the result would be subnormal and is 0 instead: a masked score of an attention must vanish exactly.
const UNDERFLOW: f32 = -87.33;

/// `exp(x)` for `x <= 88` in every lane; 0 below -87.33; NaN stays NaN.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |c| simd.splat_f32s(c);
    let underflows = simd.less_than_f32s(x, splat(UNDERFLOW));
    // No maximum: on some instruction sets that of NaN and a number is the number.
    let clamped = simd.select_f32s(underflows, splat(UNDERFLOW), x);
    let rounded = simd.mul_add_e_f32s(clamped, splat(std::f32::consts::LOG2_E), splat(ROUND));
    let n = simd.sub_f32s(rounded, splat(ROUND));
    let r = simd.mul_add_e_f32s(n, splat(-LN_2_HIGH), clamped);
    let r = simd.mul_add_e_f32s(n, splat(-LN_2_LOW), r);
    let mut p = splat(POLYNOMIAL[0]);
    for c in &POLYNOMIAL[1..] {
        p = simd.mul_add_e_f32s(p, r, splat(*c));
    }
    let exp_r = simd.add_f32s(simd.mul_add_e_f32s(p, simd.mul_f32s(r, r), r), splat(1.0));
    let bits: S::u32s = pulp::cast(rounded);
    let two_to_n: S::f32s = pulp::cast(simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23)));
    simd.select_f32s(underflows, splat(0.0), simd.mul_f32s(exp_r, two_to_n))
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;
    use crate::simd::{Level, load, store, vectors};

    struct Exp<'a>(&'a mut [f32]);

    impl WithSimd for Exp<'_> {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            for i in 0..vectors::<S>(self.0.len()) {
                let y = exp(simd, load(simd, self.0, i));
                store(simd, self.0, i, y);
            }
        }
    }

    #[test]
    fn agrees_with_the_exponential_in_double_precision() {
        let step = if cfg!(miri) { 9999 } else { 1 };
        let x: Vec<f32> = (0..100_003).step_by(step).map(|i| (i as f32).mul_add(1.75e-3, -87.3)).collect();
        for level in Level::available() {
            let mut y = x.clone();
            level.run(Exp(&mut y));
            for (&x, &y) in x.iter().zip(&y) {
                let exact = f64::from(x).exp();
                assert!((f64::from(y) / exact - 1.0).abs() < 2e-7, "{}: exp({x}) = {y}", level.name());
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for level in Level::available() {
            let mut y = [0.0, f32::NAN, -f32::NAN, -1e4, 0.0];
            level.run(Exp(&mut y));
            assert_eq!(y.map(f32::is_nan), [false, true, true, false, false], "{}: {y:?}", level.name());
        }
    }

    #[test]
    fn vanishes_exactly_far_below_zero() {
        for level in Level::available() {
            let mut y = [0.0, -87.4, -1e4, -1e30, f32::NEG_INFINITY];
            level.run(Exp(&mut y));
            assert_eq!(y, [1.0, 0.0, 0.0, 0.0, 0.0], "{}", level.name());
        }
    }
}
