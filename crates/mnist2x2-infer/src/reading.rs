//! What was read from a picture.

use mnist2x2_tokenizer::digit;
use serde::Serialize;

use crate::decoding::Sequence;

/// The digits of one picture, and how sure the model is of them.
///
/// Serializes to the object that `predict --json` prints and the HTTP API answers with.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Reading {
    /// The digits in reading order. Of a grid of the model's shape it is one for each cell, `_` for one that is empty or
    /// in which none was read; of any other arrangement empty cells are left out.
    pub digits: String,
    /// The probability that the model, at its temperature, gives to the whole sequence, empty cells left out.
    pub confidence: f32,
    /// Each line of digits from above to below, `_` for an empty cell of a grid.
    pub lines: Vec<String>,
    /// How the digits lie: `2x5` for a grid, `1x1` for one digit, `line` for one line, `lines` for several, `none` without
    /// digits.
    pub layout: String,
    /// Whether it is to be trusted: digits were read, and its confidence is at least [`Reading::SURE`].
    pub sure: bool,
    /// Each cell.
    pub cells: Vec<CellReading>,
    /// The next likeliest sequences, likeliest first.
    pub alternatives: Vec<Alternative>,
}

/// One cell of a picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CellReading {
    /// The digit, or nothing if the cell is empty or none was read here.
    pub digit: Option<u8>,
    /// The probability of the token written here, given those before it; 0 if the sequence had ended, 1 if the cell is
    /// empty.
    pub confidence: f32,
    /// Where it was found in the upright picture: left, top, width and height, in the picture's pixels.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    pub bounds: Option<[u32; 4]>,
}

/// Another sequence that the picture might show.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Alternative {
    /// The digits, as in [`Reading::digits`].
    pub digits: String,
    /// The probability that the model gives to this sequence.
    pub confidence: f32,
}

impl CellReading {
    /// A cell with this digit, or without one.
    pub fn new(digit: Option<u8>, confidence: f32) -> Self {
        Self { digit, confidence, bounds: None }
    }
}

impl Alternative {
    /// Another sequence, written as in [`Reading::digits`].
    pub fn new(digits: impl Into<String>, confidence: f32) -> Self {
        Self { digits: digits.into(), confidence }
    }
}

impl Reading {
    /// From this confidence on a reading is sure.
    pub const SURE: f32 = 0.9;

    /// A reading of one line of these cells; its [`Reading::digits`] are theirs.
    pub fn new(cells: Vec<CellReading>, confidence: f32, alternatives: Vec<Alternative>) -> Self {
        let digits = text(cells.iter().map(|cell| cell.digit));
        let lines = vec![digits.clone()];
        Self {
            digits,
            confidence,
            lines,
            layout: "line".into(),
            sure: confidence >= Self::SURE,
            cells,
            alternatives,
        }
    }

    /// Whether a digit was read anywhere; of a picture without one the layout is `none`.
    pub fn has_digits(&self) -> bool {
        self.cells.iter().any(|cell| cell.digit.is_some())
    }

    /// What `answer` says, one cell for each digit that it names, with the sequences beside it.
    pub(crate) fn of_sequence(answer: &Sequence, others: &[Sequence]) -> Self {
        let digits = answer.digits(0).into_iter().zip(&answer.log_probabilities);
        let cells = digits.map(|(digit, p)| CellReading::new(digit, p.exp() as f32)).collect();
        let alternative = |other: &Sequence| {
            Alternative::new(text(other.digits(0).into_iter()), other.probability() as f32)
        };
        Self::new(cells, answer.probability() as f32, others.iter().map(alternative).collect())
    }

    /// The same of a model that writes nothing for empty cells: its digits are those of the other cells, in their order.
    pub(crate) fn of_sparse(answer: &Sequence, others: &[Sequence], empty: &[bool]) -> Self {
        let Self { cells, confidence, alternatives, .. } = Self::of_sequence(answer, others);
        let mut digits = cells.into_iter();
        let cell = |&is_empty: &bool| {
            let read = if is_empty { Some(CellReading::new(None, 1.0)) } else { digits.next() };
            read.unwrap_or(CellReading::new(None, 0.0))
        };
        Self::new(empty.iter().map(cell).collect(), confidence, alternatives)
    }

    /// What `answer` says of the cells, with the sequences beside it; in cells that are `empty` no digit is read.
    pub(crate) fn of(answer: &Sequence, others: &[Sequence], empty: &[bool]) -> Self {
        let cell = |position: usize| match answer.log_probabilities.get(position) {
            _ if empty[position] => CellReading::new(None, 1.0),
            None => CellReading::new(None, 0.0),
            Some(p) => CellReading::new(digit(answer.tokens[position]), p.exp() as f32),
        };
        let alternative = |other: &Sequence| {
            let digits = other.digits(empty.len()).into_iter().zip(empty);
            let digits = text(digits.map(|(digit, empty)| digit.filter(|_| !empty)));
            Alternative::new(digits, probability(other, empty))
        };
        let alternatives = others.iter().map(alternative).collect();
        Self::new((0..empty.len()).map(cell).collect(), probability(answer, empty), alternatives)
    }
}

/// Digits one after the other; `_` for none.
pub(crate) fn text(digits: impl Iterator<Item = Option<u8>>) -> String {
    digits.map(|digit| digit.map_or('_', |digit| char::from(b'0' + digit))).collect()
}

/// The probability of what a sequence says of the cells that are not empty.
fn probability(sequence: &Sequence, empty: &[bool]) -> f32 {
    let said = sequence.log_probabilities.iter().zip(empty);
    said.filter(|(_, empty)| !**empty).map(|(log_probability, _)| log_probability).sum::<f64>().exp() as f32
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
        let reading = Reading::of(&answer, &[other], &[false; 3]);
        assert_eq!(reading.digits, "4__");
        assert_eq!(reading.cells.iter().map(|cell| cell.digit).collect::<Vec<_>>(), [Some(4), None, None]);
        assert!((reading.confidence - 0.125).abs() < 1e-9);
        assert_eq!(reading.alternatives[0].digits, "417");
    }
}
