//! How well a model reads a set of grids.

use std::collections::BTreeMap;

use candle_core::Tensor;
use mnist2x2_data::{Batch, Loader};
use mnist2x2_infer::{Temperature, transcribe_memory};
use mnist2x2_model::Seq2Seq;
use serde::{Deserialize, Serialize};

use crate::batch::token_count;
use crate::loss::{Targets, memory_loss};
use crate::predict::{are_ragged, grids_read, map_parts, predictions, steps_until};
use crate::stopwatch::Stopwatch;
use crate::{Edits, Error, Prediction, Workers, predict_dataset};

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
    /// Digits that are right; those that an early end leaves out are wrong. Where sequences differ in length, each is compared
    /// with what was read for it when as few digits as possible are missing, too many or others; else with what was read in its
    /// cell.
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
    /// How many digits stand at each position, which are fewer at the later ones where sequences differ in length.
    pub per_position_digits: Vec<u64>,
    /// What is right of the sequences of each length, the shortest first.
    pub per_length: Vec<LengthAccuracy>,
    /// Digits too many, missing, or read as others; nothing of this depends on their positions.
    #[serde(flatten)]
    pub edits: Edits,
    /// Wall time, in seconds.
    pub seconds: f64,
}

/// What is right of the sequences of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LengthAccuracy {
    /// Digits in each.
    pub length: u64,
    /// How many they are.
    pub sequences: u64,
    /// How many of them are right.
    pub correct: u64,
}

/// What is right of `predictions` of each length that occurs.
fn by_length(predictions: &[Prediction]) -> Vec<LengthAccuracy> {
    let mut lengths = BTreeMap::new();
    for prediction in predictions {
        let (sequences, correct) = lengths.entry(prediction.labels.len() as u64).or_insert((0, 0));
        *sequences += 1;
        *correct += u64::from(prediction.is_correct());
    }
    let one = |(length, (sequences, correct))| LengthAccuracy { length, sequences, correct };
    lengths.into_iter().map(one).collect()
}

impl Evaluation {
    /// What is right of `predictions`, which were made in `seconds`.
    pub fn of(predictions: &[Prediction], seconds: f64) -> Self {
        let longest = predictions.iter().map(|prediction| prediction.labels.len()).max().unwrap_or(0);
        let (mut per_position_correct, mut per_position_digits) = (vec![0; longest], vec![0; longest]);
        let mut confusion = vec![[0; 11]; 10];
        let is_ragged = are_ragged(predictions);
        let outcomes = |grid: &Prediction| if is_ragged { grid.aligned() } else { grid.outcomes().collect() };
        for (position, (label, read)) in
            predictions.iter().flat_map(|grid| outcomes(grid).into_iter().enumerate())
        {
            per_position_correct[position] += u64::from(read == Some(label));
            per_position_digits[position] += 1;
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
            per_position: per_position_correct
                .iter()
                .zip(&per_position_digits)
                .map(|(&correct, &of)| share(correct, of))
                .collect(),
            per_position_correct,
            per_position_digits,
            per_length: by_length(predictions),
            edits: predictions.iter().map(Prediction::edits).fold(Edits::default(), Edits::plus),
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
    let start = Stopwatch::start();
    let predictions = predict_dataset(model, loader, Temperature::ONE, workers, done)?;
    Ok(Evaluation::of(&predictions, start.seconds()))
}

/// How well `model` reads the grids of `loader`, all or as many whole batches as hold `enough`, and their loss under teacher
/// forcing. The processes of a group share the batches out, and all learn the result.
///
/// # Errors
/// As [`evaluate`].
pub(crate) fn validate(
    model: &Seq2Seq,
    loader: &Loader,
    enough: usize,
    workers: &Workers,
    done: impl FnMut(usize),
) -> Result<Validation, Error> {
    let (epoch, group) = (loader.in_order(), workers.group());
    let own = (0..steps_until(&epoch, enough)).filter(|step| step % group.size() == group.rank());
    let mut judged = vec![[0.0; 6]; grids_read(loader, enough)];
    let mut read = map_parts(model, loader, own.clone(), workers, judge, done)?.into_iter().flatten();
    for step in own {
        let start = step * epoch.batch_len(0);
        judged[start..][..epoch.batch_len(step)].fill_with(|| read.next().unwrap_or_default());
    }
    group.sum(judged.as_flattened_mut());
    let sum = |what: usize| judged.iter().map(|grid| grid[what]).sum::<f64>();
    let are_ragged = judged.windows(2).any(|pair| pair[0][2].total_cmp(&pair[1][2]).is_ne());
    Ok(Validation {
        loss: sum(0) / sum(1),
        sequence_accuracy: sum(3) / (judged.len() as f64).max(1.0),
        digit_accuracy: sum(if are_ragged { 5 } else { 4 }) / sum(2).max(1.0),
    })
}

/// Of each grid of a part: the part's loss times its weight, and that weight, both with its first grid; how many digits it shows;
/// whether it is read right; how many digits are right in their place, and how many where sequences are aligned.
fn judge(model: &Seq2Seq, batch: &Batch, images: &Tensor) -> Result<Vec<[f64; 6]>, Error> {
    let memory = model.encode(images)?;
    let loss = memory_loss(model, batch, images, &memory, &Targets::certain())?.to_scalar::<f32>()?;
    let written = transcribe_memory(model, &memory)?;
    // Of a full grid the weight is 1.
    let weight = token_count(batch) as f64 / (batch.layout.max_digits() + 1) as f64;
    let right = |outcomes: Vec<(u8, Option<u8>)>| {
        outcomes.into_iter().filter(|&(label, read)| read == Some(label)).count() as f64
    };
    let grids = predictions(batch, &written, Temperature::ONE).into_iter().enumerate();
    let judge = |(index, grid): (usize, Prediction)| {
        let (weight, is_correct) =
            (if index == 0 { weight } else { 0.0 }, f64::from(u8::from(grid.is_correct())));
        let rights = [right(grid.outcomes().collect()), right(grid.aligned())];
        [weight * f64::from(loss), weight, grid.labels.len() as f64, is_correct, rights[0], rights[1]]
    };
    Ok(grids.map(judge).collect())
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
    fn sequences_of_other_lengths_are_counted_by_length_and_by_what_is_wrong() {
        let predictions = [
            prediction(&[1, 2, 3], &[Some(1), Some(3), None]),
            prediction(&[5], &[Some(5), Some(5)]),
            prediction(&[], &[]),
            prediction(&[7, 8], &[Some(7), Some(0)]),
            prediction(&[4], &[Some(4)]),
        ];
        let evaluation = Evaluation::of(&predictions, 0.0);
        assert_eq!((evaluation.sequences, evaluation.sequences_correct), (5, 2));
        assert_eq!((evaluation.digits, evaluation.digits_correct), (7, 5), "the 3 was read, if too early");
        assert_eq!(evaluation.edits, Edits { insertions: 1, deletions: 1, substitutions: 1 });
        assert_eq!(
            (evaluation.per_position_correct, evaluation.per_position_digits),
            (vec![4, 0, 1], vec![4, 2, 1])
        );
        assert_eq!(evaluation.per_position, [1.0, 0.0, 1.0]);
        let lengths: Vec<_> =
            evaluation.per_length.iter().map(|of| [of.length, of.sequences, of.correct]).collect();
        assert_eq!(lengths, [[0, 1, 1], [1, 2, 1], [2, 1, 0], [3, 1, 0]]);
        assert_eq!(
            (evaluation.confusion[2][10], evaluation.confusion[8][0], evaluation.confusion[3][3]),
            (1, 1, 1)
        );
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
