//! Augmentation: digits as others might have written them, turned, slanted, scaled, moved, bent, their strokes thinner or
//! thicker.
//!
//! One random affine map and one coarse field of displacements say for each pixel where its ink comes from (P. Simard,
//! D. Steinkraus and J. Platt, *Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis*,
//! 2003); the ink there is interpolated between four pixels.

use mnist2x2_random::Random;
use serde::{Deserialize, Serialize};

use crate::digits::{PIXELS, SIDE};
use crate::error::Error;

/// How far digits are changed: each setting is the most, in both directions, and what happens is uniform between.
///
/// All zero changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Turn, in degrees.
    pub rotation: f64,
    /// Growth in each direction by itself, as a share of the digit's size.
    pub scale: f64,
    /// Slant: pixels to the side per pixel of height.
    pub shear: f64,
    /// Move in each direction, in pixels.
    pub shift: f64,
    /// Displacement of the knots that bend the digit, in pixels.
    pub elastic: f64,
    /// Change of the stroke's width: 1 takes off, or puts on, a pixel on each side.
    pub stroke: f64,
}

/// Knots of the elastic field in each direction; between them displacements are interpolated.
const KNOTS: usize = 5;
/// Pixels from knot to knot.
const SPACING: f32 = SIDE as f32 / (KNOTS - 1) as f32;
/// The middle of a digit.
const MIDDLE: f32 = (SIDE - 1) as f32 / 2.0;
/// Blank pixels around the source: one for wider strokes, two more so that whatever lies outside is read as paper.
const MARGIN: usize = 3;
const PADDED: usize = SIDE + 2 * MARGIN;

impl Augmentation {
    /// Whether nothing is changed.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses settings that no digit could be read after.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Self { rotation, scale, shear, shift, elastic, stroke } = *self;
        let side = SIDE as f64;
        let ranges = [
            ("rotation", rotation, 180.0),
            ("scale", scale, 0.9),
            ("shear", shear, 2.0),
            ("shift", shift, side),
            ("elastic", elastic, side),
            ("stroke", stroke, 1.0),
        ];
        match ranges.into_iter().find(|&(_, value, most)| !(0.0..=most).contains(&value)) {
            Some((setting, value, most)) => Err(Error::Augmentation { setting, value, most }),
            None => Ok(()),
        }
    }

    /// The digit `image` (28 x 28, 0 paper to 255 ink) changed as `random` decides, in the same units.
    ///
    /// # Panics
    /// If `image` has not 784 pixels.
    pub fn apply(&self, image: &[u8], random: &mut Random) -> [f32; PIXELS] {
        let affine = Affine::draw(self, random);
        let field = ElasticField::draw(self.elastic, random);
        let padded = Padded::new(image, between(self.stroke, random));
        let mut out = [0.0; PIXELS];
        for (y, line) in out.chunks_exact_mut(SIDE).enumerate() {
            let knots = field.row(y);
            for (x, out) in line.iter_mut().enumerate() {
                let [dx, dy] = ElasticField::at(&knots, x);
                let [sx, sy] = affine.source(x as f32, y as f32);
                *out = padded.ink(sx + dx, sy + dy);
            }
        }
        out
    }
}

/// Uniform in -`most` to `most`.
fn between(most: f64, random: &mut Random) -> f32 {
    random.uniform(-most, most) as f32
}

/// Where an affine change of the digit takes each pixel from.
struct Affine {
    /// The linear part, row by row.
    matrix: [[f32; 2]; 2],
    shift: [f32; 2],
}

impl Affine {
    fn draw(most: &Augmentation, random: &mut Random) -> Self {
        let (sin, cos) = libm::sincosf(between(most.rotation, random).to_radians());
        let [wide, high] = [(); 2].map(|()| 1.0 / (1.0 + between(most.scale, random)));
        let slant = between(most.shear, random);
        let matrix = [[wide * cos, wide * (slant * cos - sin)], [high * sin, high * (slant * sin + cos)]];
        Self { matrix, shift: [(); 2].map(|()| between(most.shift, random)) }
    }

