//! From strokes to pixels: curves flattened to short lines, lines drawn with a round, soft pen.

use super::glyphs::Stroke;
use crate::digits::{PIXELS, SIDE};

/// A point of the plane, x to the right and y downwards; on a page, pixel (x, y) has its middle there.
pub(super) type Vector = [f32; 2];

/// Lines between two points of a curve.
const STEPS: usize = 6;
/// Width of the pen's soft edge, in pixels: MNIST's digits were shrunk with anti-aliasing and have such an edge.
const EDGE: f32 = 1.2;

/// The pixel at the middle of a page, in both directions.
const MIDDLE: f32 = (SIDE / 2) as f32;

/// A stroke as a chain of short lines, its points moved by `place`.
pub(super) fn flatten(stroke: Stroke, mut place: impl FnMut((i8, i8)) -> Vector) -> Vec<Vector> {
    match stroke {
        Stroke::Line(points) => points.iter().map(|&point| place(point)).collect(),
        Stroke::Curve(points) => smooth(&points.iter().map(|&point| place(point)).collect::<Vec<_>>()),
    }
}

/// A curve through `points` (E. Catmull and R. Rom, *A class of local interpolating splines*, 1974).
fn smooth(points: &[Vector]) -> Vec<Vector> {
    let at = |i: usize| points[i.clamp(1, points.len()) - 1]; // counted from 1, the ends repeated
    let spans = 1..points.len();
    let inner = spans.flat_map(|i| {
        let knots = [at(i - 1), at(i), at(i + 1), at(i + 2)];
        (0..STEPS).map(move |step| spline(knots, step as f32 / STEPS as f32))
    });
    inner.chain(points.last().copied()).collect()
}

/// The point at `t` of 0 to 1 between the middle two of four knots.
fn spline([a, b, c, d]: [Vector; 4], t: f32) -> Vector {
    std::array::from_fn(|k| {
        let cubic = 3.0 * (b[k] - c[k]) + d[k] - a[k];
        let square = 2.0 * a[k] - 5.0 * b[k] + 4.0 * c[k] - d[k];
        b[k] + 0.5 * t * (c[k] - a[k] + t * (square + t * cubic))
    })
}

/// How far ink of a pen of this radius reaches from the middle of a line.
pub(super) fn reach(radius: f32) -> f32 {
    radius + EDGE / 2.0
}

/// A page of the size of one digit.
pub(super) struct Page([f32; PIXELS]);

impl Page {
    /// Without ink.
    pub(super) fn blank() -> Self {
        Self([0.0; PIXELS])
    }

    /// Draws a chain of lines with a pen of `radius` pixels.
    pub(super) fn draw(&mut self, chain: &[Vector], radius: f32) {
        for line in chain.windows(2) {
            self.line(line[0], line[1], radius);
        }
    }

    /// Draws one line: every pixel gets the ink that its distance from the line lets through, if that is more.
    fn line(&mut self, from: Vector, to: Vector, radius: f32) {
        let reach = reach(radius);
        let pixels = |k: usize| {
            let (low, high) = (from[k].min(to[k]) - reach, from[k].max(to[k]) + reach);
            (low.max(0.0).ceil() as usize)..((high + 1.0).max(0.0) as usize).min(SIDE)
        };
        let (rows, cols) = (pixels(1), pixels(0));
        let along = [to[0] - from[0], to[1] - from[1]];
        let inverse = 1.0 / (along[0] * along[0] + along[1] * along[1]).max(f32::MIN_POSITIVE);
        for y in rows {
            let dy = y as f32 - from[1];
            for x in cols.clone() {
                let dx = x as f32 - from[0];
                let t = ((dx * along[0] + dy * along[1]) * inverse).clamp(0.0, 1.0);
                let (ex, ey) = (dx - t * along[0], dy - t * along[1]);
                let ink = ((reach - (ex * ex + ey * ey).sqrt()) / EDGE).min(1.0);
                let pixel = &mut self.0[y * SIDE + x];
                *pixel = pixel.max(ink);
            }
        }
    }

    /// The page in grey values, moved by whole pixels so that the centre of mass of the ink comes to pixel (14, 14),
    /// as MNIST's digits were.
    pub(super) fn centred(&self, out: &mut [u8]) {
        let [dx, dy] = self.centre().map(|centre| (MIDDLE - centre).round() as isize);
        for (y, row) in out.chunks_exact_mut(SIDE).enumerate() {
            for (x, grey) in row.iter_mut().enumerate() {
                *grey = (self.ink(x as isize - dx, y as isize - dy) * 255.0).round() as u8;
            }
        }
    }

    /// The ink at a pixel, none outside the page.
    fn ink(&self, x: isize, y: isize) -> f32 {
        let inside = |k: isize| usize::try_from(k).ok().filter(|&k| k < SIDE);
        inside(x).zip(inside(y)).map_or(0.0, |(x, y)| self.0[y * SIDE + x])
    }

    /// The centre of mass of the ink, the middle of the page if there is none.
    fn centre(&self) -> Vector {
        let (mut mass, mut moment) = (0.0, [0.0; 2]);
        for (i, ink) in self.0.iter().enumerate() {
            mass += ink;
            moment[0] += ink * ((i % SIDE) as f32);
            moment[1] += ink * ((i / SIDE) as f32);
        }
        if mass > 0.0 { moment.map(|moment| moment / mass) } else { [MIDDLE; 2] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_pass_through_their_points() {
        let points: [(i8, i8); 4] = [(0, 0), (10, 30), (50, 20), (60, 70)];
        let chain =
            flatten(Stroke::Curve(&[(0, 0), (10, 30), (50, 20), (60, 70)]), |(x, y)| [x.into(), y.into()]);
        assert_eq!(chain.len(), 3 * STEPS + 1);
        for (i, (x, y)) in points.into_iter().enumerate() {
            let [cx, cy] = chain[i * STEPS];
            assert!((cx - f32::from(x)).abs() + (cy - f32::from(y)).abs() < 1e-4, "{cx} {cy} {x} {y}");
        }
    }

    /// A level line of length 10 and radius 1.5 has 10 x 3 pixels of ink and a round end on both sides.
    #[test]
    fn a_line_has_the_ink_of_its_area() {
        let mut page = Page::blank();
        page.draw(&[[7.3, 11.6], [17.3, 11.6]], 1.5);
        let ink: f32 = page.0.iter().sum();
        let area = 10.0 * 3.0 + std::f32::consts::PI * 1.5 * 1.5;
        assert!((ink - area).abs() < 0.6, "{ink} for an area of {area}");
        let [x, y] = page.centre();
        assert!((x - 12.3).abs() < 0.05 && (y - 11.6).abs() < 0.05, "{x} {y}");
    }

    #[test]
    fn ink_is_moved_to_the_centre_by_whole_pixels() {
        let (mut page, mut out) = (Page::blank(), [0; PIXELS]);
        page.draw(&[[6.0, 9.0], [10.0, 9.0]], 1.0);
        // Its centre is (8, 9).
        page.centred(&mut out);
        let expected = |x: usize, y: usize| page.ink(x as isize - 6, y as isize - 5);
        assert!((0..PIXELS).all(|i| out[i] == (expected(i % SIDE, i / SIDE) * 255.0).round() as u8));
    }
}
