//! What the loss is taken against.

use candle_core::{Result, Tensor};

/// Targets as distributions: a token becomes the certainty of it.
///
/// # Shapes
/// `targets` (B, T) of u32 or (B, T, V) -> (B, T, V)
pub(crate) fn distributions(targets: &Tensor, vocabulary: usize) -> Result<Tensor> {
    if targets.rank() == 3 {
        return Ok(targets.clone());
    }
    let (batch, length) = targets.dims2()?;
    // `Tensor::eye` would bring two more operations of candle into the page without a server.
    let certain = (0..vocabulary * vocabulary).map(|at| f32::from(u8::from(at % (vocabulary + 1) == 0)));
    let certain = Tensor::from_vec(certain.collect(), (vocabulary, vocabulary), targets.device())?;
    certain.embedding(&targets.flatten_all()?)?.reshape((batch, length, vocabulary))
}
