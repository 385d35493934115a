//! The attention sub-layers as kernels: `y = x + out(attention(q(norm(x)), k(s), v(s)))`, where the source `s` is `norm(x)`
//! itself or a memory. `transformer.rs` of `mnist2x2-model` has the same, written to be read. Pre-norm, as in R. Xiong et
//! al., *On Layer Normalization in the Transformer Architecture*, 2020.

use std::array;
use std::ops::Range;

use candle_core::{Result, bail};
use pulp::Simd;

use crate::attention::Attention;
use crate::gemm::Start;
use crate::layer_norm::{STATISTICS, layer_norm, layer_norm_backward};
use crate::linear::{Linear, transposed};
use crate::packed::{CrossAttentionLayout, SelfAttentionLayout};
use crate::scratch::{ROWS_AT_A_TIME, Scratch, packed_len, split, split_ref};
use crate::sizes::{check_sizes, numbers_in};
use crate::sub_layer::{Backward, Forward, Lens, SubLayer};

/// `y = x + out(attention(qkv(norm(x))))`, with a causal mask where the tokens are written one by one.
///
/// # Shapes
/// x, y and their gradients (B, T, D), contiguous; parameters as [`SelfAttentionLayout`] says. Sizes are `[B, T, T]`.
pub type SelfAttention = AttentionLayer<1>;

/// `y = x + out(attention(q(norm(x)), kv(memory)))`; the memory is not normed.
///
/// # Shapes
/// The inputs are x and the memory. x, y and their gradients (B, T, D), memory and its gradient (B, N, D), contiguous;
/// parameters as [`CrossAttentionLayout`] says. Sizes are `[B, T, N]`.
pub type CrossAttention = AttentionLayer<2>;

/// [`SelfAttention`] with one input, [`CrossAttention`] with two.
#[derive(Clone, Debug)]
pub struct AttentionLayer<const N: usize> {
    params: usize,
    pub(crate) heads: usize,
    causal: bool,
    /// The weight of the norm, then its bias.
    pub(crate) norm: Range<usize>,
    pub(crate) q: Linear,
    pub(crate) k: Linear,
    pub(crate) v: Linear,
    pub(crate) out: Linear,
}

impl SelfAttention {
    /// The sub-layer of width D = `width`.
    ///
    /// # Errors
    /// If `heads` does not divide `width`, or `width` is zero or more than memory holds.
    pub fn new(width: usize, heads: usize, causal: bool) -> Result<Self> {
        let layout = SelfAttentionLayout::new(width);
        check("self-attention", [width, heads], layout.size())?;
        let (qkv, bias) = (layout.qkv_weight.start, layout.qkv_bias.start);
        let of_qkv = [0, 1, 2].map(|i| [qkv + i * width * width, bias + i * width]);
        let norm = layout.norm_weight.start..layout.norm_bias.end;
        let out = [layout.out_weight.start, layout.out_bias.start];
        Ok(Self { causal, ..Self::at(layout.size(), [width, heads], norm, of_qkv, out) })
    }
}

impl CrossAttention {
    /// The sub-layer of width D = `width`.
    ///
    /// # Errors
    /// As [`SelfAttention::new`].
    pub fn new(width: usize, heads: usize) -> Result<Self> {
        let layout = CrossAttentionLayout::new(width);
        check("cross-attention", [width, heads], layout.size())?;
        let [kv, bias] = [layout.kv_weight.start, layout.kv_bias.start];
        let q = [layout.q_weight.start, layout.q_bias.start];
        let of_qkv = [q, [kv, bias], [kv + width * width, bias + width]];
        let norm = layout.norm_weight.start..layout.norm_bias.end;
        let out = [layout.out_weight.start, layout.out_bias.start];
        Ok(Self::at(layout.size(), [width, heads], norm, of_qkv, out))
    }
}

fn check(what: &str, [width, heads]: [usize; 2], params: usize) -> Result<()> {
    if heads == 0 || !width.is_multiple_of(heads) {
        bail!("{what}: {heads} heads do not divide a width of {width}");
    }
    check_sizes(what, &[width], params)
}

impl<const N: usize> AttentionLayer<N> {
    /// The layer whose norm lies there and whose linear maps have their weight and bias at these places.
    fn at(
        params: usize,
        [width, heads]: [usize; 2],
        norm: Range<usize>,
        of_qkv: [[usize; 2]; 3],
        out: [usize; 2],
    ) -> Self {
        let square = |[weight, bias]: [usize; 2]| Linear::at(weight, bias, [width, width]);
        let [q, k, v] = of_qkv.map(square);
        Self { params, heads, causal: false, norm, q, k, v, out: square(out) }
    }

