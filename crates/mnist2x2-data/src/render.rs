//! Pen strokes as pictures of drawings: digits with a brush on one large canvas, as a page in a browser makes them.

use crate::grid::GridShape;
use crate::rasterize::{Brush, Raster};
use crate::strokes::{Point, Strokes};

/// Gray of guide lines: half way between black and white.
const GUIDE_INK: f32 = 0.5;
/// Width of guide lines, in pixels.
const GUIDE_WIDTH: f32 = 2.0;

/// How digits are drawn on a canvas.
///
/// The default is what readers of drawings are evaluated with: white on black, cells of 400 x 400 pixels, a brush of 15.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StrokeRenderer {
    /// Side of a cell, in pixels.
    pub cell: usize,
    /// Width of the round brush, in pixels.
    pub brush: f32,
    /// Size of the digits about the middle of their cell: 1 as they were written.
    pub scale: f32,
    /// How far the digits are moved, as shares of a cell.
    pub shift: Point,
    /// Whether black is drawn on white.
    pub inverted: bool,
    /// Whether gray lines part the cells.
    pub guide_lines: bool,
}

impl Default for StrokeRenderer {
    fn default() -> Self {
        Self::STANDARD
    }
}

impl StrokeRenderer {
    /// The default.
    pub(crate) const STANDARD: Self =
        Self { cell: 400, brush: 15.0, scale: 1.0, shift: [0.0; 2], inverted: false, guide_lines: false };

    /// Draws one digit to each cell of `shape`, row by row; digits are written in the unit square, and `None` leaves a
    /// cell empty. Gray values of (rows x cell) x (cols x cell) pixels, row by row.
    ///
    /// # Panics
    /// If there are not as many digits as cells.
    pub fn render(&self, digits: &[Option<&Strokes>], shape: GridShape) -> Vec<u8> {
        assert_eq!(digits.len(), shape.cells(), "a digit, or none, for each cell");
        let width = shape.cols * self.cell;
        let mut raster = Raster::blank(width, shape.rows * self.cell);
        let brush = Brush { radius: self.brush / 2.0, edge: 1.0 };
        for (cell, digit) in digits.iter().enumerate() {
            let corner = [(cell % shape.cols) as f32, (cell / shape.cols) as f32];
            if let Some(digit) = digit {
                raster.draw(&digit.map(|point| self.place(point, corner)), brush);
            }
        }
        let grays = raster.ink().iter().enumerate().map(|(i, &ink)| {
            let on_guide =
                self.guide_lines && (self.parts(i % width, shape.cols) || self.parts(i / width, shape.rows));
            let ink = if on_guide { ink.max(GUIDE_INK) } else { ink };
            (255.0 * if self.inverted { 1.0 - ink } else { ink }).round() as u8
        });
        grays.collect()
    }

    /// The pixel of a point of the unit square in the cell whose corner this is.
    fn place(&self, point: Point, corner: Point) -> Point {
        let cell = self.cell as f32;
        std::array::from_fn(|k| {
            // Half a pixel less: coordinates on a canvas count from a pixel's corner, ours from its middle.
            cell * (corner[k] + 0.5 + self.scale * (point[k] - 0.5) + self.shift[k]) - 0.5
        })
    }

    /// Whether a guide line between two of so many `cells` covers this row or column.
    fn parts(&self, pixel: usize, cells: usize) -> bool {
        let border = (pixel + self.cell / 2) / self.cell;
        let distance = pixel as f32 + 0.5 - (border * self.cell) as f32;
        (1..cells).contains(&border) && distance.abs() < GUIDE_WIDTH / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: GridShape = GridShape { rows: 2, cols: 3 };

    /// A level line through the middle of the square.
    fn line() -> Strokes {
        Strokes::new(vec![vec![[0.25, 0.5], [0.75, 0.5]]]).unwrap()
    }

    /// Draws the line to cell 4, the middle one of the second row, and gives the picture by row and column.
    fn draw(renderer: StrokeRenderer) -> impl Fn(usize, usize) -> u8 {
        let line = line();
        let renderer = StrokeRenderer { cell: 40, brush: 4.0, ..renderer };
        let grays = renderer.render(&[None, None, None, None, Some(&line), None], SHAPE);
        assert_eq!(grays.len(), 80 * 120);
        move |y, x| grays[y * 120 + x]
    }

    #[test]
    fn a_digit_is_drawn_to_its_cell_with_a_brush_of_the_width_asked_for() {
        let at = draw(StrokeRenderer::default());
        let column: Vec<u8> = (56..64).map(|y| at(y, 60)).collect();
        assert_eq!(column, [0, 0, 255, 255, 255, 255, 0, 0]);
        let inked: Vec<usize> = (0..120).filter(|&x| at(59, x) > 127).collect();
        assert_eq!((inked[0], inked[inked.len() - 1]), (48, 71), "20 pixels and two round ends");
    }

    #[test]
    fn size_shift_inversion_and_guides_do_what_they_say() {
        let at = draw(StrokeRenderer { scale: 1.5, shift: [0.0, 0.25], ..StrokeRenderer::default() });
        assert!(at(60, 60) == 0 && at(70, 60) == 255 && at(70, 45) == 255 && at(70, 42) == 0);
        let at = draw(StrokeRenderer { inverted: true, ..StrokeRenderer::default() });
        assert_eq!((at(0, 0), at(60, 60)), (255, 0));
        let at = draw(StrokeRenderer { guide_lines: true, scale: 2.0, ..StrokeRenderer::default() });
        assert_eq!([39, 40].map(|x| at(20, x)), [128, 128], "between columns");
        assert_eq!([39, 40].map(|y| at(y, 20)), [128, 128], "between rows");
        assert_eq!([0, 38, 41, 119].map(|x| at(20, x)), [0; 4], "nowhere else");
        assert_eq!(at(60, 40), 255, "ink covers the guide");
    }
}
