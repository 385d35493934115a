//! From pen strokes to pixels: lines drawn with a round, soft brush.

use crate::digits::{PIXELS, SIDE};
use crate::strokes::{Point, Strokes};

/// The longer side of a digit's ink, in pixels, as in MNIST.
pub const INK_SIDE: f32 = 20.0;
/// The pixel at the center of a digit, in both directions.
const CENTER: f32 = (SIDE / 2) as f32;

/// A round brush: full ink along the middle of a line, none beyond its edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brush {
    /// From the middle of a line to where half the ink is left, in pixels.
    pub radius: f32,
    /// Width of the soft edge over which the ink fades, in pixels.
    pub edge: f32,
}

impl Brush {
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

impl Strokes {
    /// Width of the brush, in pixels of a digit, that draws as MNIST's digits look.
    ///
    /// MNIST's median stroke, twice the ink over its perimeter, is that of a brush of 2.4; readers that were trained on
    /// MNIST do best with a little less, which keeps small loops open.
    pub const MNIST_WIDTH: f32 = 2.2;

    /// The strokes of one digit as a MNIST-like image: 28 x 28, 0 paper to 255 ink, drawn with a brush of `width` pixels,
    /// the longer side of the ink 20 pixels, its center of mass at pixel (14, 14). Blank if there are no points.
    ///
    /// Where a digit was written and how large does not matter.
    pub fn rasterize(&self, width: f32) -> [u8; PIXELS] {
        let (mut raster, mut out) = (Raster::blank(SIDE, SIDE), [0; PIXELS]);
        raster.draw(&self.fitted(width), Brush { radius: width / 2.0, edge: Brush::SOFT });
        center_ink(raster.ink(), &mut out);
        out
    }

    /// The strokes where a brush of `width` pixels fills a box with a longer side of [`INK_SIDE`] in the middle of a digit.
    fn fitted(&self, width: f32) -> Self {
        let Some([low, high]) = self.corners() else { return Self::default() };
        // In f64, the span of any two finite points is finite.
        let spans = [0, 1].map(|k| f64::from(high[k]) - f64::from(low[k]));
        let longer = spans[0].max(spans[1]);
        let scale = if longer > 0.0 { f64::from(INK_SIDE - width) / longer } else { 0.0 };
        let middle = (SIDE - 1) as f32 / 2.0;
        self.map(|point| {
            std::array::from_fn(|k| {
                middle + (scale * (f64::from(point[k]) - f64::from(low[k]) - spans[k] / 2.0)) as f32
            })
        })
    }
}

/// Ink on paper, 0 to 1 for each pixel, whose middle lies at whole coordinates.
pub(crate) struct Raster {
    width: usize,
    ink: Vec<f32>,
}

impl Raster {
    /// Without ink.
    pub(crate) fn blank(width: usize, height: usize) -> Self {
        Self { width, ink: vec![0.0; width * height] }
    }

    /// The ink, row by row.
    pub(crate) fn ink(&self) -> &[f32] {
        &self.ink
    }

    /// Draws strokes; a point by itself is a dot.
    pub(crate) fn draw(&mut self, strokes: &Strokes, brush: Brush) {
        for stroke in strokes.iter() {
            if let [dot] = stroke {
                self.line(*dot, *dot, brush);
            }
            stroke.windows(2).for_each(|line| self.line(line[0], line[1], brush));
        }
    }

    /// Draws one line: every pixel gets the ink that its distance from the line lets through, if that is more.
    pub(crate) fn line(&mut self, from: Point, to: Point, brush: Brush) {
        let reach = brush.reach();
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
                let ink = brush.ink((ex * ex + ey * ey).sqrt());
                let pixel = &mut self.ink[y * self.width + x];
                *pixel = pixel.max(ink);
            }
        }
    }
}

