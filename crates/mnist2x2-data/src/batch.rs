//! What a loader gives.

use crate::grid::GridShape;
use crate::layout::Layout;

/// Pictures ready for the network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Batch {
    /// Normalized pixels, B x height x width.
    pub images: Vec<f32>,
    /// Labels of the digits that are shown, each picture's in reading order, one picture after the other; see
    /// [`sequences`](Self::sequences).
    pub labels: Vec<u8>,
    /// How many digits each picture shows.
    pub lengths: Vec<usize>,
    /// How the digits of a picture lie.
    pub layout: Layout,
    /// B, the number of pictures.
    pub len: usize,
}

impl Batch {
    /// The size of a picture, in cells of 28 pixels.
    pub fn shape(&self) -> GridShape {
        self.layout.shape()
    }

    /// The labels of each picture.
    pub fn sequences(&self) -> impl Iterator<Item = &[u8]> {
        self.lengths.iter().scan(0, |start, length| {
            *start += length;
            Some(&self.labels[*start - length..*start])
        })
    }
}
