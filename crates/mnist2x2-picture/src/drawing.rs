//! A drawing as the pen made it.

use mnist2x2_data::{GridShape, Point, Strokes};

use crate::Error;
use crate::specks::without_specks;

/// Strokes that span less of a cell's side are a speck: a tap of the pen, and no digit.
const SPECK: f32 = 0.04;

/// Strokes on a canvas of cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    strokes: Strokes,
    width: f32,
    height: f32,
}

impl Drawing {
    /// Strokes on a canvas of this width and height, which the cells share equally, in the strokes' units.
    ///
    /// # Errors
    /// [`Error::Canvas`] if the canvas has no area.
    pub fn new(strokes: Strokes, width: f32, height: f32) -> Result<Self, Error> {
        let is_side = |side: f32| side.is_finite() && side > 0.0;
        if is_side(width) && is_side(height) {
            Ok(Self { strokes, width, height })
        } else {
            Err(Error::Canvas { width, height })
        }
    }

    /// A drawing made of the strokes in each cell of `shape`, row by row, whose origin is the upper left corner of their
    /// cell, in cells of this width and height.
    ///
    /// # Errors
    /// [`Error::Cells`] if there are not as many cells, [`Error::Canvas`] if they have no area, [`Error::Data`] if a
    /// coordinate is not finite.
    pub fn from_cells<S: AsRef<[Point]>>(
        cells: impl IntoIterator<Item = impl IntoIterator<Item = S>>,
        width: f32,
        height: f32,
        shape: GridShape,
    ) -> Result<Self, Error> {
        let canvas = Self::new(Strokes::default(), width * shape.cols as f32, height * shape.rows as f32)?;
        let (mut placed, mut found) = (Vec::new(), 0);
        for (cell, strokes) in cells.into_iter().enumerate() {
            let corner = [(cell % shape.cols) as f32 * width, (cell / shape.cols) as f32 * height];
            let place = |[x, y]: &Point| [x + corner[0], y + corner[1]];
            placed.extend(strokes.into_iter().map(|stroke| stroke.as_ref().iter().map(place).collect()));
            found = cell + 1;
        }
        if found != shape.cells() {
            return Err(Error::Cells { found, needed: shape.cells() });
        }
        Ok(Self { strokes: Strokes::new(placed)?, ..canvas })
    }

    /// The strokes of each cell of `shape`; nothing for a cell without.
    ///
    /// A stroke that crosses a border goes to the cell that holds most of its length.
    pub fn cells(&self, shape: GridShape) -> Vec<Option<Strokes>> {
        let mut cells = vec![Vec::new(); shape.cells()];
        for stroke in self.strokes.iter().filter(|stroke| !stroke.is_empty()) {
            cells[self.cell_of(stroke, shape)].push(stroke.to_vec());
        }
        let side = (self.width / shape.cols as f32).min(self.height / shape.rows as f32);
        let kept = |strokes: Vec<Vec<Point>>| {
            without_specks(strokes, |stroke| span(stroke) < SPECK * side, |stroke| length(stroke))
        };
        let digit = |strokes| Strokes::new(kept(strokes)).ok().filter(|strokes| !strokes.is_empty());
        cells.into_iter().map(digit).collect()
    }

    /// The cell that holds most of a stroke.
    fn cell_of(&self, stroke: &[Point], shape: GridShape) -> usize {
        let mut lengths = vec![0.0_f32; shape.cells()];
        for line in stroke.windows(2) {
            let middle = std::array::from_fn(|k| f32::midpoint(line[0][k], line[1][k]));
            let [dx, dy] = [0, 1].map(|k| line[1][k] - line[0][k]);
            lengths[self.cell_at(middle, shape)] += dx.hypot(dy);
        }
        let longest = (0..shape.cells()).max_by(|&a, &b| lengths[a].total_cmp(&lengths[b]));
        longest.filter(|&cell| lengths[cell] > 0.0).unwrap_or_else(|| self.cell_at(stroke[0], shape))
    }

