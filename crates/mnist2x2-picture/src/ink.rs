//! The ink of a picture: how dark each point of the paper was made, whatever paper, pen and size.

use image::GrayImage;

use crate::resample::resample;
use crate::threshold::otsu;

/// Pixels along a cell's side at which ink is looked at: enough for strokes to have a shape, few enough to be quick.
const SIDE: f64 = 200.0;
/// The most pixels along a picture's side; no picture of cells that are about square needs more.
const LONGEST: f64 = 4096.0;
/// Grey levels between paper and ink below which a picture counts as blank.
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
    /// The ink of a picture with light ink on dark paper, at a size at which its `rows` and `cols` of cells are neither
    /// tiny nor huge; `None` if there is none.
    pub(crate) fn of(picture: &GrayImage, rows: u32, cols: u32) -> Option<Self> {
        let sides = [picture.width(), picture.height()].map(f64::from);
        let cell = (sides[0] / f64::from(cols)).min(sides[1] / f64::from(rows));
        let scale = (SIDE / cell).min(LONGEST / sides[0].max(sides[1]));
        let [width, height] = sides.map(|side| (scale * side).round().max(1.0) as usize);
        let grey = Self { width, height, values: resample(picture, width, height) };
        grey.stretched()
    }

    /// Paper becomes 0 and full ink 255; nothing if both are about the same.
    fn stretched(mut self) -> Option<Self> {
        let counts = histogram(&self.values);
        let paper = level(&counts, self.values.len() as u32 / 2) as f32;
        let full = level(&counts, self.values.len() as u32 - BRIGHTEST.min(self.values.len() as u32)) as f32;
        if full - paper < CONTRAST {
            return None;
        }
        let stretch = |grey: usize| (255.0 * (grey as f32 - paper) / (full - paper)) as u8;
        let table: [u8; 256] = std::array::from_fn(stretch);
        self.values.iter_mut().for_each(|grey| *grey = table[usize::from(*grey)]);
        Some(self)
    }

    /// The value that parts ink from paper.
    pub(crate) fn threshold(&self) -> u8 {
        otsu(&histogram(&self.values))
    }

    /// One row.
    pub(crate) fn row(&self, y: usize) -> &[u8] {
        &self.values[y * self.width..][..self.width]
    }
}

/// How often each value occurs.
pub(crate) fn histogram(values: &[u8]) -> [u32; 256] {
    let mut counts = [[0_u32; 256]; 4];
    // Four tables, so that equal neighbours, the usual case, do not wait for one another.
    let mut fours = values.chunks_exact(4);
    for four in &mut fours {
        for (counts, &value) in counts.iter_mut().zip(four) {
            counts[usize::from(value)] += 1;
        }
    }
    fours.remainder().iter().for_each(|&value| counts[0][usize::from(value)] += 1);
    std::array::from_fn(|value| counts.iter().map(|counts| counts[value]).sum())
}

/// The value that `rank` of the values are not above, counted from the least.
pub(crate) fn level(counts: &[u32; 256], rank: u32) -> usize {
    let mut seen = 0;
    counts
        .iter()
        .position(|&count| {
            seen += count;
            seen > rank
        })
        .unwrap_or(255)
}
