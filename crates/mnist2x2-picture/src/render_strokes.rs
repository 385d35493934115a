//! Pen strokes as a model is given them, drawn on a canvas first or as they are.

use image::GrayImage;
use mnist2x2_data::{GridShape, StrokeRenderer, Strokes};

use crate::{Drawing, Error, ModelInput, Picture};

impl ModelInput {
    /// One digit in each cell, row by row, each written in the unit square: drawn on `canvas` and read as any picture is;
    /// or, without a canvas, taken from the strokes.
    ///
    /// # Errors
    /// [`Error::Cells`] if there are not as many digits as cells, [`Error::Image`] if the canvas has more pixels than an
    /// image can.
    pub fn render_strokes(
        digits: &[&Strokes],
        canvas: Option<&StrokeRenderer>,
        shape: GridShape,
    ) -> Result<Self, Error> {
        let Some(canvas) = canvas else {
            let cells = digits.iter().map(|strokes| strokes.iter());
            return Ok(Self::from_drawing(&Drawing::from_cells(cells, 1.0, 1.0, shape)?, shape));
        };
        let cells: Vec<Option<&Strokes>> = digits.iter().copied().map(Some).collect();
        let [width, height] = [shape.cols, shape.rows].map(|cells| (cells * canvas.cell) as u32);
        let image = GrayImage::from_raw(width, height, canvas.render(&cells, shape))
            .ok_or_else(|| Error::Image("the canvas has too many pixels".into()))?;
        Ok(Self::from_picture(&Picture::new(&image.into()), shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether every pixel of `a` that is full of ink has some in `b`, there or beside it.
    fn covers(b: &[u8], a: &[u8]) -> bool {
        let near =
            |i: usize| [0, 1, 27, 28, 29].into_iter().flat_map(move |d| [i.checked_sub(d), Some(i + d)]);
        let has_ink = |i: usize| near(i).flatten().any(|i| b.get(i).is_some_and(|&gray| gray > 60));
        a.iter().enumerate().all(|(i, &gray)| gray < 200 || has_ink(i))
    }

    #[test]
    fn strokes_and_pictures_of_them_are_seen_alike() {
        let shape = GridShape { rows: 1, cols: 3 };
        let strokes = |points: &[[f32; 2]]| Strokes::new(vec![points.to_vec()]).unwrap();
        let digits = [
            strokes(&[[0.2, 0.2], [0.7, 0.2], [0.4, 0.9]]),
            strokes(&[[0.5, 0.1], [0.45, 0.8]]),
            strokes(&[[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]),
        ];
        let digits = digits.each_ref();
        let plain = ModelInput::render_strokes(&digits, None, shape).unwrap();
        for canvas in [
            StrokeRenderer::default(),
            StrokeRenderer { inverted: true, scale: 0.5, ..StrokeRenderer::default() },
        ] {
            let drawn = ModelInput::render_strokes(&digits, Some(&canvas), shape).unwrap();
            assert_eq!(drawn.empty(), [false; 3]);
            for cell in 0..3 {
                let (a, b) = (drawn.cell(cell), plain.cell(cell));
                assert!(covers(&a, &b) && covers(&b, &a), "cell {cell} on {canvas:?}");
                let others = (0..3).filter(|&other| other != cell);
                assert!(others.into_iter().all(|other| !covers(&drawn.cell(other), &b)), "cell {cell}");
            }
        }
    }
}
