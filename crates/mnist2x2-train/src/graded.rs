//! A grid that was read, beside what it shows.

use mnist2x2_infer::Sequence;

/// What was read of one grid, and what is right.
#[derive(Clone, Debug, PartialEq)]
pub struct Graded {
    /// The digits that the grid shows, row by row.
    pub labels: Vec<u8>,
    /// What was read in each cell; `None` where no digit was.
    pub read: Vec<Option<u8>>,
    /// The probability of the whole sequence, at the temperature that it was read at.
    pub confidence: f64,
    /// The probability of each cell's token, given those before it; 0 where the sequence had ended.
    pub cells: Vec<f64>,
}

impl Graded {
    /// What `sequence` says of a grid that shows `labels`.
    pub fn new(labels: &[u8], sequence: &Sequence) -> Self {
        let mut cells: Vec<f64> = sequence.log_probabilities.iter().map(|p| p.exp()).collect();
        cells.resize(labels.len(), 0.0);
        Self {
            labels: labels.to_vec(),
            read: sequence.digits(labels.len()),
            confidence: sequence.probability(),
            cells,
        }
    }

    /// What each cell shows, and what was read there; cells that the reading does not reach have no digit.
    pub fn outcomes(&self) -> impl Iterator<Item = (u8, Option<u8>)> {
        let read = self.read.iter().copied().chain(std::iter::repeat(None));
        self.labels.iter().copied().zip(read)
    }

    /// Whether every digit is right.
    pub fn is_right(&self) -> bool {
        self.labels.iter().map(|&label| Some(label)).eq(self.read.iter().copied())
    }
}
