//! What is counted while training and when evaluating.

use serde::{Deserialize, Serialize};

use crate::Graded;

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Epochs finished, from 1.
    pub epoch: u64,
    /// Steps of the optimiser so far.
    pub steps: u64,
    /// Mean training loss over the epoch's grids, in nats per token.
    pub loss: f64,
    /// Wall time of the epoch, in seconds.
    pub seconds: f64,
    /// Grids trained on in a second.
    pub grids_per_second: f64,
    /// What the model as it would be saved reads of the validation grids, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

/// How well a model reads the validation grids.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Mean loss under teacher forcing, in nats per token, against certain targets whatever the recipe's smoothing.
    pub loss: f64,
    /// The share of grids of which every digit is right.
    pub sequence_accuracy: f64,
    /// The share of digits that are right.
    pub digit_accuracy: f64,
}

/// How well a model reads a set of grids by greedy decoding.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// `confusion[true][read]` counts digits; the last column counts cells where no digit was read.
    pub confusion: Vec<[u64; 11]>,
    /// Wall time, in seconds.
    pub seconds: f64,
}

impl Evaluation {
    /// What is right of `graded`, which all have as many cells and were read in `seconds`. What is no digit stays out of
    /// the confusion.
    pub fn of(graded: &[Graded], seconds: f64) -> Self {
        let mut per_position_correct = vec![0; graded.first().map_or(0, |grid| grid.labels.len())];
        let mut confusion = vec![[0; 11]; 10];
        for (position, (label, read)) in graded.iter().flat_map(|grid| grid.outcomes().enumerate()) {
            if let Some(correct) = per_position_correct.get_mut(position) {
                *correct += u64::from(read == Some(label));
            }
            let row = confusion.get_mut(usize::from(label));
            if let Some(count) = row.and_then(|row| row.get_mut(read.map_or(10, usize::from))) {
                *count += 1;
            }
        }
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let sequences = graded.len() as u64;
        let sequences_correct = graded.iter().filter(|grid| grid.is_right()).count() as u64;
        let digits = graded.iter().map(|grid| grid.labels.len() as u64).sum();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(labels: &[u8], read: &[Option<u8>]) -> Graded {
        Graded { labels: labels.into(), read: read.into(), confidence: 0.5, cells: vec![0.5; labels.len()] }
    }

    #[test]
    fn an_early_end_is_wrong() {
        let evaluation = Evaluation::of(
            &[
                graded(&[1, 2, 3], &[Some(1), Some(2), Some(3)]),
                graded(&[1, 2, 3], &[Some(1), Some(7), None]),
                graded(&[9, 9, 9], &[None, Some(9), Some(9)]),
            ],
            0.0,
        );
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
        let early = Evaluation::of(&[graded(&[1, 2, 3], &[Some(1)])], 0.0);
        assert_eq!((early.sequences_correct, early.digits, early.digits_correct), (0, 3, 1));
        assert_eq!(early.confusion[2][10], 1);
        let odd = Evaluation::of(&[graded(&[10, 3], &[Some(1), Some(11)])], 0.0);
        assert_eq!(odd.confusion, [[0; 11]; 10]);
    }
}
