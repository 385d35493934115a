//! From an image to a sequence of vectors (Dosovitskiy et al., 2021, section 3.1).

use candle_core::{Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder, linear};
use mnist2x2_kernels as kernels;

use crate::Config;
use crate::parameters::packed;
use crate::stem::Stem;

/// Cuts an image, or what the stem's convolutions make of it, into patches, maps each to a vector, and adds what tells the
/// patches apart: their learned positions.
#[derive(Clone, Debug)]
pub struct PatchEmbedding {
    stem: Stem,
    proj: Linear,
    positions: Tensor,
    /// Rows of a patch, and numbers in a row, after the stem.
    patch: (usize, usize),
    packed: Option<Tensor>,
}

impl PatchEmbedding {
    /// The embedding with the tensors of the root builder `vb`: the stem's, `feature_extractor.proj` and
    /// `encoder.pos_embedding`.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let reduction = config.reduction();
        Ok(Self {
            stem: Stem::new(config, vb)?,
            proj: linear(config.patch_numbers(), config.width, vb.pp("feature_extractor.proj"))?,
            positions: vb.get((1, config.patches(), config.width), "encoder.pos_embedding")?,
            patch: (config.patch_height / reduction, config.patch_width / reduction * config.channels()),
            packed: packed(vb, "patch_embedding")?,
        })
    }

    /// The patches of each map, row by row, each with its numbers row by row.
    ///
    /// # Shapes
    /// `maps` (B, rows, columns C) -> (B, N, P)
    fn cut(&self, maps: &Tensor) -> Result<Tensor> {
        let (b, height, width) = maps.dims3()?;
        let (ph, pw) = self.patch;
        let (rows, cols) = (height / ph, width / pw);
        maps.reshape((b, rows, ph, cols, pw))?
            .transpose(2, 3)? // (B, rows, cols, patch height, patch width)
            .reshape((b, rows * cols, ph * pw)) // (B, N, P)
    }
}

impl Module for PatchEmbedding {
    /// # Shapes
    /// `images` (B, height, width) -> (B, N, D)
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let patches = self.cut(&self.stem.forward(images)?)?;
        match &self.packed {
            Some(packed) => kernels::patch_embedding(&patches, packed),
            None => self.proj.forward(&patches)?.broadcast_add(&self.positions),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, IndexOp};

    use super::*;
    use crate::Parameters;

    #[test]
    fn patches_go_row_by_row_with_pixels_row_by_row() -> std::result::Result<(), crate::Error> {
        let config = Config::tiny(); // 28 x 84 pixels in 2 x 7 patches of 14 x 12
        let vb = Parameters::init(&config, 0, &Device::Cpu)?.builder();
        let embedding = PatchEmbedding::new(&config, &vb)?;
        let image = Tensor::arange(0_u32, 28 * 84, &Device::Cpu)?.reshape((1, 28, 84))?;
        let patches = embedding.cut(&image)?;
        assert_eq!(patches.dims(), [1, 14, 168]);
        let first_pixel_of_row_1 = patches.i((0, 9, 12))?.to_scalar::<u32>()?;
        assert_eq!(first_pixel_of_row_1, (14 + 1) * 84 + 2 * 12, "patch 9 is at row 1, column 2");
        Ok(())
    }
}
