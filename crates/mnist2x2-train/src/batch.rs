//! Batches in parts, and as tensors.

use std::ops::Range;

use candle_core::{Device, Tensor};
use mnist2x2_data::Batch;
use mnist2x2_tokenizer::padded_teacher_forcing;

use crate::Error;

/// Cuts `0..n` into at most `parts` ranges whose lengths differ by at most one, none empty.
pub(crate) fn split(n: usize, parts: usize) -> Vec<Range<usize>> {
    let parts = parts.min(n);
    (0..parts).map(|part| part * n / parts..(part + 1) * n / parts).collect()
}

/// The images of a part of a batch: (B, height, width).
pub(crate) fn image_tensor(batch: &Batch, part: Range<usize>, device: &Device) -> Result<Tensor, Error> {
    let (height, width) = (batch.shape().height(), batch.shape().width());
    let (pixels, grids) = (height * width, part.len());
    let images = &batch.images[part.start * pixels..part.end * pixels];
    Ok(Tensor::from_slice(images, (grids, height, width), device)?)
}

/// How many tokens the loss of a batch is the mean of: its digits, and the end of each sequence.
pub(crate) fn token_count(batch: &Batch) -> usize {
    batch.labels.len() + batch.len
}

/// Decoder input and right tokens of a batch, as long as its longest sequence: (B, T) each.
pub(crate) fn token_tensors(batch: &Batch, device: &Device) -> Result<(Tensor, Tensor), Error> {
    let length = batch.lengths.iter().max().map_or(0, |digits| digits + 1);
    let (mut tokens, mut labels) = (Vec::new(), Vec::new());
    for digits in batch.sequences() {
        let (input, target) = padded_teacher_forcing(digits, length)?;
        tokens.extend(input);
        labels.extend(target);
    }
    let tensor = |ids| Tensor::from_vec(ids, (batch.len, length), device);
    Ok((tensor(tokens)?, tensor(labels)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_covers_all_once_in_parts_of_nearly_one_size() {
        for (n, parts) in [(64, 8), (32, 8), (7, 3), (3, 8), (1, 1)] {
            let ranges = split(n, parts);
            assert_eq!(ranges.len(), parts.min(n));
            assert!(ranges.iter().cloned().flatten().eq(0..n));
            let lengths = ranges.iter().map(ExactSizeIterator::len);
            assert!(lengths.clone().max().unwrap() - lengths.min().unwrap() <= 1);
        }
    }
}
