//! The ink of a picture: how dark each point of the paper was made, whatever paper, pen and size.

use image::GrayImage;

use crate::threshold::otsu;

/// The least and the most pixels along a cell's side at which ink is looked at: enough for strokes to have a shape, few
/// enough to be quick.
const SIDES: [u32; 2] = [112, 224];
/// The most pixels along a side to which a small picture is enlarged; more than a few cells never need.
const LONGEST: u32 = 4096;
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
        let side = (picture.width() / cols).min(picture.height() / rows).max(1);
        let longest = picture.width().max(picture.height());
        let grey = match side {
            side if side >= SIDES[1] => reduced(picture, side.div_ceil(SIDES[1])),
            side if side < SIDES[0] => enlarged(picture, SIDES[0].div_ceil(side).min(LONGEST / longest).max(1)),
            _ => reduced(picture, 1),
        };
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

/// Every block of `factor` x `factor` pixels as their mean; what is left over at the right and below is dropped.
fn reduced(picture: &GrayImage, factor: u32) -> Ink {
    let (width, height) = ((picture.width() / factor) as usize, (picture.height() / factor) as usize);
    let factor = factor as usize;
    if factor == 1 {
        return Ink { width, height, values: picture.as_raw().clone() };
    }
    let (area, mut values) = ((factor * factor) as u32, Vec::with_capacity(width * height));
    let mut sums = vec![0_u32; width];
    for rows in picture.as_raw().chunks(picture.width() as usize * factor).take(height) {
        sums.fill(0);
        for row in rows.chunks_exact(picture.width() as usize) {
            for (sum, block) in sums.iter_mut().zip(row.chunks_exact(factor)) {
                *sum += block.iter().map(|&grey| u32::from(grey)).sum::<u32>();
            }
        }
        values.extend(sums.iter().map(|sum| ((sum + area / 2) / area) as u8));
    }
    Ink { width, height, values }
}

/// `factor` times as wide and high, interpolated between the middles of pixels.
fn enlarged(picture: &GrayImage, factor: u32) -> Ink {
    let [width, height] = [picture.width(), picture.height()].map(|side| (side * factor) as usize);
    let place = |at: usize, side: u32| {
        let source = ((at as f32 + 0.5) / factor as f32 - 0.5).clamp(0.0, (side - 1) as f32);
        (source as u32, (source as u32 + 1).min(side - 1), source.fract())
    };
    let columns: Vec<_> = (0..width).map(|x| place(x, picture.width())).collect();
    let grey = |x, y| f32::from(picture.get_pixel(x, y)[0]);
    let mut values = Vec::with_capacity(width * height);
    for y in 0..height {
        let (top, bottom, down) = place(y, picture.height());
        values.extend(columns.iter().map(|&(left, right, along)| {
            let mix = |y| grey(left, y) + along * (grey(right, y) - grey(left, y));
            (mix(top) + down * (mix(bottom) - mix(top))).round() as u8
        }));
    }
    Ink { width, height, values }
}
