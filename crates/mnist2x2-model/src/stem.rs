//! Convolutions before the first patch (T. Xiao and others, *Early Convolutions Help Transformers See Better*, 2021,
//! section 4).

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;
use mnist2x2_kernels as kernels;

use crate::parameters::packed;
use crate::{Config, config};

/// A stack of convolutions, from pixels to maps that are smaller and deeper; the published model's is empty.
#[derive(Clone, Debug)]
pub(crate) struct Stem {
    layers: Vec<Convolution>,
    packed: Option<Tensor>,
}

impl Stem {
    /// The stem with the tensors of the root builder `vb`: `stem.0`, `stem.1` and so on.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub(crate) fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let layers = config.convolutions().enumerate();
        let layers = layers
            .map(|(index, (inputs, layer))| Convolution::new(inputs, layer, &vb.pp(format!("stem.{index}"))));
        Ok(Self { layers: layers.collect::<Result<_>>()?, packed: packed(vb, "stem")? })
    }
}

impl Module for Stem {
    /// # Shapes
    /// `images` (B, height, width) -> (B, rows, columns C): the channels of a pixel side by side in its row
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let maps = if let Some(packed) = &self.packed {
            let sizes: Vec<_> = self.layers.iter().map(|layer| (layer.channels, layer.stride)).collect();
            kernels::stem(images, packed, &sizes)?
        } else {
            let pixels = images.unsqueeze(3)?; // (B, height, width, 1)
            self.layers.iter().try_fold(pixels, |maps, layer| layer.forward(&maps))?
        }; // (B, rows, columns, C)
        maps.flatten_from(2)
    }
}

/// One convolution and its GELU, over maps with the channels of a pixel side by side.
#[derive(Clone, Debug)]
struct Convolution {
    /// (channels, 9 times those read): a window's numbers row by row.
    weight: Tensor,
    bias: Tensor,
    channels: usize,
    stride: usize,
}

impl Convolution {
    fn new(inputs: usize, config: config::Convolution, vb: &VarBuilder) -> Result<Self> {
        let config::Convolution { channels, stride } = config;
        let weight = vb.get((channels, 9 * inputs), "weight")?;
        Ok(Self { weight, bias: vb.get(channels, "bias")?, channels, stride })
    }
}

impl Module for Convolution {
    /// # Shapes
    /// `maps` (B, height, width, C) -> (B, height / stride, width / stride, channels)
    fn forward(&self, maps: &Tensor) -> Result<Tensor> {
        let inputs = maps.dims4()?.3;
        let kernel = self.weight.reshape((self.channels, 3, 3, inputs))?;
        let kernel = kernel.permute((0, 3, 1, 2))?.contiguous()?; // (channels, C, 3, 3)
        let maps = maps.permute((0, 3, 1, 2))?.contiguous()?; // (B, C, height, width)
        let sums = maps.conv2d(&kernel, 1, self.stride, 1, 1)?; // (B, channels, rows, columns)
        sums.permute((0, 2, 3, 1))?.contiguous()?.broadcast_add(&self.bias)?.gelu_erf()
    }
}
