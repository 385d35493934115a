//! A drawing as the strokes of a pen, cell by cell.

use serde::{Deserialize, Serialize};

use crate::Error;

/// The most strokes of one cell.
pub const MAX_STROKES: usize = 128;
/// The most points of one drawing.
pub const MAX_POINTS: usize = 20_000;
/// The largest side of a cell.
const MAX_SIDE: f32 = 10_000.0;

/// One stroke of the pen: its points `[x, y]`, in order.
pub type Stroke = Vec<[f32; 2]>;

/// The strokes in each cell of a grid.
///
/// As JSON: `{"cells": [[stroke, ...], ...], "width": w, "height": h}`, a stroke being `[[x, y], ...]`. A cell has its
/// origin at its upper left corner, x to the right and y down; a stroke may leave its cell by one cell's size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawing {
    /// The strokes of each cell, row by row; none in a cell that was left empty.
    pub cells: Vec<Vec<Stroke>>,
    /// The width of one cell, in the unit of the points.
    pub width: f32,
    /// The height of one cell, in the unit of the points.
    pub height: f32,
}

impl Drawing {
    /// Checks that the drawing has `cells` cells, that its numbers make sense, and that there are not too many.
    ///
    /// # Errors
    /// [`Error::Drawing`] with what is wrong.
    pub fn check(&self, cells: usize) -> Result<(), Error> {
        let found = self.cells.len();
        rule(found == cells, || format!("cells: there are {found}, and {cells} are needed"))?;
        for (name, side) in [("width", self.width), ("height", self.height)] {
            let holds = side > 0.0 && side <= MAX_SIDE;
            rule(holds, || format!("{name}: must be above 0 and at most {MAX_SIDE}"))?;
        }
        let most = self.cells.iter().map(Vec::len).max().unwrap_or_default();
        rule(most <= MAX_STROKES, || format!("cells: one has {most} strokes, and {MAX_STROKES} are read"))?;
        let points = || self.cells.iter().flatten().flatten();
        let count = points().count();
        rule(count <= MAX_POINTS, || format!("cells: there are {count} points, and {MAX_POINTS} are read"))?;
        let stray = points().find(|&&point| !self.is_near(point));
        rule(stray.is_none(), || format!("cells: the point {stray:?} is more than a cell away from its own"))
    }

    /// Whether a point lies in its cell or no farther from it than its size; false if it is no number.
    fn is_near(&self, [x, y]: [f32; 2]) -> bool {
        (-self.width..=2.0 * self.width).contains(&x) && (-self.height..=2.0 * self.height).contains(&y)
    }
}

fn rule(holds: bool, problem: impl FnOnce() -> String) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Drawing(problem())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing() -> Drawing {
        let text = r#"{"cells": [[[[1, 2.5], [-30, 9]]], [], [[], [[5, 5]]]], "width": 30, "height": 40}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn strokes_keep_their_cells_and_axes() {
        let drawing = drawing();
        drawing.check(3).unwrap();
        assert_eq!((drawing.width, drawing.height), (30.0, 40.0));
        assert_eq!(
            drawing.cells,
            [vec![vec![[1.0, 2.5], [-30.0, 9.0]]], vec![], vec![vec![], vec![[5.0, 5.0]]]]
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let with = |points: Vec<[f32; 2]>| Drawing { cells: vec![vec![points], vec![], vec![]], ..drawing() };
        let strokes = |count| Drawing { cells: vec![vec![vec![]; count], vec![], vec![]], ..drawing() };
        for (bad, named) in [
            (Drawing { cells: vec![vec![]; 4], ..drawing() }, "there are 4"),
            (Drawing { width: 0.0, ..drawing() }, "width"),
            (Drawing { height: f32::NAN, ..drawing() }, "height"),
            (Drawing { height: f32::INFINITY, ..drawing() }, "height"),
            (with(vec![[61.0, 2.0]]), "61"),
            (with(vec![[2.0, -41.0]]), "-41"),
            (with(vec![[2.0, f32::NAN]]), "NaN"),
            (with(vec![[1.0, 1.0]; MAX_POINTS + 1]), "20001 points"),
            (strokes(MAX_STROKES + 1), "129 strokes"),
        ] {
            let error = bad.check(3).unwrap_err().to_string();
            assert!(error.contains(named), "{named}: {error}");
        }
        with(vec![[60.0, 80.0]; MAX_POINTS]).check(3).unwrap();
        strokes(MAX_STROKES).check(3).unwrap();
    }
}
