//! What self-attention and cross-attention share: `y = x + out(attention(q(norm(x)), k(s), v(s)))`, where the source `s`
//! is `norm(x)` itself or a memory. Pre-norm, as in R. Xiong et al., *On Layer Normalization in the Transformer
//! Architecture*, 2020.

use std::ops::Range;

use pulp::Simd;

use crate::attention::Attention;
use crate::gemm::Start;
use crate::layer_norm::{STATISTICS, layer_norm, layer_norm_backward};
use crate::linear::Linear;
use crate::scratch::{Scratch, packed_len, split, split_ref};
use crate::sub_layer::{Backward, Forward, Lens};

/// The number of heads, and the parameters' places.
#[derive(Clone, Debug)]
pub(crate) struct AttentionLayer {
    pub(crate) heads: usize,
    /// The weight of the norm, then its bias.
    pub(crate) norm: Range<usize>,
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

impl AttentionLayer {
    /// The layer whose norm lies there and whose linear maps have their weight and bias at these places.
    pub(crate) fn new(
        [width, heads]: [usize; 2],
        norm: Range<usize>,
        of_qkv: [[usize; 2]; 3],
        out: [usize; 2],
    ) -> Self {
        assert!(heads > 0 && width.is_multiple_of(heads), "{heads} heads do not divide a width of {width}");
        let square = |[weight, bias]: [usize; 2]| Linear::at(weight, bias, [width, width]);
        let [q, k, v] = of_qkv.map(square);
        Self { heads, norm, q, k, v, out: square(out) }
    }

    /// The attention of `[B, T, N]`.
    pub(crate) fn attention(&self, [batch, queries, keys]: [usize; 3], causal: bool) -> Attention {
        Attention { batch, queries, keys, width: self.q.inputs, heads: self.heads, causal }
    }

    /// Lengths for inputs x and memory.
    pub(crate) fn lens(params: usize, sizes: &Attention) -> Lens<2> {
        let (x, memory) = (sizes.queries_len(), sizes.keys_len());
        Lens { params, inputs: [x, memory], y: x, saved: packed_len(saved_lens(sizes)) }
    }

    /// The forward pass; where there is no second input, the source of keys and values is `norm(x)`.
    #[inline(always)]
    pub(crate) fn forward<S: Simd, const N: usize>(
        &self,
        simd: S,
        sizes: &Attention,
        Forward { params, inputs, y, saved }: Forward<N>,
        scratch: &mut Scratch,
    ) {
        let x = inputs[0];
        let [normed, statistics, q, k, v, probabilities, heads] = split(saved, saved_lens(sizes));
        let [weight, keys] = scratch.parts([self.q.scratch_len(), sizes.forward_scratch_len()]);
        layer_norm(simd, &params[self.norm.clone()], x, normed, statistics);
        let source = inputs.get(1).copied().unwrap_or(normed);
        self.q.forward(simd, params, normed, None, q, weight);
        self.k.forward(simd, params, source, None, k, weight);
        self.v.forward(simd, params, source, None, v, weight);
        sizes.forward(simd, [q, k, v], probabilities, heads, keys);
        self.out.forward(simd, params, heads, Some(x), y, weight);
    }

    /// The backward pass.
    #[inline(always)]
    pub(crate) fn backward<S: Simd, const N: usize>(
        &self,
        simd: S,
        sizes: &Attention,
        Backward { params, inputs, saved, dy, mut dx, d_params }: Backward<N>,
        scratch: &mut Scratch,
    ) {
        let [normed, statistics, q, k, v, probabilities, heads] = split_ref(saved, saved_lens(sizes));
        let (queries, keys) = (sizes.queries_len(), sizes.keys_len());
        let lens = [queries, queries, keys, keys, queries, sizes.backward_scratch_len()];
        let [d_heads, dq, dk, dv, d_normed, of_attention] = scratch.parts(lens);

        self.out.parameter_gradients(simd, heads, dy, d_params);
        self.out.input_gradient(simd, params, dy, Start::Zero, d_heads);
        sizes.backward(simd, [q, k, v], probabilities, d_heads, [dq, dk, dv], of_attention);

        self.q.parameter_gradients(simd, normed, dq, d_params);
        self.q.input_gradient(simd, params, dq, Start::Zero, d_normed);
        for (linear, gradient) in [(&self.k, &*dk), (&self.v, &*dv)] {
            let source = inputs.get(1).copied().unwrap_or(normed);
            linear.parameter_gradients(simd, source, gradient, d_params);
            let d_source = dx.get_mut(1).map_or(&mut *d_normed, |d_memory| d_memory);
            linear.input_gradient(simd, params, gradient, Start::Keep, d_source);
        }
        let (norm, d_norm) = (&params[self.norm.clone()], &mut d_params[self.norm.clone()]);
        layer_norm_backward(simd, norm, (inputs[0], statistics), (d_normed, dy), dx[0], d_norm);
    }
}
