//! From strokes to pixels: chains of short lines, drawn with a round, soft pen.

use crate::digits::{PIXELS, SIDE};

/// A point of the plane, x to the right and y downwards; on a page, pixel (x, y) has its middle there.
pub type Point = [f32; 2];

/// The longer side of a digit's ink, in pixels, as in MNIST.
pub const INK_SIDE: f32 = 20.0;
/// The pixel at the middle of a digit, in both directions.
const MIDDLE: f32 = (SIDE / 2) as f32;

/// A round pen: full ink along the middle of a line, none beyond its edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pen {
    /// From the middle of a line to where half the ink is left, in pixels.
    pub radius: f32,
    /// Width of the soft edge over which the ink fades, in pixels.
    pub edge: f32,
}

impl Pen {
    /// Width of the soft edge in pixels of a digit: MNIST's digits were shrunk with anti-aliasing and have such an edge.
    pub const SOFT: f32 = 1.2;

    /// How far the ink reaches from the middle of a line.
    pub fn reach(self) -> f32 {
        self.radius + self.edge / 2.0
    }

    /// The ink, 0 to 1, so far from the middle of a line; below 0 out of reach.
    pub fn ink(self, distance: f32) -> f32 {
        ((self.reach() - distance) / self.edge).min(1.0)
    }
}

/// Ink on paper, 0 to 1 for each pixel.
pub(crate) struct Page {
    width: usize,
    ink: Vec<f32>,
}

impl Page {
    /// Without ink.
    pub(crate) fn blank(width: usize, height: usize) -> Self {
        Self { width, ink: vec![0.0; width * height] }
    }

    /// Without ink, of the size of one digit.
    pub(crate) fn digit() -> Self {
        Self::blank(SIDE, SIDE)
    }

    /// The ink, row by row.
    pub(crate) fn ink(&self) -> &[f32] {
        &self.ink
    }

    /// Draws a chain of lines; a point by itself is a dot.
    pub(crate) fn draw(&mut self, chain: &[Point], pen: Pen) {
        if let [dot] = chain {
            self.line(*dot, *dot, pen);
        }
        for line in chain.windows(2) {
            self.line(line[0], line[1], pen);
        }
    }

    /// Draws one line: every pixel gets the ink that its distance from the line lets through, if that is more.
    fn line(&mut self, from: Point, to: Point, pen: Pen) {
        let reach = pen.reach();
        let pixels = |k: usize, side: usize| {
            let (low, high) = (from[k].min(to[k]) - reach, from[k].max(to[k]) + reach);
            (low.max(0.0).ceil() as usize)..((high + 1.0).max(0.0) as usize).min(side)
        };
        let (rows, cols) = (pixels(1, self.ink.len() / self.width), pixels(0, self.width));
        let along = [to[0] - from[0], to[1] - from[1]];
        let inverse = 1.0 / (along[0] * along[0] + along[1] * along[1]).max(f32::MIN_POSITIVE);
        for y in rows {
            let dy = y as f32 - from[1];
            for x in cols.clone() {
                let dx = x as f32 - from[0];
                let t = ((dx * along[0] + dy * along[1]) * inverse).clamp(0.0, 1.0);
                let (ex, ey) = (dx - t * along[0], dy - t * along[1]);
                let ink = pen.ink((ex * ex + ey * ey).sqrt());
                let pixel = &mut self.ink[y * self.width + x];
                *pixel = pixel.max(ink);
            }
        }
    }

    /// The page of one digit in grey values, moved by whole pixels so that the centre of mass of the ink comes to pixel
    /// (14, 14), as MNIST's digits were.
    pub(crate) fn centred(&self, out: &mut [u8]) {
        centre_ink(&self.ink, out);
    }
}

/// The `ink` (0 to 1) of one digit in grey values, moved by whole pixels so that its centre of mass comes to pixel
/// (14, 14), as MNIST's digits were. What would leave the page is lost.
///
/// # Panics
/// If `ink` or `out` is not of 28 x 28 pixels.
pub fn centre_ink(ink: &[f32], out: &mut [u8]) {
    assert_eq!((ink.len(), out.len()), (PIXELS, PIXELS), "pixels of one digit");
    let [dx, dy] = centre_of(ink).map(|centre| (MIDDLE - centre).round() as isize);
    let inside = |k: isize| usize::try_from(k).ok().filter(|&k| k < SIDE);
    for (y, row) in out.chunks_exact_mut(SIDE).enumerate() {
        for (x, grey) in row.iter_mut().enumerate() {
            let source = inside(x as isize - dx).zip(inside(y as isize - dy));
            *grey = source.map_or(0, |(x, y)| (ink[y * SIDE + x] * 255.0).round() as u8);
        }
    }
}

/// The centre of mass of one digit's ink, the middle of the page if there is none.
fn centre_of(ink: &[f32]) -> Point {
    let (mut mass, mut moment) = (0.0, [0.0; 2]);
    for (i, ink) in ink.iter().enumerate() {
        mass += ink;
        moment[0] += ink * ((i % SIDE) as f32);
        moment[1] += ink * ((i / SIDE) as f32);
    }
    if mass > 0.0 { moment.map(|moment| moment / mass) } else { [MIDDLE; 2] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEN: Pen = Pen { radius: 1.5, edge: Pen::SOFT };

    /// A level line of length 10 and radius 1.5 has 10 x 3 pixels of ink and a round end on both sides.
    #[test]
    fn a_line_has_the_ink_of_its_area() {
        let mut page = Page::digit();
        page.draw(&[[7.3, 11.6], [17.3, 11.6]], PEN);
        let ink: f32 = page.ink().iter().sum();
        let area = 10.0 * 3.0 + std::f32::consts::PI * 1.5 * 1.5;
        assert!((ink - area).abs() < 0.6, "{ink} for an area of {area}");
        let [x, y] = centre_of(page.ink());
        assert!((x - 12.3).abs() < 0.05 && (y - 11.6).abs() < 0.05, "{x} {y}");
    }

    #[test]
    fn ink_is_moved_to_the_centre_by_whole_pixels() {
        let (mut page, mut out) = (Page::digit(), [0; PIXELS]);
        page.draw(&[[6.0, 9.0], [10.0, 9.0]], Pen { radius: 1.0, edge: Pen::SOFT });
        // Its centre is (8, 9).
        page.centred(&mut out);
        let moved = |x: usize, y: usize| (page.ink()[y * SIDE + x] * 255.0).round() as u8;
        assert!((6..SIDE).all(|x| (5..SIDE).all(|y| out[y * SIDE + x] == moved(x - 6, y - 5))));
        assert_eq!(out[..5 * SIDE], [0; 5 * SIDE]);
    }

    #[test]
    fn a_page_may_be_wide_and_a_single_point_is_a_dot_on_it() {
        let mut page = Page::blank(40, 17);
        page.draw(&[[31.0, 9.0]], PEN);
        page.draw(&[[-500.0, 3.0], [-400.0, 1e9]], PEN); // off the page
        let inked: Vec<usize> = (0..40 * 17).filter(|&i| page.ink()[i] > 0.5).collect();
        let expected = [[30, 31, 32], [30, 31, 32], [30, 31, 32]];
        let expected = expected.iter().zip(8..).flat_map(|(row, y)| row.iter().map(move |x| y * 40 + x));
        assert_eq!(inked, expected.collect::<Vec<_>>());
    }
}
