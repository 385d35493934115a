//! The cross-attention sub-layer as a kernel. `transformer.rs` of `mnist2x2-model` has the same, written to be read.

use crate::attention::Attention;
use crate::attention_layer::{AttentionLayer, Backward, Forward, saved_len};
use crate::layout::CrossAttentionLayout;
use crate::linear::Linear;
use crate::scratch::{ROWS_AT_A_TIME, Scratch};
use crate::simd::Level;

/// `y = x + out(attention(q(norm(x)), kv(memory)))` with `heads` heads; the memory is not normed.
///
/// # Shapes
/// x, y and their gradients (B, T, D), memory and its gradient (B, N, D), contiguous; parameters as
/// [`CrossAttentionLayout`] says. Sizes are given as `[B, T, N]`.
#[derive(Clone, Debug)]
pub struct CrossAttention {
    width: usize,
    pub(crate) heads: usize,
    pub(crate) level: Level,
    layout: CrossAttentionLayout,
    pub(crate) layer: AttentionLayer,
}

impl CrossAttention {
    /// The sub-layer of width D = `width` on the best instruction set of this machine.
    ///
    /// # Panics
    /// If `heads` does not divide `width`.
    pub fn new(width: usize, heads: usize) -> Self {
        assert!(heads > 0 && width.is_multiple_of(heads), "{heads} heads do not divide a width of {width}");
        let layout = CrossAttentionLayout::new(width);
        let (kv, bias) = (layout.kv_weight.start, layout.kv_bias.start);
        let square = |weight, bias| Linear::at(weight, bias, [width, width]);
        let layer = AttentionLayer {
            norm_weight: layout.norm_weight.clone(),
            norm_bias: layout.norm_bias.clone(),
            q: square(layout.q_weight.start, layout.q_bias.start),
            k: square(kv, bias),
            v: square(kv + width * width, bias + width),
            out: square(layout.out_weight.start, layout.out_bias.start),
        };
        Self { width, heads, level: Level::best(), layout, layer }
    }

    /// The same on another instruction set.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Where the parameters lie in their slice.
    pub fn layout(&self) -> &CrossAttentionLayout {
        &self.layout
    }

    /// How many numbers [`Self::forward`] saves for [`Self::backward`], for `[B, T, N]`.
    pub fn saved_len(&self, sizes: [usize; 3]) -> usize {
        saved_len(&self.attention(sizes))
    }

    pub(crate) fn attention(&self, [batch, queries, keys]: [usize; 3]) -> Attention {
        Attention { batch, queries, keys, width: self.width, heads: self.heads, causal: false }
    }

    /// The forward pass over `[x, memory]`; `saved` holds what the backward pass needs.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn forward(
        &self,
        sizes: [usize; 3],
        params: &[f32],
        [x, memory]: [&[f32]; 2],
        y: &mut [f32],
        saved: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let sizes = self.attention(sizes);
        let (x, y) = (&x[..sizes.queries_len()], &mut y[..sizes.queries_len()]);
        let memory = Some(&memory[..sizes.keys_len()]);
        self.level.run(Forward { layer: &self.layer, sizes, params, x, memory, y, saved, scratch });
    }

    /// The forward pass over `[x, memory]` where no backward pass follows.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn infer(
        &self,
        [batch, tokens, places]: [usize; 3],
        params: &[f32],
        [x, memory]: [&[f32]; 2],
        y: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let at_a_time = (ROWS_AT_A_TIME / tokens.max(places)).max(1);
        let [of_x, of_memory] = [tokens, places].map(|rows| rows * self.width);
        for first in (0..batch).step_by(at_a_time) {
            let count = at_a_time.min(batch - first);
            let (sizes, inputs) =
                ([count, tokens, places], [&x[first * of_x..], &memory[first * of_memory..]]);
            scratch.without_saving(self.saved_len(sizes), |saved, scratch| {
                self.forward(sizes, params, inputs, &mut y[first * of_x..], saved, scratch);
            });
        }
    }

    /// The backward pass: overwrites `dx`, adds to `d_memory` (several layers may read one memory) and to `d_params`.
    /// `[x, memory]` and `saved` are the forward pass's.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    #[expect(
        clippy::too_many_arguments,
        reason = "a backward pass reads all that its forward pass read and wrote"
    )]
    pub fn backward(
        &self,
        sizes: [usize; 3],
        params: &[f32],
        [x, memory]: [&[f32]; 2],
        saved: &[f32],
        dy: &[f32],
        [dx, d_memory]: [&mut [f32]; 2],
        d_params: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let sizes = self.attention(sizes);
        let (len, of_memory) = (sizes.queries_len(), sizes.keys_len());
        let (x, dy, dx) = (&x[..len], &dy[..len], &mut dx[..len]);
        let memory = Some((&memory[..of_memory], &mut d_memory[..of_memory]));
        let layer = &self.layer;
        self.level.run(Backward { layer, sizes, params, x, memory, saved, dy, dx, d_params, scratch });
    }
}
