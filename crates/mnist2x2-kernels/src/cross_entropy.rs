//! The cross-entropy of a row of logits and its gradient.

use pulp::Simd;

use crate::exp::exp;
use crate::simd::{load, store, vectors, within};

/// The cross-entropy of `softmax(logits)` against the distribution `target`; the logits become the gradient of that,
/// `softmax(logits) - target`.
#[inline(always)]
pub(crate) fn cross_entropy<S: Simd>(simd: S, logits: &mut [f32], target: &[f32]) -> f32 {
    let (count, len) = (vectors::<S>(logits.len()), logits.len());
    let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
    for i in 0..count {
        largest = simd.max_f32s(largest, within(simd, load(simd, logits, i), i, len, f32::NEG_INFINITY));
    }
    let largest = simd.reduce_max_f32s(largest);
    let mut of_target = simd.splat_f32s(0.0);
    let mut sum = simd.splat_f32s(0.0);
    for i in 0..count {
        let below = simd.sub_f32s(load(simd, logits, i), simd.splat_f32s(largest));
        of_target = simd.mul_add_e_f32s(load(simd, target, i), below, of_target);
        let e = within(simd, exp(simd, below), i, len, 0.0);
        sum = simd.add_f32s(sum, e);
        store(simd, logits, i, e);
    }
    let sum = simd.reduce_sum_f32s(sum);
    let inverse = simd.splat_f32s(1.0 / sum);
    for i in 0..count {
        let p = simd.mul_f32s(load(simd, logits, i), inverse);
        store(simd, logits, i, simd.sub_f32s(p, load(simd, target, i)));
    }
    sum.ln() - simd.reduce_sum_f32s(of_target)
}
