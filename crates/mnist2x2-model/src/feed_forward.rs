//! The position-wise feed-forward sub-layer (Vaswani et al., 2017, section 3.3).

use candle_core::{Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder, linear};
use mnist2x2_kernels as kernels;

use crate::norm::LayerNorm;
use crate::parameters::packed;

/// `x + contract(gelu(expand(norm(x))))`, each position by itself.
///
/// GELU is the exact one, by the error function (Hendrycks and Gimpel, *Gaussian Error Linear Units*, 2016).
#[derive(Clone, Debug)]
pub struct FeedForward {
    norm: LayerNorm,
    expand: Linear,
    contract: Linear,
    packed: Option<Tensor>,
}

impl FeedForward {
    /// The sub-layer with the tensors of a block's builder `vb`: `mlp.0`, `mlp.2` and the named norm.
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub fn new(norm: &str, width: usize, hidden: usize, vb: &VarBuilder) -> Result<Self> {
        Ok(Self {
            norm: LayerNorm::new(width, &vb.pp(norm))?,
            expand: linear(width, hidden, vb.pp("mlp.0"))?,
            contract: linear(hidden, width, vb.pp("mlp.2"))?,
            packed: packed(vb, "feed_forward")?,
        })
    }
}

impl Module for FeedForward {
    /// # Shapes
    /// `x` (B, T, D) -> (B, T, D)
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if let Some(packed) = &self.packed {
            return kernels::mlp(x, packed);
        }
        let hidden = self.expand.forward(&self.norm.forward(x)?)?.gelu_erf()?; // (B, T, hidden width)
        x + self.contract.forward(&hidden)?
    }
}
