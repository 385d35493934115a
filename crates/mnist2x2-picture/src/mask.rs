//! Which pixels are ink, and which of them hang together.
//!
//! One threshold for a whole picture loses a faint digit beside a bold one. Here connected ink is found above the paper's
//! grain, and each piece is then cut off at a share of its own strength.

use std::ops::Range;

use crate::histogram::Histogram;
use crate::ink::Ink;

/// A piece must be so many times as strong as what is just no grain.
const STRENGTH: f32 = 1.5;

/// The share of its strength from which on a pixel of a piece is ink: half of it, and a little more, which keeps small
/// loops open.
const CUT: f32 = 0.55;
/// The share of a piece that must certainly be ink.
const CERTAIN: f32 = 0.35;

/// The column and the row of a pixel of a picture.
pub(crate) type Pixel = [u16; 2];

/// Whether each pixel is ink, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Mask {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) inked: Vec<bool>,
}

impl Mask {
    /// A mask without ink.
    pub(crate) fn blank(width: usize, height: usize) -> Self {
        Self { width, height, inked: vec![false; width * height] }
    }

    /// All ink of at least this value.
    pub(crate) fn open(ink: &Ink, least: u8) -> Self {
        let inked = ink.values.iter().map(|&value| value >= least).collect();
        Self { inked, ..Self::blank(ink.width, ink.height) }
    }

    /// Of a picture's ink.
    pub(crate) fn of(ink: &Ink) -> Self {
        let open = Self::open(ink, ink.faintest);
        let mut mask = Self::blank(ink.width, ink.height);
        for pixels in open.pieces() {
            let at = |[x, y]: Pixel| usize::from(y) * ink.width + usize::from(x);
            let values: Vec<u8> = pixels.iter().map(|&pixel| ink.values[at(pixel)]).collect();
            let strength = Histogram::of(&values).ranked(values.len() as u32 * 9 / 10);
            if strength as f32 >= STRENGTH * f32::from(ink.faintest) {
                let inked = |&pixel: &Pixel| f32::from(ink.values[at(pixel)]) >= CUT * strength as f32;
                pixels.into_iter().filter(inked).for_each(|pixel| mask.inked[at(pixel)] = true);
            }
        }
        for pixels in mask.pieces() {
            let at = |&[x, y]: &Pixel| usize::from(y) * ink.width + usize::from(x);
            let certain = pixels.iter().map(at).filter(|&at| ink.certain[at] >= ink.faintest).count();
            if (certain as f32) < CERTAIN * pixels.len() as f32 {
                pixels.iter().map(at).for_each(|at| mask.inked[at] = false);
            }
        }
        mask
    }

    /// The same with its axes swapped.
    pub(crate) fn turned(&self) -> Self {
        let mut turned = Self::blank(self.height, self.width);
        for (y, row) in self.inked.chunks_exact(self.width).enumerate() {
            for (x, _) in row.iter().enumerate().filter(|(_, inked)| **inked) {
                turned.inked[x * self.height + y] = true;
            }
        }
        turned
    }

    /// The pixels of each piece of connected ink; pixels touch at sides and corners.
    pub(crate) fn pieces(&self) -> Vec<Vec<Pixel>> {
        let mut open = self.inked.clone();
        let mut pieces = Vec::new();
        for start in 0..open.len() {
            if open[start] {
                pieces.push(flood(&mut open, start, self.width));
            }
        }
        pieces
    }
}

/// The columns and the rows between which pixels lie.
pub(crate) fn spans(pixels: &[Pixel]) -> [Range<usize>; 2] {
    [0, 1].map(|axis| {
        let places = || pixels.iter().map(|pixel| usize::from(pixel[axis]));
        places().min().unwrap_or(0)..places().max().map_or(0, |last| last + 1)
    })
}

/// Takes the piece that `start` belongs to.
fn flood(open: &mut [bool], start: usize, width: usize) -> Vec<Pixel> {
    open[start] = false;
    let mut pixels = vec![[start % width, start / width].map(|at| at as u16)];
    let mut next = 0;
    while let Some(&pixel) = pixels.get(next) {
        next += 1;
        let [x, y] = pixel.map(usize::from);
        for row in y.saturating_sub(1)..=(y + 1).min(open.len() / width - 1) {
            for column in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                if std::mem::take(&mut open[row * width + column]) {
                    pixels.push([column as u16, row as u16]);
                }
            }
        }
    }
    pixels
}
