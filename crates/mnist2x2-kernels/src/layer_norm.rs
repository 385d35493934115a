//! Layer normalization (J. L. Ba, J. R. Kiros and G. E. Hinton, *Layer Normalization*, 2016).
//!
//! Each row becomes `(x - mean) / sqrt(variance + 1e-5) * weight + bias`, with the biased variance, as in `PyTorch`.

use pulp::Simd;

use crate::simd::{load, store, vectors, within};

const EPSILON: f32 = 1e-5;

/// The mean of a row and the inverse of its standard deviation, which the backward pass needs again.
pub(crate) const STATISTICS: usize = 2;

/// `y = norm(x)` (R, D), and `statistics` (R, 2) of every row; `norm` (2, D) is the weight, then the bias.
#[inline(always)]
pub(crate) fn layer_norm<S: Simd>(simd: S, norm: &[f32], x: &[f32], y: &mut [f32], statistics: &mut [f32]) {
    let width = norm.len() / 2;
    let (weight, bias) = norm.split_at(width);
    let rows = x.chunks_exact(width).zip(y.chunks_exact_mut(width));
    for ((x, y), kept) in rows.zip(statistics.chunks_exact_mut(STATISTICS)) {
        let (mean, inverse) = moments(simd, x);
        kept.copy_from_slice(&[mean, inverse]);
        let (mean, inverse) = (simd.splat_f32s(mean), simd.splat_f32s(inverse));
        for i in 0..vectors::<S>(width) {
            let x_hat = normalized(simd, x, i, mean, inverse);
            store(simd, y, i, simd.mul_add_e_f32s(x_hat, load(simd, weight, i), load(simd, bias, i)));
        }
    }
}

/// Vector `i` of `(x - mean) * inverse`.
#[inline(always)]
fn normalized<S: Simd>(simd: S, x: &[f32], i: usize, mean: S::f32s, inverse: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.sub_f32s(load(simd, x, i), mean), inverse)
}

/// The mean of `x` and `1 / sqrt(variance + epsilon)`.
#[inline(always)]
fn moments<S: Simd>(simd: S, x: &[f32]) -> (f32, f32) {
    let (count, len) = (vectors::<S>(x.len()), x.len());
    let mut sum = simd.splat_f32s(0.0);
    for i in 0..count {
        sum = simd.add_f32s(sum, load(simd, x, i));
    }
    let mean = simd.reduce_sum_f32s(sum) / len as f32;
    let mut squares = simd.splat_f32s(0.0);
    for i in 0..count {
        let centered = simd.sub_f32s(load(simd, x, i), simd.splat_f32s(mean));
        let centered = within(simd, centered, i, len, 0.0);
        squares = simd.mul_add_e_f32s(centered, centered, squares);
    }
    let variance = simd.reduce_sum_f32s(squares) / len as f32;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

/// `dx = residual + d norm(x) / dx` applied to `dy`, for a norm at the head of a residual branch; the gradients of the
/// weight and the bias are written to `d_norm`.
#[inline(always)]
pub(crate) fn layer_norm_backward<S: Simd>(
    simd: S,
    norm: &[f32],
    (x, statistics): (&[f32], &[f32]),
    (dy, residual): (&[f32], &[f32]),
    dx: &mut [f32],
    d_norm: &mut [f32],
) {
    let width = norm.len() / 2;
    d_norm.fill(0.0);
    let (weight, (d_weight, d_bias)) = (&norm[..width], d_norm.split_at_mut(width));
    for (r, dx) in dx.chunks_exact_mut(width).enumerate() {
        let row = r * width..(r + 1) * width;
        let (x, dy, residual) = (&x[row.clone()], &dy[row.clone()], &residual[row]);
        let mean = simd.splat_f32s(statistics[STATISTICS * r]);
        let inverse = simd.splat_f32s(statistics[STATISTICS * r + 1]);
        // With g = dy * weight, the gradient is (g - mean(g) - x_hat * mean(g * x_hat)) / deviation.
        let (mut sum, mut sum_x_hat) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
        for i in 0..vectors::<S>(width) {
            let (dy, x_hat) = (load(simd, dy, i), normalized(simd, x, i, mean, inverse));
            let g = simd.mul_f32s(dy, load(simd, weight, i));
            sum = simd.add_f32s(sum, g);
            sum_x_hat = simd.mul_add_e_f32s(g, x_hat, sum_x_hat);
            store(simd, d_weight, i, simd.mul_add_e_f32s(dy, x_hat, load(simd, d_weight, i)));
            store(simd, d_bias, i, simd.add_f32s(dy, load(simd, d_bias, i)));
        }
        let mean_g = simd.splat_f32s(simd.reduce_sum_f32s(sum) / width as f32);
        let mean_g_x_hat = simd.splat_f32s(simd.reduce_sum_f32s(sum_x_hat) / width as f32);
        for i in 0..vectors::<S>(width) {
            let x_hat = normalized(simd, x, i, mean, inverse);
            let g = simd.mul_f32s(load(simd, dy, i), load(simd, weight, i));
            let g = simd.sub_f32s(simd.sub_f32s(g, mean_g), simd.mul_f32s(x_hat, mean_g_x_hat));
            store(simd, dx, i, simd.mul_add_e_f32s(g, inverse, load(simd, residual, i)));
        }
    }
}
