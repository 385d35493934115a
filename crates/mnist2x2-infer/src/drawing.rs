//! A drawing as the pen made it.

use mnist2x2_data::{GridShape, Point, Strokes};

use crate::Error;

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

    /// The strokes of each cell of `shape`; nothing for a cell without.
    ///
    /// A stroke that crosses a border goes to the cell that holds most of its length.
    pub(crate) fn cells(&self, shape: GridShape) -> Vec<Option<Strokes>> {
        let mut cells = vec![Vec::new(); shape.cells()];
        for stroke in self.strokes.iter().filter(|stroke| !stroke.is_empty()) {
            cells[self.cell_of(stroke, shape)].push(stroke.to_vec());
        }
        let side = (self.width / shape.cols as f32).min(self.height / shape.rows as f32);
        let digit = |strokes| {
            let whole = Strokes::new(strokes).ok()?;
            let [low, high] = whole.corners()?;
            ((high[0] - low[0]).max(high[1] - low[1]) >= SPECK * side).then_some(whole)
        };
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
