//! Layer normalisation (Ba, Kiros and Hinton, *Layer Normalization*, 2016).

use candle_core::{D, Module, Result, Tensor};
use candle_nn::VarBuilder;

/// Added to the variance, as in PyTorch, so that a constant vector can be normalised.
const EPSILON: f64 = 1e-5;

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias` over the last axis.
///
/// Written in operations that have gradients: candle's own layer cuts the graph.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    /// The norm with the tensors `weight` and `bias` of `vb`, each of shape (D).
    ///
    /// # Errors
    /// If `vb` lacks a tensor or it has another shape.
    pub fn new(width: usize, vb: &VarBuilder) -> Result<Self> {
        Ok(Self { weight: vb.get(width, "weight")?, bias: vb.get(width, "bias")? })
    }
}

impl Module for LayerNorm {
    /// # Shapes
    /// `x` (.., D) -> (.., D)
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let normalised = centred.broadcast_div(&(variance + EPSILON)?.sqrt()?)?;
        normalised.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)
    }
}
