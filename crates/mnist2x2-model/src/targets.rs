//! What the loss is taken against.

use candle_core::{DType, Result, Tensor};

/// Targets as distributions: a token becomes the certainty of it.
///
/// # Shapes
/// `targets` (B, T) of u32 or (B, T, V) -> (B, T, V)
pub(crate) fn distributions(targets: &Tensor, vocabulary: usize) -> Result<Tensor> {
    if targets.rank() == 3 {
        return Ok(targets.clone());
    }
    let (batch, length) = targets.dims2()?;
    let certain = Tensor::eye(vocabulary, DType::F32, targets.device())?; // (V, V)
    certain.embedding(&targets.flatten_all()?)?.reshape((batch, length, vocabulary))
}
