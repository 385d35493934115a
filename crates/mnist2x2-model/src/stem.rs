//! Convolutions before the first patch (T. Xiao and others, *Early Convolutions Help Transformers See Better*, 2021,
//! section 4).

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;
use mnist2x2_kernels as kernels;

use crate::parameters::packed;
use crate::{Config, config};

/// One convolution and its GELU, over maps with the channels of a pixel side by side.
#[derive(Clone, Debug)]
struct Convolution {
    weight: Tensor,
    bias: Tensor,
    stride: usize,
    packed: Option<Tensor>,
}

impl Convolution {
    fn new(channels: usize, config: config::Convolution, name: &str, vb: &VarBuilder) -> Result<Self> {
        let tensors = vb.pp(name);
        Ok(Self {
            weight: tensors.get((config.channels, 9 * channels), "weight")?,
            bias: tensors.get(config.channels, "bias")?,
            stride: config.stride,
            packed: packed(vb, name)?,
        })
    }
}

impl Module for Convolution {
    /// # Shapes
    /// `maps` (B, height, width, C) -> (B, height / stride, width / stride, channels)
    fn forward(&self, maps: &Tensor) -> Result<Tensor> {
        if let Some(packed) = &self.packed {
            return kernels::convolution(maps, packed, self.stride);
        }
        let (channels, inputs) = (self.bias.dims1()?, maps.dims4()?.3);
        let kernel = self.weight.reshape((channels, 3, 3, inputs))?.permute((0, 3, 1, 2))?.contiguous()?;
        let maps = maps.permute((0, 3, 1, 2))?.contiguous()?; // (B, C, height, width)
        let sums = maps.conv2d(&kernel, 1, self.stride, 1, 1)?;
        sums.permute((0, 2, 3, 1))?.contiguous()?.broadcast_add(&self.bias)?.gelu_erf()
    }
}

/// A stack of convolutions, from pixels to maps that are smaller and deeper; the published model's is empty.
#[derive(Clone, Debug)]
pub(crate) struct Stem {
    convolutions: Vec<Convolution>,
}

impl Stem {
    /// The stem with the tensors of the root builder `vb`: `stem.0`, `stem.1` and so on.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub(crate) fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let layers = config.convolutions().enumerate();
        let layers = layers
            .map(|(index, (inputs, layer))| Convolution::new(inputs, layer, &format!("stem.{index}"), vb));
        Ok(Self { convolutions: layers.collect::<Result<_>>()? })
    }
}

impl Module for Stem {
    /// # Shapes
    /// `images` (B, height, width) -> (B, rows, columns C): the channels of a pixel side by side in its row
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let maps = images.unsqueeze(3)?; // (B, height, width, 1)
        let maps = self.convolutions.iter().try_fold(maps, |maps, layer| layer.forward(&maps))?;
        maps.flatten_from(2)
    }
}
