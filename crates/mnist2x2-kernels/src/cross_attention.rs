//! The cross-attention sub-layer as a kernel. `transformer.rs` of `mnist2x2-model` has the same, written to be read.

use pulp::Simd;

use crate::attention::Attention;
use crate::attention_layer::AttentionLayer;
use crate::layout::CrossAttentionLayout;
use crate::scratch::{ROWS_AT_A_TIME, Scratch};
use crate::sub_layer::{Backward, Forward, Lens, SubLayer};

/// `y = x + out(attention(q(norm(x)), kv(memory)))` with `heads` heads; the memory is not normed.
///
/// # Shapes
/// The inputs are x and the memory. x, y and their gradients (B, T, D), memory and its gradient (B, N, D), contiguous;
/// parameters as [`CrossAttentionLayout`] says. Sizes are `[B, T, N]`.
#[derive(Clone, Debug)]
pub struct CrossAttention {
    layout: CrossAttentionLayout,
    pub(crate) layer: AttentionLayer,
}

impl CrossAttention {
    /// The sub-layer of width D = `width`.
    ///
    /// # Panics
    /// If `heads` does not divide `width`.
    pub fn new(width: usize, heads: usize) -> Self {
        let layout = CrossAttentionLayout::new(width);
        let norm = layout.norm_weight.start..layout.norm_bias.end;
        let [kv, bias] = [layout.kv_weight.start, layout.kv_bias.start];
        let q = [layout.q_weight.start, layout.q_bias.start];
        let out = [layout.out_weight.start, layout.out_bias.start];
        let of_qkv = [q, [kv, bias], [kv + width * width, bias + width]];
        let layer = AttentionLayer::new([width, heads], norm, of_qkv, out);
        Self { layout, layer }
    }

    /// Where the parameters lie in their slice.
    pub fn layout(&self) -> &CrossAttentionLayout {
        &self.layout
    }

    fn attention(&self, sizes: [usize; 3]) -> Attention {
        self.layer.attention(sizes, false)
    }
}

impl SubLayer<2> for CrossAttention {
    type Sizes = [usize; 3];

    fn lens(&self, sizes: [usize; 3]) -> Lens<2> {
        AttentionLayer::lens(self.layout.size(), &self.attention(sizes))
    }

    fn at_a_time(&self, [_, tokens, places]: [usize; 3]) -> usize {
        ROWS_AT_A_TIME / tokens.max(places).max(1)
    }

    #[inline(always)]
    fn forward_on<S: Simd>(&self, simd: S, sizes: [usize; 3], pass: Forward<2>, scratch: &mut Scratch) {
        self.layer.forward(simd, &self.attention(sizes), pass, scratch);
    }

    #[inline(always)]
    fn backward_on<S: Simd>(&self, simd: S, sizes: [usize; 3], pass: Backward<2>, scratch: &mut Scratch) {
        self.layer.backward(simd, &self.attention(sizes), pass, scratch);
    }
}
