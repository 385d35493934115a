//! What self-attention and cross-attention share: `y = x + out(attention(q(norm(x)), k(s), v(s)))`, where the source `s`
//! is `norm(x)` itself or a memory. Pre-norm, as in R. Xiong et al., *On Layer Normalization in the Transformer
//! Architecture*, 2020.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::attention::Attention;
use crate::gemm::Start;
use crate::layer_norm::{STATISTICS, layer_norm, layer_norm_backward};
use crate::linear::Linear;
use crate::scratch::{Scratch, packed_len, split, split_ref};

/// The parameters' places.
#[derive(Clone, Debug)]
pub(crate) struct AttentionLayer {
    pub(crate) norm_weight: Range<usize>,
    pub(crate) norm_bias: Range<usize>,
    pub(crate) q: Linear,
    pub(crate) k: Linear,
    pub(crate) v: Linear,
    pub(crate) out: Linear,
}

/// Lengths of what the forward pass saves: norm(x), its statistics, q, k, v, the probabilities and the heads' output.
fn saved_lens(sizes: &Attention) -> [usize; 7] {
    let (queries, keys) = (sizes.queries_len(), sizes.keys_len());
    let statistics = STATISTICS * sizes.batch * sizes.queries;
    [queries, statistics, queries, keys, keys, sizes.probabilities_len(), queries]
}

/// How much the forward pass saves.
pub(crate) fn saved_len(sizes: &Attention) -> usize {
    packed_len(saved_lens(sizes))
}

/// One forward pass; `memory` is none where the source of keys and values is `norm(x)`.
pub(crate) struct Forward<'a> {
    pub(crate) layer: &'a AttentionLayer,
    pub(crate) sizes: Attention,
    pub(crate) params: &'a [f32],
    pub(crate) x: &'a [f32],
    pub(crate) memory: Option<&'a [f32]>,
    pub(crate) y: &'a mut [f32],
    pub(crate) saved: &'a mut [f32],
    pub(crate) scratch: &'a mut Scratch,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, sizes, params, x, memory, y, saved, scratch } = self;
        let [normed, statistics, q, k, v, probabilities, heads] = split(saved, saved_lens(&sizes));
        let [weight, keys] = scratch.parts([layer.q.scratch_len(), sizes.forward_scratch_len()]);
        layer_norm(simd, layer.norm(params), x, normed, statistics);
        let source = memory.unwrap_or(normed);
        layer.q.forward(simd, params, normed, None, q, weight);
        layer.k.forward(simd, params, source, None, k, weight);
        layer.v.forward(simd, params, source, None, v, weight);
        sizes.forward(simd, [q, k, v], probabilities, heads, keys);
        layer.out.forward(simd, params, heads, Some(x), y, weight);
    }
}

impl AttentionLayer {
    /// The weight and the bias of the norm.
    #[inline(always)]
    pub(crate) fn norm<'a>(&self, params: &'a [f32]) -> [&'a [f32]; 2] {
        [&params[self.norm_weight.clone()], &params[self.norm_bias.clone()]]
    }
}

/// One backward pass: `dx` is overwritten, `d_memory` and `d_params` are added to.
pub(crate) struct Backward<'a> {
    pub(crate) layer: &'a AttentionLayer,
    pub(crate) sizes: Attention,
    pub(crate) params: &'a [f32],
    pub(crate) x: &'a [f32],
    pub(crate) memory: Option<(&'a [f32], &'a mut [f32])>,
    pub(crate) saved: &'a [f32],
    pub(crate) dy: &'a [f32],
    pub(crate) dx: &'a mut [f32],
    pub(crate) d_params: &'a mut [f32],
    pub(crate) scratch: &'a mut Scratch,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, sizes, params, x, memory, saved, dy, dx, d_params, scratch } = self;
        let [normed, statistics, q, k, v, probabilities, heads] = split_ref(saved, saved_lens(&sizes));
        let (queries, keys) = (sizes.queries_len(), sizes.keys_len());
        let lens = [queries, queries, keys, keys, queries, sizes.backward_scratch_len()];
        let [d_heads, dq, dk, dv, d_normed, of_attention] = scratch.parts(lens);

        layer.out.parameter_gradients(simd, heads, dy, d_params);
        layer.out.input_gradient(simd, params, dy, Start::Zero, d_heads);
        sizes.backward(simd, [q, k, v], probabilities, d_heads, [dq, dk, dv], of_attention);

        layer.q.parameter_gradients(simd, normed, dq, d_params);
        layer.q.input_gradient(simd, params, dq, Start::Zero, d_normed);
        let (source, d_source) = memory.unwrap_or((normed, &mut *d_normed));
        for (linear, gradient) in [(&layer.k, &*dk), (&layer.v, &*dv)] {
            linear.parameter_gradients(simd, source, gradient, d_params);
            linear.input_gradient(simd, params, gradient, Start::Keep, d_source);
        }
        let d_norm = &mut d_params[layer.norm_weight.start..layer.norm_bias.end];
        layer_norm_backward(simd, layer.norm(params)[0], (x, statistics), (d_normed, dy), dx, d_norm);
    }
}