    /// The cell at a point, or the nearest one.
    fn cell_at(&self, [x, y]: Point, shape: GridShape) -> usize {
        let place = |at: f32, side: f32, cells: usize| ((at / side * cells as f32) as usize).min(cells - 1);
        place(y, self.height, shape.rows) * shape.cols + place(x, self.width, shape.cols)
    }
}

/// How far the pen went.
fn length(stroke: &[Point]) -> f32 {
    stroke.windows(2).map(|line| (line[1][0] - line[0][0]).hypot(line[1][1] - line[0][1])).sum()
}

/// The longer side of the rectangle around a stroke.
fn span(stroke: &[Point]) -> f32 {
    let side = |k: usize| {
        let places = || stroke.iter().map(|point| point[k]);
        places().fold(f32::MIN, f32::max) - places().fold(f32::MAX, f32::min)
    };
    side(0).max(side(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: GridShape = GridShape { rows: 2, cols: 3 };

    /// The cells of a canvas of 300 x 160 that get strokes, and how many.
    fn cells(strokes: &[&[Point]]) -> Vec<usize> {
        let strokes = Strokes::new(strokes.iter().map(|stroke| stroke.to_vec()).collect()).unwrap();
        let cells = Drawing::new(strokes, 300.0, 160.0).unwrap().cells(SHAPE);
        cells.iter().map(|cell| cell.as_ref().map_or(0, |strokes| strokes.iter().count())).collect()
    }

    #[test]
    fn a_stroke_goes_to_the_cell_that_holds_most_of_it() {
        let crossing: &[Point] = &[[180.0, 100.0], [260.0, 100.0], [260.0, 140.0]];
        assert_eq!(cells(&[crossing]), [0, 0, 0, 0, 0, 1]);
        let beyond: &[Point] = &[[-50.0, 20.0], [-50.0, 70.0]];
        assert_eq!(cells(&[crossing, beyond, crossing]), [1, 0, 0, 0, 0, 2]);
    }

    #[test]
    fn taps_are_no_digits_and_nothing_beside_one() {
        let (tap, dot): (&[Point], &[Point]) = (&[[150.0, 40.0]], &[[152.0, 30.0], [153.0, 31.0]]);
        assert_eq!(cells(&[tap, dot, &[]]), [0; 6]);
        assert_eq!(cells(&[tap, &[[130.0, 20.0], [140.0, 60.0]], dot]), [0, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn cells_put_side_by_side_are_found_again() {
        let strokes =
            |x: f32| Strokes::new(vec![vec![[x, 10.0], [x, 60.0]], vec![[x, 70.0], [40.0, 70.0]]]).unwrap();
        let cells: Vec<Strokes> = (0..6).map(|cell| strokes(cell as f32)).collect();
        let drawing = |cells: &[Strokes], width| {
            Drawing::from_cells(cells.iter().map(Strokes::iter), width, 80.0, SHAPE)
        };
        let found = drawing(&cells, 100.0).unwrap().cells(SHAPE);
        for (cell, strokes) in found.iter().enumerate() {
            let corner = [(cell % 3) as f32 * 100.0, (cell / 3) as f32 * 80.0];
            let moved = cells[cell].map(|[x, y]| [x + corner[0], y + corner[1]]);
            assert_eq!(strokes.as_ref(), Some(&moved), "cell {cell}");
        }
        assert!(matches!(drawing(&cells, f32::MAX), Err(Error::Canvas { .. })));
        let few = drawing(&cells[1..], 100.0).unwrap_err().to_string();
        assert_eq!(few, "cells: there are 5, and 6 are needed");
        let nowhere = Drawing::from_cells(vec![[[[0.0, f32::NAN]]]; 6], 100.0, 80.0, SHAPE);
        assert!(matches!(nowhere, Err(Error::Data(_))), "{nowhere:?}");
    }

    #[test]
    fn a_canvas_needs_an_area() {
        for (width, height) in [(0.0, 1.0), (1.0, -1.0), (f32::NAN, 1.0), (1.0, f32::INFINITY)] {
            assert!(matches!(Drawing::new(Strokes::default(), width, height), Err(Error::Canvas { .. })));
        }
    }
}
