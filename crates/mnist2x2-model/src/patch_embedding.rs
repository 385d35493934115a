//! From an image to a sequence of vectors: patches, their linear map and their positions (A. Dosovitskiy and others, *An Image
//! Is Worth 16x16 Words*, 2021, section 3.1), behind a stem of convolutions where the model has one.

use candle_core::{Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder, linear};

use crate::config::{self, Config};

/// A vector for each patch of the image, plus one for each position. Both are learned.
#[derive(Clone, Debug)]
pub(crate) struct PatchEmbedding {
    stem: Vec<Convolution>,
    proj: Linear,
    positions: Tensor,
    /// Rows of a patch, and numbers in a row, after the stem.
    patch: (usize, usize),
}

impl PatchEmbedding {
    pub(crate) fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let stem = config.convolutions().enumerate();
        let stem =
            stem.map(|(i, (inputs, sizes))| Convolution::new(inputs, sizes, &vb.pp(format!("stem.{i}"))));
        Ok(Self {
            stem: stem.collect::<Result<_>>()?,
            proj: linear(config.patch_numbers(), config.width, vb.pp("feature_extractor.proj"))?,
            positions: vb.get((1, config.patches(), config.width), "encoder.pos_embedding")?,
            patch: config.patch_shape(),
        })
    }
}

impl Module for PatchEmbedding {
    /// `images` (B, height, width) -> (B, N, D)
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let maps = self.stem.iter().try_fold(images.unsqueeze(3)?, |maps, layer| layer.forward(&maps))?;
        let patches = cut_patches(&maps.flatten_from(2)?, self.patch)?; // (B, N, P)
        self.proj.forward(&patches)?.broadcast_add(&self.positions)
    }
}

/// The patches of each map, row by row, each with its numbers row by row: (B, rows, numbers in a row) -> (B, N, P).
pub(crate) fn cut_patches(maps: &Tensor, (patch_rows, patch_columns): (usize, usize)) -> Result<Tensor> {
    let (b, height, width) = maps.dims3()?;
    let (rows, columns) = (height / patch_rows, width / patch_columns);
    maps.reshape((b, rows, patch_rows, columns, patch_columns))?
        .transpose(2, 3)? // (B, rows, columns, patch rows, patch columns)
        .reshape((b, rows * columns, patch_rows * patch_columns)) // (B, N, P)
}

/// A convolution of 3 x 3 pixels and its GELU, before the first patch (T. Xiao and others, *Early Convolutions Help
/// Transformers See Better*, 2021, section 4). The published model has none.
#[derive(Clone, Debug)]
struct Convolution {
    /// (channels, 9 times those read): a window's numbers row by row.
    weight: Tensor,
    bias: Tensor,
    sizes: config::Convolution,
}

impl Convolution {
    fn new(inputs: usize, sizes: config::Convolution, vb: &VarBuilder) -> Result<Self> {
        let weight = vb.get((sizes.channels, 9 * inputs), "weight")?;
        Ok(Self { weight, bias: vb.get(sizes.channels, "bias")?, sizes })
    }
}

impl Module for Convolution {
    /// `maps` (B, height, width, C) -> (B, height / stride, width / stride, channels)
    fn forward(&self, maps: &Tensor) -> Result<Tensor> {
        let inputs = maps.dims4()?.3;
        let kernel = self.weight.reshape((self.sizes.channels, 3, 3, inputs))?;
        let kernel = kernel.permute((0, 3, 1, 2))?.contiguous()?; // (channels, C, 3, 3)
        let maps = maps.permute((0, 3, 1, 2))?.contiguous()?; // (B, C, height, width)
        let sums = maps.conv2d(&kernel, 1, self.sizes.stride, 1, 1)?; // (B, channels, rows, columns)
        sums.permute((0, 2, 3, 1))?.contiguous()?.broadcast_add(&self.bias)?.gelu_erf()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, IndexOp};

    use super::*;

    #[test]
    fn patches_go_row_by_row_with_pixels_row_by_row() -> Result<()> {
        let image = Tensor::arange(0_u32, 28 * 84, &Device::Cpu)?.reshape((1, 28, 84))?;
        let patches = cut_patches(&image, Config::tiny().patch_shape())?; // 2 x 7 patches of 14 x 12
        assert_eq!(patches.dims(), [1, 14, 168]);
        let first_pixel_of_row_1 = patches.i((0, 9, 12))?.to_scalar::<u32>()?;
        assert_eq!(first_pixel_of_row_1, (14 + 1) * 84 + 2 * 12, "patch 9 is at row 1, column 2");
        Ok(())
    }
}
