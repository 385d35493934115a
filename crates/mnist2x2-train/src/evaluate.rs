//! How well a model reads a set of grids.

use std::time::Instant;

use candle_core::Tensor;
use mnist2x2_data::{Batch, Loader};
use mnist2x2_infer::{Temperature, transcribe_memory};
use mnist2x2_model::Seq2Seq;
use serde::{Deserialize, Serialize};

use crate::loss::{Targets, memory_loss};
use crate::predict::{map_parts, predictions};
use crate::{Error, Prediction, Workers, predict_dataset};

/// How well a model reads a set of grids by greedy decoding.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// Grids read.
    pub sequences: u64,
    /// Grids of which every digit is right.
    pub sequences_correct: u64,
    /// The share of them.
    pub sequence_accuracy: f64,
    /// Digits in all grids.
    pub digits: u64,
    /// Digits that are right; those that an early end leaves out are wrong.
    pub digits_correct: u64,
    /// The share of them.
    pub digit_accuracy: f64,
    /// The share of right digits at each position of the sequence.
    pub per_position: Vec<f64>,
    /// Right digits at each position of the sequence.
    pub per_position_correct: Vec<u64>,
    /// `confusion[true][read]` counts digits; the last column counts cells where no digit was read. What is no digit is left
    /// out.
    pub confusion: Vec<[u64; 11]>,
    /// Wall time, in seconds.
    pub seconds: f64,
}

impl Evaluation {
    /// What is right of `predictions`, which are of grids of one shape and were made in `seconds`.
    pub fn of(predictions: &[Prediction], seconds: f64) -> Self {
        let cells = predictions.first().map_or(0, |prediction| prediction.labels.len());
        let (mut per_position_correct, mut confusion) = (vec![0; cells], vec![[0; 11]; 10]);
        for (position, (label, read)) in predictions.iter().flat_map(|grid| grid.outcomes().enumerate()) {
            if let Some(correct) = per_position_correct.get_mut(position) {
                *correct += u64::from(read == Some(label));
            }
            let row = confusion.get_mut(usize::from(label));
            if let Some(count) = row.and_then(|row| row.get_mut(read.map_or(10, usize::from))) {
                *count += 1;
            }
        }
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let sequences = predictions.len() as u64;
        let sequences_correct =
            predictions.iter().filter(|prediction| prediction.is_correct()).count() as u64;
        let digits = predictions.iter().map(|prediction| prediction.labels.len() as u64).sum();
        let digits_correct = per_position_correct.iter().sum();
        Self {
            sequences,
            sequences_correct,
            sequence_accuracy: share(sequences_correct, sequences),
            digits,
            digits_correct,
            digit_accuracy: share(digits_correct, digits),
            per_position: per_position_correct.iter().map(|&correct| share(correct, sequences)).collect(),
            per_position_correct,
            confusion,
            seconds,
        }
    }
}

/// How well a model reads the validation grids.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Validation {
    /// Mean loss under teacher forcing, in nats per token, against certain targets whatever the recipe's smoothing.
    pub loss: f64,
    /// The share of grids of which every digit is right.
    pub sequence_accuracy: f64,
    /// The share of digits that are right.
    pub digit_accuracy: f64,
}

/// Reads all grids of `loader` once and counts what is right; see [`predict_dataset`].
///
/// # Errors
/// As [`predict_dataset`].
pub fn evaluate(
    model: &Seq2Seq,
    loader: &Loader,
    workers: &Workers,
    done: impl FnMut(usize),
) -> Result<Evaluation, Error> {
    let start = Instant::now();
    let predictions = predict_dataset(model, loader, Temperature::ONE, workers, done)?;
    Ok(Evaluation::of(&predictions, start.elapsed().as_secs_f64()))
}

/// How well `model` reads the grids of `loader`, and their loss under teacher forcing.
///
/// # Errors
/// As [`evaluate`].
pub(crate) fn validate(
    model: &Seq2Seq,
    loader: &Loader,
    workers: &Workers,
    done: impl FnMut(usize),
) -> Result<Validation, Error> {
    let judge = |model: &Seq2Seq, batch: &Batch, images: &Tensor| {
        let memory = model.encode(images)?;
        let loss = memory_loss(model, batch, images, &memory, &Targets::certain())?.to_scalar::<f32>()?;
        let written = transcribe_memory(model, &memory)?;
        Ok((batch.len as f64 * f64::from(loss), predictions(batch, &written, Temperature::ONE)))
    };
    let (losses, predictions): (Vec<f64>, Vec<_>) =
        map_parts(model, loader, usize::MAX, workers, judge, done)?.into_iter().unzip();
    let evaluation = Evaluation::of(&predictions.concat(), 0.0);
    let Evaluation { sequences, sequence_accuracy, digit_accuracy, .. } = evaluation;
    let loss = losses.iter().sum::<f64>() / sequences as f64;
    Ok(Validation { loss, sequence_accuracy, digit_accuracy })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(labels: &[u8], predicted: &[Option<u8>]) -> Prediction {
        let cell_confidences = vec![0.5; labels.len()];
        Prediction { labels: labels.into(), predicted: predicted.into(), confidence: 0.5, cell_confidences }
    }

    #[test]
    fn an_early_end_is_wrong() {
        let predictions = [
            prediction(&[1, 2, 3], &[Some(1), Some(2), Some(3)]),
            prediction(&[1, 2, 3], &[Some(1), Some(7), None]),
            prediction(&[9, 9, 9], &[None, Some(9), Some(9)]),
        ];
        let evaluation = Evaluation::of(&predictions, 0.0);
        assert_eq!((evaluation.sequences, evaluation.sequences_correct), (3, 1));
        assert_eq!((evaluation.digits, evaluation.digits_correct), (9, 6));
        assert_eq!(evaluation.per_position, [2.0 / 3.0; 3]);
        assert_eq!(evaluation.per_position_correct, [2; 3]);
        assert_eq!(
            (evaluation.confusion[2][7], evaluation.confusion[3][10], evaluation.confusion[9][10]),
            (1, 1, 1)
        );
        assert_eq!(evaluation.confusion.as_flattened().iter().sum::<u64>(), 9);
    }

    #[test]
    fn a_reading_that_is_too_short_is_wrong_and_what_is_no_digit_is_not_confused() {
        let early = Evaluation::of(&[prediction(&[1, 2, 3], &[Some(1)])], 0.0);
        assert_eq!((early.sequences_correct, early.digits, early.digits_correct), (0, 3, 1));
        assert_eq!(early.confusion[2][10], 1);
        let odd = Evaluation::of(&[prediction(&[10, 3], &[Some(1), Some(11)])], 0.0);
        assert_eq!(odd.confusion, [[0; 11]; 10]);
    }
}
