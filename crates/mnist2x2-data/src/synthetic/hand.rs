//! A hand that writes glyphs as people do: strokes distorted, and drawn as MNIST's scans look.

use std::collections::BTreeMap;

use mnist2x2_random::Random;

use super::glyphs::{Glyph, Knot};
use super::spline::flatten;
use crate::digits::SIDE;
use crate::rasterize::{Brush, INK_SIDE, Raster, center_ink};
use crate::strokes::{Point, Strokes};

/// By how much a careful hand misses the points of a glyph, as a share of the digit's height (standard deviation).
pub(super) const CAREFUL: f64 = 0.025;
/// And the most careless one.
pub(super) const CARELESS: f64 = 0.12;

/// A pen as wide as those of MNIST's writers.
pub(super) fn pen(random: &mut Random) -> Brush {
    Brush { radius: random.uniform(0.9, 1.9) as f32, edge: Brush::SOFT }
}

/// Draws strokes as large and where MNIST's digits are.
pub(super) fn draw(strokes: &Strokes, brush: Brush, image: &mut [u8]) {
    let mut raster = Raster::blank(SIDE, SIDE);
    raster.draw(&fit(strokes, brush), brush);
    center_ink(raster.ink(), image);
}

/// The strokes of a glyph as one writer once wrote them, in units of the digit's height; its points are missed by
/// so much.
pub(super) fn trace(glyph: Glyph, miss: f64, random: &mut Random) -> Strokes {
    let hand = Hand::draw(random);
    // A point that two strokes share is missed once, so that they stay joined.
    let mut jittered = BTreeMap::new();
    let mut place =
        |point: Knot| *jittered.entry(point).or_insert_with(|| hand.apply(jitter(point, miss, random)));
    let strokes = glyph.iter().map(|&stroke| flatten(stroke, &mut place)).collect();
    Strokes::new(strokes).expect("a linear map of finite points is finite")
}

/// A point of a glyph, missed by so much.
fn jitter((x, y): Knot, miss: f64, random: &mut Random) -> Point {
    [x, y].map(|k| (f64::from(k) / 100.0 + miss * random.normal()) as f32)
}

/// A writer's hand, a linear map: how wide, slanting and turned a digit is written.
struct Hand([Point; 2]);

impl Hand {
    /// Width varies by a half, the slant is to the right more often than to the left, the turn a few degrees.
    fn draw(random: &mut Random) -> Self {
        let width = libm::exp(random.uniform(-0.12, 0.36));
        let slant = (0.15 + 0.2 * random.normal()).clamp(-0.2, 0.6);
        let (sin, cos) = libm::sincos((0.1 * random.normal()).clamp(-0.25, 0.25));
        let rows = [[cos * width, -cos * slant - sin], [sin * width, -sin * slant + cos]];
        Self(rows.map(|row| row.map(|x| x as f32)))
    }

    /// The image of a point.
    fn apply(&self, [x, y]: Point) -> Point {
        self.0.map(|[a, b]| a * x + b * y)
    }
}

/// Scales and moves strokes so that the box around their ink is centered, its longer side [`INK_SIDE`].
fn fit(strokes: &Strokes, brush: Brush) -> Strokes {
    let [low, high] = strokes.corners().expect("every glyph has points");
    let longer = [0, 1].map(|k| high[k] - low[k]).into_iter().fold(f32::MIN_POSITIVE, f32::max);
    let scale = (INK_SIDE - 2.0 * brush.reach()) / longer;
    let middle = (SIDE - 1) as f32 / 2.0;
    strokes.map(|point| std::array::from_fn(|k| middle + scale * (point[k] - 0.5 * (low[k] + high[k]))))
}
