//! The embedding of an image's patches (A. Dosovitskiy et al., *An Image is Worth 16x16 Words*, 2021, equation 1).

use candle_core::Result;
use pulp::Simd;

use crate::gemm::Start;
use crate::linear::{Linear, transposed};
use crate::packed::PatchEmbeddingLayout;
use crate::scratch::Scratch;
use crate::simd::add;
use crate::sizes::{check_sizes, numbers_in};
use crate::sub_layer::{Backward, Forward, Lens, SubLayer};

/// `y = proj(patches) + pos`: a linear map of every patch and a learned vector for every position.
///
/// # Shapes
/// patches (B, N, P), y (B, N, D), contiguous; parameters as [`PatchEmbeddingLayout`] says. Sizes are `[B]`.
#[derive(Clone, Debug)]
pub struct PatchEmbedding {
    positions: usize,
    layout: PatchEmbeddingLayout,
    proj: Linear,
}

impl PatchEmbedding {
    /// The embedding of N = `positions` patches of P = `pixels` numbers into vectors of D = `width`.
    ///
    /// # Errors
    /// If a size is zero, or they make more numbers than memory holds.
    pub fn new(positions: usize, pixels: usize, width: usize) -> Result<Self> {
        let layout = PatchEmbeddingLayout::new(positions, pixels, width);
        check_sizes("patch embedding", &[positions, pixels, width], layout.size())?;
        let proj = Linear::at(layout.proj_weight.start, layout.proj_bias.start, [width, pixels]);
        Ok(Self { positions, layout, proj })
    }
}

impl SubLayer<1> for PatchEmbedding {
    type Sizes = [usize; 1];

    const DATA: [bool; 1] = [true];

    fn lens(&self, [batch]: [usize; 1]) -> Lens<1> {
        let [x, y] =
            [self.proj.inputs, self.proj.outputs].map(|width| numbers_in([batch, self.positions, width]));
        Lens { params: self.layout.size(), inputs: [x], y, saved: 0 }
    }

    fn transposed(&self, params: &[f32]) -> Vec<f32> {
        transposed([&self.proj], &params[..self.layout.size()])
    }

    #[inline(always)]
    fn forward_on<S: Simd>(&self, simd: S, _: [usize; 1], pass: Forward<1>, _: &mut Scratch) {
        let Forward { transposed, inputs: [patches], y, .. } = pass;
        self.proj.forward(simd, transposed, patches, None, y);
        for image in y.chunks_exact_mut(self.layout.pos.len()) {
            add(simd, &transposed[self.layout.pos.clone()], image);
        }
    }

    #[inline(always)]
    fn backward_on<S: Simd>(&self, simd: S, _: [usize; 1], pass: Backward<1>, _: &mut Scratch) {
        let Backward { params, inputs: [patches], dy, dx: [d_patches], d_params, .. } = pass;
        self.proj.parameter_gradients(simd, (patches, dy), Start::Zero, d_params);
        let d_pos = &mut d_params[self.layout.pos.clone()];
        d_pos.fill(0.0);
        dy.chunks_exact(d_pos.len()).for_each(|image| add(simd, image, d_pos));
        if !d_patches.is_empty() {
            self.proj.input_gradient(simd, params, dy, Start::Zero, d_patches);
        }
    }
}