    fn source(&self, x: f32, y: f32) -> [f32; 2] {
        let [x, y] = [x - MIDDLE - self.shift[0], y - MIDDLE - self.shift[1]];
        self.matrix.map(|[a, b]| MIDDLE + a * x + b * y)
    }
}

/// Displacements (x, y) at the knots of a square lattice.
struct ElasticField([[[f32; 2]; KNOTS]; KNOTS]);

impl ElasticField {
    fn draw(most: f64, random: &mut Random) -> Self {
        Self([(); KNOTS].map(|()| [(); KNOTS].map(|()| [(); 2].map(|()| between(most, random)))))
    }

    /// The lattice cut along row `y`.
    fn row(&self, y: usize) -> [[f32; 2]; KNOTS] {
        let (above, share) = PLACES[y];
        std::array::from_fn(|knot| blend(self.0[above][knot], self.0[above + 1][knot], share))
    }

    /// The displacement at column `x` of a row.
    fn at(row: &[[f32; 2]; KNOTS], x: usize) -> [f32; 2] {
        let (left, share) = PLACES[x];
        blend(row[left], row[left + 1], share)
    }
}

/// For each pixel of a row or column the knot before it, and how far behind that it lies.
const PLACES: [(usize, f32); SIDE] = {
    let mut places = [(0, 0.0); SIDE];
    let mut pixel = 0;
    while pixel < SIDE {
        let along = pixel as f32 / SPACING;
        places[pixel] = (along as usize, along - (along as usize) as f32);
        pixel += 1;
    }
    places
};

fn blend(a: [f32; 2], b: [f32; 2], share: f32) -> [f32; 2] {
    std::array::from_fn(|k| a[k] + share * (b[k] - a[k]))
}

/// A digit with blank paper around it.
struct Padded([f32; PADDED * PADDED]);

impl Padded {
    /// `image` with its strokes wider by `stroke` (narrower, if negative).
    fn new(image: &[u8], stroke: f32) -> Self {
        let mut padded = [0.0; PADDED * PADDED];
        for (line, row) in image.chunks_exact(SIDE).zip(padded.chunks_exact_mut(PADDED).skip(MARGIN)) {
            row[MARGIN..].iter_mut().zip(line).for_each(|(out, &gray)| *out = f32::from(gray));
        }
        if stroke == 0.0 { Self(padded) } else { Self(dilate(&padded, stroke)) }
    }

    /// The ink at a place between pixels.
    fn ink(&self, x: f32, y: f32) -> f32 {
        // Two pixels away from the image there is only paper, wherever it is read.
        let inside = |k: f32| k.clamp(-2.0, (SIDE + 1) as f32) + MARGIN as f32;
        let (x, y) = (inside(x), inside(y));
        let (left, top) = (x as i32, y as i32); // several times as fast to and from floats as usize is
        let (right_share, bottom_share) = (x - left as f32, y - top as f32);
        let pixels = &self.0[top as usize * PADDED + left as usize..][..PADDED + 2];
        let upper = pixels[0] + right_share * (pixels[1] - pixels[0]);
        let lower = pixels[PADDED] + right_share * (pixels[PADDED + 1] - pixels[PADDED]);
        upper + bottom_share * (lower - upper)
    }
}

/// Gray dilation (erosion, if `stroke` is negative) by the four neighbors, as far as `stroke` says.
fn dilate(image: &[f32; PADDED * PADDED], stroke: f32) -> [f32; PADDED * PADDED] {
    let extreme = if stroke > 0.0 { f32::max } else { f32::min };
    let mut out = *image;
    for at in PADDED..PADDED * PADDED - PADDED {
        let neighbors = [image[at - PADDED], image[at - 1], image[at + 1], image[at + PADDED]];
        let full = neighbors.into_iter().fold(image[at], extreme);
        out[at] += stroke.abs() * (full - image[at]);
    }
    out
}

#[cfg(test)]
mod tests;
