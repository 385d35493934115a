//! What was read from a picture.

use mnist2x2_tokenizer::digit;
use serde::Serialize;

use crate::decoding::Sequence;

/// The digits of one picture, and how sure the model is of them.
///
/// Serialises to the object that `predict --json` prints and the HTTP API answers with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reading {
    /// The digits cell by cell, row by row; `_` for a cell in which none was read.
    pub digits: String,
    /// The probability that the model, at its temperature, gives to the whole sequence.
    pub confidence: f32,
    /// Each cell.
    pub cells: Vec<CellReading>,
    /// The next likeliest sequences, likeliest first.
    pub alternatives: Vec<Alternative>,
}

/// One cell of a picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellReading {
    /// The digit, or nothing if none was read here.
    pub digit: Option<u8>,
    /// The probability of the token written here, given those before it; 0 if the sequence had ended.
    pub confidence: f32,
}

/// Another sequence that the picture might show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alternative {
    /// The digits, as in [`Reading::digits`].
    pub digits: String,
    /// The probability that the model gives to this sequence.
    pub confidence: f32,
}

impl Reading {
    /// What `answer` says of `cells` cells, with the sequences beside it.
    pub(crate) fn new(answer: &Sequence, others: &[Sequence], cells: usize) -> Self {
        let cell = |position| CellReading {
            digit: answer.tokens.get(position).and_then(|&token| digit(token)),
            confidence: answer.log_probabilities.get(position).map_or(0.0, |p: &f64| p.exp() as f32),
        };
        let alternative = |other: &Sequence| Alternative {
            digits: text(other, cells),
            confidence: other.probability() as f32,
        };
        Self {
            digits: text(answer, cells),
            confidence: answer.probability() as f32,
            cells: (0..cells).map(cell).collect(),
            alternatives: others.iter().map(alternative).collect(),
        }
    }
}

fn text(sequence: &Sequence, cells: usize) -> String {
    let digits = sequence.digits(cells).into_iter();
    digits.map(|digit| digit.map_or('_', |digit| char::from(b'0' + digit))).collect()
}

#[cfg(test)]
mod tests {
    use mnist2x2_tokenizer::FINISH;

    use super::*;

    #[test]
    fn a_sequence_that_ends_early_leaves_cells_empty() {
        let answer =
            Sequence { tokens: vec![4, FINISH], log_probabilities: vec![0.5_f64.ln(), 0.25_f64.ln()] };
        let other = Sequence { tokens: vec![4, 1, 7], log_probabilities: vec![0.5_f64.ln(); 3] };
        let reading = Reading::new(&answer, &[other], 3);
        assert_eq!(reading.digits, "4__");
        assert_eq!(reading.cells.iter().map(|cell| cell.digit).collect::<Vec<_>>(), [Some(4), None, None]);
        assert!((reading.confidence - 0.125).abs() < 1e-9);
        assert_eq!(reading.alternatives[0].digits, "417");
    }
}
