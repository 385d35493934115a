//! Where the decoder looked while it wrote.

use candle_core::Tensor;
use mnist2x2_model::Seq2Seq;
use mnist2x2_tokenizer::START;

use crate::Error;
use crate::decoding::transcribe_memory;

/// For each token that the model writes greedily for one picture, how the last decoder block spreads its cross-attention
/// over the patches, as the mean of its heads: T rows of N weights that add up to 1.
///
/// # Shapes
/// `image` (height x width), normalized, row by row
///
/// # Errors
/// [`Error::Seq2Seq`] if the image is not of the model's size or the device fails.
pub fn cross_attention(model: &Seq2Seq, image: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
    let config = model.config();
    let size = (1, config.image_height(), config.image_width());
    let image = Tensor::from_slice(image, size, model.parameters().device())?; // (1, height, width)
    let memory = model.encode(&image)?; // (1, N, D)
    let written = transcribe_memory(model, &memory)?.swap_remove(0).tokens;
    let count = written.len();
    let input: Vec<u32> = [START].into_iter().chain(written).take(count).collect();
    let tokens = Tensor::from_slice(&input, (1, input.len()), memory.device())?; // (1, T)
    let (_, attention) = model.decode_with_attention(&tokens, &memory)?;
    let last = attention.last().ok_or(Error::NotFinite)?; // (1, H, T, N)
    Ok(last.mean(1)?.squeeze(0)?.to_vec2()?) // (T, N)
}
