//! The self-attention sub-layer as a kernel. `transformer.rs` of `mnist2x2-model` has the same, written to be read.

use pulp::Simd;

use crate::attention::Attention;
use crate::attention_layer::AttentionLayer;
use crate::layout::SelfAttentionLayout;
use crate::scratch::{ROWS_AT_A_TIME, Scratch};
use crate::sub_layer::{Backward, Forward, Lens, SubLayer};

/// `y = x + out(attention(qkv(norm(x))))` with `heads` heads, and a causal mask where the tokens are written one by one.
///
/// # Shapes
/// x, y and their gradients (B, T, D), contiguous; parameters as [`SelfAttentionLayout`] says. Sizes are `[B, T]`.
#[derive(Clone, Debug)]
pub struct SelfAttention {
    causal: bool,
    layout: SelfAttentionLayout,
    pub(crate) layer: AttentionLayer,
}

impl SelfAttention {
    /// The sub-layer of width D = `width`.
    ///
    /// # Panics
    /// If `heads` does not divide `width`.
    pub fn new(width: usize, heads: usize, causal: bool) -> Self {
        let layout = SelfAttentionLayout::new(width);
        let norm = layout.norm_weight.start..layout.norm_bias.end;
        let (qkv, bias) = (layout.qkv_weight.start, layout.qkv_bias.start);
        let of_qkv = [0, 1, 2].map(|i| [qkv + i * width * width, bias + i * width]);
        let out = [layout.out_weight.start, layout.out_bias.start];
        let layer = AttentionLayer::new([width, heads], norm, of_qkv, out);
        Self { causal, layout, layer }
    }

    /// Where the parameters lie in their slice.
    pub fn layout(&self) -> &SelfAttentionLayout {
        &self.layout
    }

    fn attention(&self, [batch, tokens]: [usize; 2]) -> Attention {
        self.layer.attention([batch, tokens, tokens], self.causal)
    }
}

impl SubLayer<1> for SelfAttention {
    type Sizes = [usize; 2];

    fn lens(&self, sizes: [usize; 2]) -> Lens<1> {
        let Lens { inputs: [x, _], params, y, saved } =
            AttentionLayer::lens(self.layout.size(), &self.attention(sizes));
        Lens { inputs: [x], params, y, saved }
    }

    fn at_a_time(&self, [_, tokens]: [usize; 2]) -> usize {
        ROWS_AT_A_TIME / tokens.max(1)
    }

    #[inline(always)]
    fn forward_on<S: Simd>(&self, simd: S, sizes: [usize; 2], pass: Forward<1>, scratch: &mut Scratch) {
        self.layer.forward(simd, &self.attention(sizes), pass, scratch);
    }

    #[inline(always)]
    fn backward_on<S: Simd>(&self, simd: S, sizes: [usize; 2], pass: Backward<1>, scratch: &mut Scratch) {
        self.layer.backward(simd, &self.attention(sizes), pass, scratch);
    }
}
