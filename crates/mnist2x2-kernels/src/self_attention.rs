//! The self-attention sub-layer as a kernel. `transformer.rs` of `mnist2x2-model` has the same, written to be read.

use crate::attention::Attention;
use crate::attention_layer::{AttentionLayer, Backward, Forward, saved_len};
use crate::layout::SelfAttentionLayout;
use crate::linear::Linear;
use crate::scratch::{ROWS_AT_A_TIME, Scratch};
use crate::simd::Level;

/// `y = x + out(attention(qkv(norm(x))))` with `heads` heads, and a causal mask where the tokens are written one by one.
///
/// # Shapes
/// x, y and their gradients (B, T, D), contiguous; parameters as [`SelfAttentionLayout`] says.
#[derive(Clone, Debug)]
pub struct SelfAttention {
    width: usize,
    pub(crate) heads: usize,
    causal: bool,
    pub(crate) level: Level,
    layout: SelfAttentionLayout,
    pub(crate) layer: AttentionLayer,
}

impl SelfAttention {
    /// The sub-layer of width D = `width` on the best instruction set of this machine.
    ///
    /// # Panics
    /// If `heads` does not divide `width`.
    pub fn new(width: usize, heads: usize, causal: bool) -> Self {
        assert!(heads > 0 && width.is_multiple_of(heads), "{heads} heads do not divide a width of {width}");
        let layout = SelfAttentionLayout::new(width);
        let (qkv, bias) = (layout.qkv_weight.start, layout.qkv_bias.start);
        let square = |i: usize| Linear::at(qkv + i * width * width, bias + i * width, [width, width]);
        let layer = AttentionLayer {
            norm_weight: layout.norm_weight.clone(),
            norm_bias: layout.norm_bias.clone(),
            q: square(0),
            k: square(1),
            v: square(2),
            out: Linear::at(layout.out_weight.start, layout.out_bias.start, [width, width]),
        };
        Self { width, heads, causal, level: Level::best(), layout, layer }
    }

    /// The same on another instruction set.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Where the parameters lie in their slice.
    pub fn layout(&self) -> &SelfAttentionLayout {
        &self.layout
    }

    /// How many numbers [`Self::forward`] saves for [`Self::backward`], for `[B, T]`.
    pub fn saved_len(&self, sizes: [usize; 2]) -> usize {
        saved_len(&self.attention(sizes))
    }

    fn attention(&self, [batch, tokens]: [usize; 2]) -> Attention {
        let (width, heads, causal) = (self.width, self.heads, self.causal);
        Attention { batch, queries: tokens, keys: tokens, width, heads, causal }
    }

    /// The forward pass over `[B, T]`; `saved` holds what the backward pass needs.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn forward(
        &self,
        sizes: [usize; 2],
        params: &[f32],
        x: &[f32],
        y: &mut [f32],
        saved: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let sizes = self.attention(sizes);
        let (x, y) = (&x[..sizes.queries_len()], &mut y[..sizes.queries_len()]);
        self.level.run(Forward { layer: &self.layer, sizes, params, x, memory: None, y, saved, scratch });
    }

    /// The forward pass over `[B, T]` where no backward pass follows.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn infer(
        &self,
        [batch, tokens]: [usize; 2],
        params: &[f32],
        x: &[f32],
        y: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let (len, sequence) = (batch * tokens * self.width, tokens * self.width);
        let block = (ROWS_AT_A_TIME / tokens).max(1) * sequence;
        for (x, y) in x[..len].chunks(block).zip(y[..len].chunks_mut(block)) {
            let sizes = [x.len() / sequence, tokens];
            scratch.without_saving(self.saved_len(sizes), |saved, scratch| {
                self.forward(sizes, params, x, y, saved, scratch);
            });
        }
    }

    /// The backward pass: overwrites `dx`, adds to `d_params`. `x` and `saved` are the forward pass's.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    #[expect(
        clippy::too_many_arguments,
        reason = "a backward pass reads all that its forward pass read and wrote"
    )]
    pub fn backward(
        &self,
        sizes: [usize; 2],
        params: &[f32],
        x: &[f32],
        saved: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        d_params: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let sizes = self.attention(sizes);
        let len = sizes.queries_len();
        let (x, dy, dx, memory) = (&x[..len], &dy[..len], &mut dx[..len], None);
        let layer = &self.layer;
        self.level.run(Backward { layer, sizes, params, x, memory, saved, dy, dx, d_params, scratch });
    }
}
