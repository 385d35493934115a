//! The Gaussian error linear unit and its derivative (D. Hendrycks and K. Gimpel, *Gaussian Error Linear Units*, 2016),
//! in the exact form `gelu(x) = x Phi(x)`, where `Phi` is the normal distribution function; `PyTorch`'s default.
//!
//! `Phi(-z) = exp(-z^2 / 2) P(1 / (1 + c z))` for `z >= 0`, in the form of formula 26.2.17 of M. Abramowitz and
//! I. Stegun, *Handbook of Mathematical Functions*, 1964. The polynomial is of degree 7 and was fitted anew by
//! reweighted least squares: `z Phi(-z)` is off by at most 9e-9, less than single precision can show. The derivative
//! `Phi(x) + x phi(x)` needs the same exponential, so the forward pass computes both and the backward pass is one product.

use pulp::Simd;

use crate::exp::exp;
use crate::simd::{load, store, vectors};

const C: f32 = 0.33;
/// Coefficients of `P`, of degree 7 down to 1; the constant is zero.
const POLYNOMIAL: [f32; 7] = [
    4.267_083_5e-2,
    -2.072_974_8e-1,
    3.059_087_7e-1,
    -6.382_844e-2,
    1.667_914_2e-1,
    1.236_449_8e-1,
    1.321_099e-1,
];
/// `1 / sqrt(2 pi)`, the height of the normal density.
const DENSITY_AT_0: f32 = 0.398_942_3;

/// `y = gelu(x)`, and `x` becomes `gelu'(x)`.
#[inline(always)]
pub(crate) fn gelu_with_derivative<S: Simd>(simd: S, x: &mut [f32], y: &mut [f32]) {
    for i in 0..vectors::<S>(x.len()) {
        let v = load(simd, x, i);
        let (phi, density) = normal(simd, v);
        store(simd, y, i, simd.mul_f32s(v, phi));
        store(simd, x, i, simd.mul_add_e_f32s(v, density, phi));
    }
}

/// The normal distribution function and density at `x`.
#[inline(always)]
fn normal<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let splat = |c| simd.splat_f32s(c);
    let z = simd.max_f32s(x, simd.sub_f32s(splat(0.0), x));
    let e = exp(simd, simd.mul_f32s(simd.mul_f32s(z, z), splat(-0.5)));
    let t = simd.div_f32s(splat(1.0), simd.mul_add_e_f32s(z, splat(C), splat(1.0)));
    let mut p = splat(POLYNOMIAL[0]);
    for c in &POLYNOMIAL[1..] {
        p = simd.mul_add_e_f32s(p, t, splat(*c));
    }
    let tail = simd.mul_f32s(simd.mul_f32s(p, t), e);
    let negative = simd.less_than_f32s(x, splat(0.0));
    let phi = simd.select_f32s(negative, tail, simd.sub_f32s(splat(1.0), tail));
    (phi, simd.mul_f32s(e, splat(DENSITY_AT_0)))
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;
    use crate::simd::Level;
    use crate::test_oracle::gelu as exact_gelu;

    struct Gelu<'a>(&'a mut [f32], &'a mut [f32]);

    impl WithSimd for Gelu<'_> {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            gelu_with_derivative(simd, self.0, self.1);
        }
    }

    #[test]
    fn value_and_derivative_agree_with_double_precision() {
        let step = if cfg!(miri) { 999 } else { 1 };
        let x: Vec<f32> = (-12_001..12_001).step_by(step).map(|i| i as f32 * 1e-3).collect();
        for level in Level::available() {
            let (mut derivative, mut y) = (x.clone(), vec![0.0; x.len()]);
            level.run(Gelu(&mut derivative, &mut y));
            for ((&x, &y), &dy) in x.iter().zip(&y).zip(&derivative) {
                let (value, slope) = exact_gelu(f64::from(x));
                assert!(
                    (f64::from(y) - value).abs() < 1.5e-7 * f64::from(x.abs().max(1.0)),
                    "gelu({x}) = {y}"
                );
                assert!((f64::from(dy) - slope).abs() < 3e-7, "gelu'({x}) = {dy}, not {slope}");
            }
        }
    }

    #[test]
    fn is_the_identity_or_zero_far_from_the_origin() {
        for level in Level::available() {
            let (mut x, mut y) = ([1e4, -1e4, 1e30, -1e30, 0.0], [f32::NAN; 5]);
            level.run(Gelu(&mut x, &mut y));
            assert_eq!(y, [1e4, 0.0, 1e30, 0.0, 0.0]);
            assert_eq!(x[..4], [1.0, 0.0, 1.0, 0.0]);
            assert!((x[4] - 0.5).abs() < 1e-7);
        }
    }
}
