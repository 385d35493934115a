//! Writing a sequence for each picture of a batch, always taking the likeliest token.

use candle_core::{D, DType, Tensor};
use candle_nn::ops::softmax;
use mnist2x2_model::{Cache, Seq2Seq};
use mnist2x2_tokenizer::{FINISH, START, decode};

use crate::Error;

/// A sequence that the model wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// The tokens, without `<start>`; the last may be `<finish>`.
    pub tokens: Vec<u32>,
    /// The probability of each token, given the picture and the tokens before it.
    pub probabilities: Vec<f32>,
}

impl Sequence {
    /// The probability of the whole sequence, given the picture.
    pub fn probability(&self) -> f32 {
        self.probabilities.iter().product()
    }

    /// What it says of each of `cells` cells; `None` where a token is no digit, or the sequence has ended.
    pub fn digits(&self, cells: usize) -> Vec<Option<u8>> {
        let mut digits = decode(&self.tokens);
        digits.resize(cells, None);
        digits
    }
}

/// Greedy decoding: from `<start>` the likeliest of all tokens, one per cell at most, up to `<finish>`.
///
/// Each picture is encoded once; keys and values of earlier tokens are kept. Sequences are in the order of `images`.
///
/// # Shapes
/// `images` (B, height, width)
///
/// # Errors
/// [`Error::Seq2Seq`] if the images are not of the model's size or the device fails.
pub fn greedy(model: &Seq2Seq, images: &Tensor) -> Result<Vec<Sequence>, Error> {
    greedy_over(model, &model.encode(images)?)
}

/// [`greedy`] over pictures that are encoded already: (B, N, D).
pub(crate) fn greedy_over(model: &Seq2Seq, memory: &Tensor) -> Result<Vec<Sequence>, Error> {
    let batch = memory.dim(0)?;
    let mut cache = Cache::new(model, memory)?;
    let mut sequences = vec![Sequence { tokens: Vec::new(), probabilities: Vec::new() }; batch];
    let mut newest = vec![START; batch];
    for _ in 0..model.config().cells() {
        let probabilities = next_probabilities(&mut cache, &newest)?;
        for ((sequence, newest), row) in sequences.iter_mut().zip(&mut newest).zip(&probabilities) {
            if *newest != FINISH {
                *newest = likeliest(row);
                sequence.tokens.push(*newest);
                sequence.probabilities.push(row[*newest as usize]);
            }
        }
        if newest.iter().all(|&token| token == FINISH) {
            break;
        }
    }
    Ok(sequences)
}

/// The distribution of each sequence's next token: B rows of V probabilities.
pub(crate) fn next_probabilities(cache: &mut Cache, newest: &[u32]) -> Result<Vec<Vec<f32>>, Error> {
    let device = cache.device().clone();
    let logits = cache.step(&Tensor::from_slice(newest, newest.len(), &device)?)?;
    let rows = softmax(&logits, D::Minus1)?.to_dtype(DType::F32)?.to_vec2::<f32>()?; // (B, V)
    if rows.iter().flatten().all(|probability| probability.is_finite()) {
        Ok(rows)
    } else {
        Err(Error::NotFinite)
    }
}

/// The index of the largest value, the first of several: no answer depends on chance.
fn likeliest(probabilities: &[f32]) -> u32 {
    let better =
        |best: usize, next: usize| if probabilities[next] > probabilities[best] { next } else { best };
    (0..probabilities.len()).reduce(better).map_or(FINISH, |token| token as u32)
}
