//! The embedding of an image's patches (A. Dosovitskiy et al., *An Image is Worth 16x16 Words*, 2021, equation 1).

use pulp::{Simd, WithSimd};

use crate::gemm::Start;
use crate::layout::PatchEmbeddingLayout;
use crate::linear::Linear;
use crate::scratch::Scratch;
use crate::simd::{Level, add};

/// `y = proj(patches) + pos`: a linear map of every patch and a learned vector for every position.
///
/// # Shapes
/// patches (B, N, P), y (B, N, D), contiguous; parameters as [`PatchEmbeddingLayout`] says.
#[derive(Clone, Debug)]
pub struct PatchEmbedding {
    level: Level,
    layout: PatchEmbeddingLayout,
    proj: Linear,
}

impl PatchEmbedding {
    /// The embedding of N = `positions` patches of P = `pixels` numbers into vectors of D = `width`.
    pub fn new(positions: usize, pixels: usize, width: usize) -> Self {
        let layout = PatchEmbeddingLayout::new(positions, pixels, width);
        let proj = Linear::at(layout.proj_weight.start, layout.proj_bias.start, [width, pixels]);
        Self { level: Level::best(), layout, proj }
    }

    /// The same on another instruction set.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Where the parameters lie in their slice.
    pub fn layout(&self) -> &PatchEmbeddingLayout {
        &self.layout
    }

    /// How many numbers one image's embedding has.
    fn image_len(&self) -> usize {
        self.layout.pos.len()
    }

    /// The forward pass over B images.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn forward(
        &self,
        batch: usize,
        params: &[f32],
        patches: &[f32],
        y: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let y = &mut y[..batch * self.image_len()];
        self.level.run(Forward { embedding: self, params, patches, y, scratch });
    }

    /// The backward pass over B images: adds to `d_params`, and overwrites `d_patches` where it is asked for.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn backward(
        &self,
        batch: usize,
        params: &[f32],
        patches: &[f32],
        dy: &[f32],
        d_patches: Option<&mut [f32]>,
        d_params: &mut [f32],
    ) {
        let dy = &dy[..batch * self.image_len()];
        self.level.run(Backward { embedding: self, params, patches, dy, d_patches, d_params });
    }
}

struct Forward<'a> {
    embedding: &'a PatchEmbedding,
    params: &'a [f32],
    patches: &'a [f32],
    y: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { embedding, params, patches, y, scratch } = self;
        let [weight] = scratch.parts([embedding.proj.scratch_len()]);
        embedding.proj.forward(simd, params, patches, None, y, weight);
        for image in y.chunks_exact_mut(embedding.image_len()) {
            add(simd, &params[embedding.layout.pos.clone()], image);
        }
    }
}

struct Backward<'a> {
    embedding: &'a PatchEmbedding,
    params: &'a [f32],
    patches: &'a [f32],
    dy: &'a [f32],
    d_patches: Option<&'a mut [f32]>,
    d_params: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { embedding, params, patches, dy, d_patches, d_params } = self;
        embedding.proj.parameter_gradients(simd, patches, dy, d_params);
        for image in dy.chunks_exact(embedding.image_len()) {
            add(simd, image, &mut d_params[embedding.layout.pos.clone()]);
        }
        if let Some(d_patches) = d_patches {
            embedding.proj.input_gradient(simd, params, dy, Start::Zero, d_patches);
        }
    }
}