    /// How many parameters there are.
    pub fn size(&self) -> usize {
        self.params
    }

    fn attention(&self, [batch, queries, keys]: [usize; 3]) -> Attention {
        let keys = if N == 1 { queries } else { keys };
        Attention { batch, queries, keys, width: self.q.inputs, heads: self.heads, causal: self.causal }
    }
}

/// Lengths of what the forward pass saves: norm(x), its statistics, q, k, v, the probabilities and the heads' output.
fn saved_lens(sizes: &Attention) -> [usize; 7] {
    let (queries, keys) = (sizes.queries_len(), sizes.keys_len());
    let statistics = numbers_in([STATISTICS, sizes.batch, sizes.queries]);
    [queries, statistics, queries, keys, keys, sizes.probabilities_len(), queries]
}

impl<const N: usize> SubLayer<N> for AttentionLayer<N> {
    type Sizes = [usize; 3];

    fn lens(&self, sizes: [usize; 3]) -> Lens<N> {
        let sizes = self.attention(sizes);
        let (x, memory) = (sizes.queries_len(), sizes.keys_len());
        let inputs = array::from_fn(|i| if i == 0 { x } else { memory });
        Lens { params: self.params, inputs, y: x, saved: packed_len(saved_lens(&sizes)) }
    }

    fn at_a_time(&self, [_, tokens, places]: [usize; 3]) -> usize {
        ROWS_AT_A_TIME / tokens.max(places).max(1)
    }

    fn transposed(&self, params: &[f32]) -> Vec<f32> {
        transposed([&self.q, &self.k, &self.v, &self.out], &params[..self.params])
    }

    #[inline(always)]
    fn forward_on<S: Simd>(&self, simd: S, sizes: [usize; 3], pass: Forward<N>, scratch: &mut Scratch) {
        let (sizes, Forward { transposed, inputs, y, saved }) = (self.attention(sizes), pass);
        let [normed, statistics, q, k, v, probabilities, heads] = split(saved, saved_lens(&sizes));
        let [keys] = scratch.parts([sizes.forward_scratch_len()]);
        layer_norm(simd, &transposed[self.norm.clone()], inputs[0], normed, statistics);
        let source = inputs.get(1).copied().unwrap_or(normed);
        self.q.forward(simd, transposed, normed, None, q);
        self.k.forward(simd, transposed, source, None, k);
        self.v.forward(simd, transposed, source, None, v);
        sizes.forward(simd, [q, k, v], probabilities, heads, keys);
        self.out.forward(simd, transposed, heads, Some(inputs[0]), y);
    }

    #[inline(always)]
    fn backward_on<S: Simd>(&self, simd: S, sizes: [usize; 3], pass: Backward<N>, scratch: &mut Scratch) {
        let sizes = self.attention(sizes);
        let Backward { params, inputs, saved, dy, mut dx, d_params } = pass;
        let [normed, statistics, q, k, v, probabilities, heads] = split_ref(saved, saved_lens(&sizes));
        let (queries, keys) = (sizes.queries_len(), sizes.keys_len());
        let lens = [queries, queries, keys, keys, queries, sizes.backward_scratch_len()];
        let [d_heads, dq, dk, dv, d_normed, of_attention] = scratch.parts(lens);

        self.out.parameter_gradients(simd, (heads, dy), Start::Zero, d_params);
        self.out.input_gradient(simd, params, dy, Start::Zero, d_heads);
        sizes.backward(simd, [q, k, v], probabilities, d_heads, [dq, dk, dv], of_attention);

        let source = inputs.get(1).copied().unwrap_or(normed);
        self.q.parameter_gradients(simd, (normed, dq), Start::Zero, d_params);
        self.k.parameter_gradients(simd, (source, dk), Start::Zero, d_params);
        self.v.parameter_gradients(simd, (source, dv), Start::Zero, d_params);
        self.q.input_gradient(simd, params, dq, Start::Zero, d_normed);
        let (d_source, start) = match dx.get_mut(1) {
            Some(d_memory) => (&mut **d_memory, Start::Zero),
            None => (&mut *d_normed, Start::Keep),
        };
        self.k.input_gradient(simd, params, dk, start, d_source);
        self.v.input_gradient(simd, params, dv, Start::Keep, d_source);
        let (norm, d_norm) = (&params[self.norm.clone()], &mut d_params[self.norm.clone()]);
        layer_norm_backward(simd, norm, (inputs[0], statistics), (d_normed, dy), dx[0], d_norm);
    }
}
