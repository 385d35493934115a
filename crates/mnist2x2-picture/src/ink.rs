//! The ink of a picture: how dark each point of the paper was made, whatever paper, pen and size.

use mnist2x2_data::GridShape;

use crate::Picture;
use crate::histogram::Histogram;
use crate::resample::resample;

/// Pixels along a cell's side at which ink is looked at: enough for strokes to have a shape, few enough to be quick.
const SIDE: f64 = 200.0;
/// The most pixels along a picture's side; no picture of cells that are about square needs more.
const LONGEST: f64 = 4096.0;
/// Gray levels between paper and ink below which a picture counts as blank.
const CONTRAST: f32 = 24.0;
/// Pixels that must be at least as light as what counts as full ink: fewer are dust.
const BRIGHTEST: u32 = 24;

/// Ink on paper, 0 to 255 for each pixel, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Ink {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) values: Vec<u8>,
}

impl Ink {
    /// The ink of a picture, at a size at which the cells of `shape` are neither tiny nor huge, stretched so that paper is
    /// 0 and full ink 255; `None` if both are about the same.
    pub(crate) fn of(picture: &Picture, shape: GridShape) -> Option<Self> {
        let sides = [picture.gray().width(), picture.gray().height()].map(f64::from);
        let cell = (sides[0] / shape.cols as f64).min(sides[1] / shape.rows as f64);
        let scale = (SIDE / cell).min(LONGEST / sides[0].max(sides[1]));
        let [width, height] = sides.map(|side| (scale * side).round().max(1.0) as usize);
        let values = resample(picture.gray(), width, height);
        let (histogram, pixels) = (Histogram::of(&values), values.len() as u32);
        let paper = histogram.median() as f32;
        let full = histogram.ranked(pixels.saturating_sub(BRIGHTEST)) as f32;
        if full - paper < CONTRAST {
            return None;
        }
        let stretch = |gray: usize| (255.0 * (gray as f32 - paper) / (full - paper)) as u8;
        let table: [u8; 256] = std::array::from_fn(stretch);
        let values = values.iter().map(|&gray| table[usize::from(gray)]).collect();
        Some(Self { width, height, values })
    }
}
