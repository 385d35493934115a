//! Writing a sequence for each picture of a batch, always taking the likeliest token.

use candle_core::{DType, Tensor};
use mnist2x2_model::{Cache, Seq2Seq};
use mnist2x2_tokenizer::{FINISH, START, decode};

use crate::calibration::argmax;
use crate::{Error, Temperature};

/// A sequence that the model wrote, as probable as one temperature makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// The tokens, without `<start>`; the last may be `<finish>`.
    pub tokens: Vec<u32>,
    /// The logarithm of each token's probability, given the picture and the tokens before it, in nats.
    pub log_probabilities: Vec<f64>,
}

impl Sequence {
    /// The logarithm of [`Sequence::probability`], in nats.
    pub fn log_probability(&self) -> f64 {
        self.log_probabilities.iter().sum()
    }

    /// The probability of the whole sequence, given the picture: the product of its tokens', `<finish>` included where it
    /// was written. After the most digits that a picture has it is not asked for.
    pub fn probability(&self) -> f64 {
        self.log_probability().exp()
    }

    /// What it says, of at least `cells` cells; `None` where a token is no digit, or the sequence has ended.
    pub fn digits(&self, cells: usize) -> Vec<Option<u8>> {
        let mut digits = decode(&self.tokens);
        digits.resize(cells.max(digits.len()), None);
        digits
    }
}

/// A sequence written greedily, with all that the model said on the way.
///
/// No temperature changes which token is the likeliest, so one transcript tells the probabilities at all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// The tokens, without `<start>`; the last may be `<finish>`.
    pub tokens: Vec<u32>,
    /// For each token the logits of all V that it was chosen from.
    pub logits: Vec<Vec<f32>>,
}

impl Transcript {
    /// The sequence at `temperature`.
    pub fn at(&self, temperature: Temperature) -> Sequence {
        let log_probabilities = self.log_probabilities(temperature).collect();
        Sequence { tokens: self.tokens.clone(), log_probabilities }
    }

    /// The logarithm of the probability of the whole sequence at `temperature`, in nats.
    pub fn log_probability(&self, temperature: Temperature) -> f64 {
        self.log_probabilities(temperature).sum()
    }

    fn log_probabilities(&self, temperature: Temperature) -> impl Iterator<Item = f64> {
        let steps = self.tokens.iter().zip(&self.logits);
        steps.map(move |(&token, logits)| temperature.log_softmax(logits)(token as usize))
    }
}

/// Greedy decoding at temperature 1: [`transcribe`] without the logits.
///
/// # Shapes
/// `images` (B, height, width)
///
/// # Errors
/// As [`transcribe`].
pub fn greedy(model: &Seq2Seq, images: &Tensor) -> Result<Vec<Sequence>, Error> {
    Ok(transcribe(model, images)?.iter().map(|transcript| transcript.at(Temperature::ONE)).collect())
}

/// Greedy decoding: from `<start>` the likeliest of all tokens, one for each digit at most, up to `<finish>`.
///
/// Each picture is encoded once; keys and values of earlier tokens are kept. Transcripts are in the order of `images`.
///
/// # Shapes
/// `images` (B, height, width)
///
/// # Errors
/// [`Error::Seq2Seq`] if the images are not of the model's size or the device fails, [`Error::NotFinite`] if the model's
/// numbers overflow.
pub fn transcribe(model: &Seq2Seq, images: &Tensor) -> Result<Vec<Transcript>, Error> {
    transcribe_memory(model, &model.encode(images)?)
}

/// [`transcribe`] over pictures that are encoded already.
///
/// # Shapes
/// `memory` (B, N, D)
///
/// # Errors
/// As [`transcribe`].
pub fn transcribe_memory(model: &Seq2Seq, memory: &Tensor) -> Result<Vec<Transcript>, Error> {
    let batch = memory.dim(0)?;
    let mut cache = Cache::new(model, memory)?;
    let mut transcripts = vec![Transcript { tokens: Vec::new(), logits: Vec::new() }; batch];
    let mut newest = vec![START; batch];
    for _ in 0..model.config().max_digits() {
        let logits = next_logits(&mut cache, &newest)?;
        for ((transcript, newest), logits) in transcripts.iter_mut().zip(&mut newest).zip(logits) {
            if *newest != FINISH {
                *newest = argmax(&logits) as u32;
                transcript.tokens.push(*newest);
                transcript.logits.push(logits);
            }
        }
        if newest.iter().all(|&token| token == FINISH) {
            break;
        }
    }
    Ok(transcripts)
}

/// The logits of each sequence's next token: B rows of V.
pub(crate) fn next_logits(cache: &mut Cache, newest: &[u32]) -> Result<Vec<Vec<f32>>, Error> {
    let device = cache.device().clone();
    let logits = cache.step(&Tensor::from_slice(newest, newest.len(), &device)?)?;
    let rows = logits.to_dtype(DType::F32)?.to_vec2::<f32>()?; // (B, V)
    if rows.iter().flatten().all(|logit| logit.is_finite()) { Ok(rows) } else { Err(Error::NotFinite) }
}
