//! A grid that was read, beside what it shows.

/// What was read of one grid, and what is right.
#[derive(Clone, Debug, PartialEq)]
pub struct Graded {
    /// The digits that the grid shows, row by row.
    pub labels: Vec<u8>,
    /// What was read in each cell; `None` where no digit was.
    pub read: Vec<Option<u8>>,
    /// The probability that the model gives to the whole sequence.
    pub confidence: f64,
    /// The probability of each cell's token, given those before it; 0 where the sequence had ended.
    pub cells: Vec<f64>,
}

impl Graded {
    /// Whether every digit is right.
    pub fn is_right(&self) -> bool {
        self.labels.iter().zip(&self.read).all(|(&label, &read)| read == Some(label))
    }
}
