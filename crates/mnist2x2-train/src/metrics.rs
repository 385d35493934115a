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
    /// `confusion[true][read]` counts digits; the last column counts cells where no digit was read.
    pub confusion: Vec<[u64; 11]>,
    /// Wall time, in seconds.
    pub seconds: f64,
}

impl Evaluation {
    /// What is right of `graded`, which all have as many cells and were read in `seconds`.
    pub fn of(graded: &[Graded], seconds: f64) -> Self {
        let mut counts = Counts::new(graded.first().map_or(0, |grid| grid.labels.len()));
        for grid in graded {
            counts.add(&grid.labels, &grid.read);
        }
        counts.finish(seconds)
    }
}

/// Counts from which an [`Evaluation`] is made.
#[derive(Clone, Debug)]
struct Counts {
    sequences: u64,
    sequences_correct: u64,
    position_correct: Vec<u64>,
    confusion: Vec<[u64; 11]>,
}

impl Counts {
    fn new(cells: usize) -> Self {
        Self {
            sequences: 0,
            sequences_correct: 0,
            position_correct: vec![0; cells],
            confusion: vec![[0; 11]; 10],
        }
    }

    /// Counts one grid: its labels and what was read in each cell.
    fn add(&mut self, labels: &[u8], read: &[Option<u8>]) {
        let right = |(label, read): (&u8, &Option<u8>)| *read == Some(*label);
        self.sequences += 1;
        self.sequences_correct += u64::from(labels.iter().zip(read).all(right));
        for ((label, read), correct) in labels.iter().zip(read).zip(&mut self.position_correct) {
            *correct += u64::from(right((label, read)));
            self.confusion[usize::from(*label)][read.map_or(10, usize::from)] += 1;
        }
    }

    fn finish(self, seconds: f64) -> Evaluation {
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let digits = self.sequences * self.position_correct.len() as u64;
        let digits_correct = self.position_correct.iter().sum();
        Evaluation {
            sequences: self.sequences,
            sequences_correct: self.sequences_correct,
            sequence_accuracy: share(self.sequences_correct, self.sequences),
            digits,
            digits_correct,
            digit_accuracy: share(digits_correct, digits),
            per_position: self.position_correct.iter().map(|&right| share(right, self.sequences)).collect(),
            confusion: self.confusion,
            seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_early_end_is_wrong() {
        let mut counts = Counts::new(3);
        counts.add(&[1, 2, 3], &[Some(1), Some(2), Some(3)]);
        counts.add(&[1, 2, 3], &[Some(1), Some(7), None]);
        counts.add(&[9, 9, 9], &[None, Some(9), Some(9)]);
        let evaluation = counts.finish(0.0);
        assert_eq!((evaluation.sequences, evaluation.sequences_correct), (3, 1));
        assert_eq!((evaluation.digits, evaluation.digits_correct), (9, 6));
        assert_eq!(evaluation.per_position, [2.0 / 3.0; 3]);
        assert_eq!(
            (evaluation.confusion[2][7], evaluation.confusion[3][10], evaluation.confusion[9][10]),
            (1, 1, 1)
        );
        assert_eq!(evaluation.confusion.as_flattened().iter().sum::<u64>(), 9);
    }
}
