//! What a pen did: the strokes of a drawing.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A point of the plane, x to the right and y downwards.
pub type Point = [f32; 2];

/// Pen strokes, each a chain of points from where the pen was set down to where it was lifted.
///
/// x goes to the right and y downwards; the unit is whatever the writer used. All coordinates are finite. As JSON it is
/// an array of strokes, each an array of points `[x, y]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<Point>>")]
pub struct Strokes(Vec<Vec<Point>>);

impl Strokes {
    /// These strokes.
    ///
    /// # Errors
    /// [`Error::NotAPoint`] if a coordinate is not finite.
    pub fn new(strokes: Vec<Vec<Point>>) -> Result<Self, Error> {
        let lost = |stroke: &Vec<Point>| stroke.iter().position(|point| !point.iter().all(|x| x.is_finite()));
        match strokes.iter().enumerate().find_map(|(i, stroke)| Some((i, lost(stroke)?))) {
            Some((stroke, point)) => Err(Error::NotAPoint { stroke, point }),
            None => Ok(Self(strokes)),
        }
    }

    /// The strokes in the order in which they were drawn.
    pub fn iter(&self) -> impl Iterator<Item = &[Point]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// Whether no stroke has a point.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    /// The same strokes with every point moved by `place`.
    #[must_use]
    pub fn map(&self, mut place: impl FnMut(Point) -> Point) -> Self {
        Self(self.0.iter().map(|stroke| stroke.iter().map(|&point| place(point)).collect()).collect())
    }

    /// The rectangle around all points: its upper left and its lower right corner; `None` if there are no points.
    pub fn corners(&self) -> Option<[Point; 2]> {
        self.0.iter().flatten().map(|&point| [point, point]).reduce(|[low, high], [point, _]| {
            [std::array::from_fn(|k| low[k].min(point[k])), std::array::from_fn(|k| high[k].max(point[k]))]
        })
    }
}

impl TryFrom<Vec<Vec<Point>>> for Strokes {
    type Error = Error;

    fn try_from(strokes: Vec<Vec<Point>>) -> Result<Self, Error> {
        Self::new(strokes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_lie_nowhere_are_refused() {
        let strokes = vec![vec![[0.0, 1.0]], vec![[2.0, 3.0], [f32::NAN, 4.0]]];
        assert!(matches!(Strokes::new(strokes), Err(Error::NotAPoint { stroke: 1, point: 1 })));
    }
}