/// The `ink` (0 to 1) of one digit in gray values, moved by whole pixels so that its center of mass comes to pixel
/// (14, 14), as MNIST's digits were. What would leave the image is lost.
///
/// # Panics
/// If `ink` or `out` is not of 28 x 28 pixels.
pub fn center_ink(ink: &[f32], out: &mut [u8]) {
    assert_eq!((ink.len(), out.len()), (PIXELS, PIXELS), "pixels of one digit");
    let [dx, dy] = center_of(ink).map(|center| (CENTER - center).round() as isize);
    let inside = |k: isize| usize::try_from(k).ok().filter(|&k| k < SIDE);
    for (y, row) in out.chunks_exact_mut(SIDE).enumerate() {
        for (x, gray) in row.iter_mut().enumerate() {
            let source = inside(x as isize - dx).zip(inside(y as isize - dy));
            *gray = source.map_or(0, |(x, y)| (ink[y * SIDE + x] * 255.0).round() as u8);
        }
    }
}

/// The center of mass of one digit's ink, the middle of the image if there is none.
fn center_of(ink: &[f32]) -> Point {
    let (mut mass, mut moment) = (0.0, [0.0; 2]);
    for (i, ink) in ink.iter().enumerate() {
        mass += ink;
        moment[0] += ink * ((i % SIDE) as f32);
        moment[1] += ink * ((i / SIDE) as f32);
    }
    if mass > 0.0 { moment.map(|moment| moment / mass) } else { [CENTER; 2] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRUSH: Brush = Brush { radius: 1.5, edge: Brush::SOFT };

    fn strokes(points: &[&[Point]]) -> Strokes {
        Strokes::new(points.iter().map(|stroke| stroke.to_vec()).collect()).unwrap()
    }

    /// A level line of length 10 and radius 1.5 has 10 x 3 pixels of ink and a round end on both sides.
    #[test]
    fn a_line_has_the_ink_of_its_area() {
        let mut raster = Raster::blank(SIDE, SIDE);
        raster.draw(&strokes(&[&[[7.3, 11.6], [17.3, 11.6]]]), BRUSH);
        let ink: f32 = raster.ink().iter().sum();
        let area = 10.0 * 3.0 + std::f32::consts::PI * 1.5 * 1.5;
        assert!((ink - area).abs() < 0.6, "{ink} for an area of {area}");
        let [x, y] = center_of(raster.ink());
        assert!((x - 12.3).abs() < 0.05 && (y - 11.6).abs() < 0.05, "{x} {y}");
    }

    #[test]
    fn ink_is_moved_to_the_center_by_whole_pixels() {
        let (mut raster, mut out) = (Raster::blank(SIDE, SIDE), [0; PIXELS]);
        raster.draw(&strokes(&[&[[6.0, 9.0], [10.0, 9.0]]]), Brush { radius: 1.0, edge: Brush::SOFT });
        // Its center is (8, 9).
        center_ink(raster.ink(), &mut out);
        let moved = |x: usize, y: usize| (raster.ink()[y * SIDE + x] * 255.0).round() as u8;
        assert!((6..SIDE).all(|x| (5..SIDE).all(|y| out[y * SIDE + x] == moved(x - 6, y - 5))));
        assert_eq!(out[..5 * SIDE], [0; 5 * SIDE]);
    }

    #[test]
    fn a_raster_may_be_wide_and_a_single_point_is_a_dot_on_it() {
        let mut raster = Raster::blank(40, 17);
        let off_the_raster: &[Point] = &[[-500.0, 3.0], [-400.0, 1e9]];
        raster.draw(&strokes(&[&[[31.0, 9.0]], off_the_raster]), BRUSH);
        let inked: Vec<usize> = (0..40 * 17).filter(|&i| raster.ink()[i] > 0.5).collect();
        let expected = [[30, 31, 32], [30, 31, 32], [30, 31, 32]];
        let expected = expected.iter().zip(8..).flat_map(|(row, y)| row.iter().map(move |x| y * 40 + x));
        assert_eq!(inked, expected.collect::<Vec<_>>());
    }

    /// A seven, with a bar of its own.
    fn seven() -> Strokes {
        strokes(&[&[[1.0, 2.0], [7.0, 2.0], [3.0, 11.0]], &[[2.5, 6.0], [6.0, 6.5]]])
    }

    /// Rows, or columns, with ink.
    fn extent(image: &[u8; PIXELS], axis: fn(usize) -> usize) -> usize {
        let places = || (0..PIXELS).filter(|&i| image[i] >= 100).map(axis);
        places().max().unwrap() - places().min().unwrap() + 1
    }

    #[test]
    fn a_digit_is_the_same_wherever_and_however_large_it_was_written() {
        let placed = seven().map(|[x, y]| [40.0 * x - 3_000.0, 40.0 * y + 100.0]);
        let (a, b) = (seven().rasterize(2.0), placed.rasterize(2.0));
        assert!(a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 1));
        assert_eq!((extent(&a, |i| i / SIDE), extent(&a, |i| i % SIDE)), (20, 14));
    }

    #[test]
    fn a_wider_brush_fills_the_same_box_with_more_ink() {
        let ink = |width| seven().rasterize(width).iter().map(|&gray| u32::from(gray)).sum::<u32>();
        for (narrow, wide) in [(1.2, 1.8), (1.8, 2.7), (2.7, 4.0)] {
            assert!(ink(wide) > ink(narrow) * 5 / 4, "{narrow} and {wide}");
            assert_eq!(extent(&seven().rasterize(wide), |i| i / SIDE), 20);
        }
    }

    #[test]
    fn a_dot_a_void_and_the_widest_strokes_are_drawn_without_fault() {
        let drawn = |points: &[&[Point]]| strokes(points).rasterize(2.5);
        assert_eq!(drawn(&[]), [0; PIXELS]);
        assert_eq!(drawn(&[&[], &[]]), [0; PIXELS]);
        assert!(drawn(&[&[[5.0, 1e30]]])[14 * SIDE + 14] > 200);
        assert!(drawn(&[&[[f32::MIN, 0.0], [f32::MAX, 0.0]]])[14 * SIDE + 6] == 255);
    }

    /// Twice the ink over its perimeter, which is the total variation: the length of all contours, averaged over levels.
    fn stroke_width(image: &[u8]) -> f32 {
        let at = |x: usize, y: usize| match (x.checked_sub(1), y.checked_sub(1)) {
            (Some(x), Some(y)) if x < SIDE && y < SIDE => f32::from(image[y * SIDE + x]),
            _ => 0.0,
        };
        let places = || (0..=SIDE).flat_map(|y| (0..=SIDE).map(move |x| (x, y)));
        let slope = |(x, y)| {
            let [a, b, c, d] = [at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)];
            ((b - a + d - c) / 2.0).hypot((c - a + d - b) / 2.0)
        };
        2.0 * places().map(|(x, y)| at(x, y)).sum::<f32>() / places().map(slope).sum::<f32>()
    }

    #[test]
    fn strokes_are_as_wide_as_those_of_mnist() {
        let [mnist, pendigits] = ["MNIST_DIR", "PENDIGITS_DIR"].map(std::env::var_os);
        let (Some(mnist), Some(pendigits)) = (mnist, pendigits) else {
            return eprintln!("skipped: MNIST_DIR and PENDIGITS_DIR do not name folders with those files");
        };
        let digits = crate::mnist::load(mnist.as_ref(), crate::mnist::Split::Train).unwrap();
        let file = std::path::Path::new(&pendigits).join("pendigits-orig.tra");
        let strokes = crate::pendigits::read(&file).unwrap().digits;
        let median = |mut widths: Vec<f32>| {
            widths.sort_by(f32::total_cmp);
            widths[widths.len() / 2]
        };
        let theirs = median((0..3_000).map(|i| stroke_width(digits.image(i))).collect());
        let drawn = |width| {
            let widths =
                strokes.iter().take(3_000).map(|digit| stroke_width(&digit.strokes.rasterize(width)));
            median(widths.collect())
        };
        assert!((drawn(2.4) / theirs - 1.0).abs() < 0.03, "{} for {theirs}", drawn(2.4));
        let chosen = drawn(Strokes::MNIST_WIDTH) / theirs;
        assert!((0.88..1.0).contains(&chosen), "{chosen}");
    }
}
