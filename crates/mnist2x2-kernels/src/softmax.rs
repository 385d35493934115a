//! The softmax of scores and its gradient.

use pulp::Simd;

use crate::exp::exp;
use crate::simd::{lanes, load, store, vectors, within};

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

/// Every column of `s` (N, T) becomes its `softmax(scale * column)`, for `scale > 0`. Where `causal`, column `i` takes in
/// only its rows `0..=i`; the others become exactly 0.
///
/// Columns lie side by side in vectors, so nothing is summed across a vector's lanes.
#[inline(always)]
pub(crate) fn softmax_of_columns<S: Simd>(simd: S, s: &mut [f32], columns: usize, scale: f32, causal: bool) {
    for i in 0..vectors::<S>(columns) {
        let score = |row: &[f32], j: usize| {
            let v = load(simd, row, i);
            if causal { hide_before(simd, v, j.saturating_sub(i * S::F32_LANES)) } else { v }
        };
        let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
        for (j, row) in s.chunks_exact(columns).enumerate() {
            largest = simd.max_f32s(largest, score(row, j));
        }
        let mut sum = simd.splat_f32s(0.0);
        for (j, row) in s.chunks_exact_mut(columns).enumerate() {
            let below = simd.sub_f32s(score(row, j), largest);
            let e = exp(simd, simd.mul_f32s(below, simd.splat_f32s(scale)));
            sum = simd.add_f32s(sum, e);
            store(simd, row, i, e);
        }
        let inverse = simd.div_f32s(simd.splat_f32s(1.0), sum);
        for row in s.chunks_exact_mut(columns) {
            let p = simd.mul_f32s(load(simd, row, i), inverse);
            store(simd, row, i, p);
        }
    }
}

/// Minus infinity in the first `count` lanes.
#[inline(always)]
fn hide_before<S: Simd>(simd: S, v: S::f32s, count: usize) -> S::f32s {
    let hidden = simd.splat_f32s(f32::NEG_INFINITY);
    if count >= S::F32_LANES {
        return hidden;
    }
    simd.select_f32s(lanes(simd, count, S::F32_LANES).mask(), v, hidden)
}

/// `dp` (N, T) becomes the gradient of the scores, `scale * p * (dp - sum of p * dp down the column)`, where `p` is what
/// [`softmax_of_columns`] made of them.
#[inline(always)]
pub(crate) fn softmax_of_columns_backward<S: Simd>(
    simd: S,
    p: &[f32],
    dp: &mut [f32],
    columns: usize,
    scale: f32,
) {
    for i in 0..vectors::<S>(columns) {
        let mut dot = simd.splat_f32s(0.0);
        for (p, dp) in p.chunks_exact(columns).zip(dp.chunks_exact(columns)) {
            dot = simd.mul_add_e_f32s(load(simd, p, i), load(simd, dp, i), dot);
        }
        for (p, dp) in p.chunks_exact(columns).zip(dp.chunks_exact_mut(columns)) {
            let centered = simd.sub_f32s(load(simd, dp, i), dot);
            let scaled = simd.mul_f32s(load(simd, p, i), simd.splat_f32s(scale));
            store(simd, dp, i, simd.mul_f32s(scaled, centered));
        }
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

    struct Columns<'a>(&'a mut [f32], usize, bool);

    impl WithSimd for Columns<'_> {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            softmax_of_columns(simd, self.0, self.1, 0.3, self.2);
        }
    }

    #[test]
    fn columns_are_rows_transposed_and_the_causal_ones_begin_later() {
        for (level, causal) in Level::available().into_iter().flat_map(|l| [(l, false), (l, true)]) {
            for (n, t) in [(1, 1), (5, 5), (7, 3), (16, 16), (19, 19), (3, 37)] {
                if causal && n != t {
                    continue;
                }
                let scores = crate::test_oracle::numbers(n * t, 1);
                let mut columns = scores.clone();
                level.run(Columns(&mut columns, t, causal));
                for i in 0..t {
                    let seen = if causal { i + 1 } else { n };
                    let mut row: Vec<f32> = (0..seen).map(|j| scores[j * t + i]).collect();
                    level.run(Softmax(&mut row, 0.3));
                    for j in 0..n {
                        let p = row.get(j).copied().unwrap_or(0.0);
                        assert!((columns[j * t + i] - p).abs() <= 1e-6 * p, "{} {n} {t}", level.name());
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_makes_the_whole_row_so() {
        for (level, at) in Level::available().into_iter().flat_map(|l| [(l, 0), (l, 3), (l, 18)]) {
            let (mut row, mut columns) = ([0.5; 19], [0.5; 19]);
            (row[at], columns[at]) = (f32::NAN, f32::NAN);
            level.run(Softmax(&mut row, 1.0));
            level.run(Columns(&mut columns, 1, false));
            assert!(row.iter().chain(&columns).all(|p| p.is_nan()), "{} {at}", level.name());
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
