//! What a pen did: the strokes of a drawing, and one digit of them as MNIST would show it.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::digits::{PIXELS, SIDE};
use crate::pen::{INK_SIDE, Page, Pen, Point};

/// Pen strokes, each a chain of points from where the pen was set down to where it was lifted.
///
/// x goes to the right and y downwards; the unit is whatever the writer used. All coordinates are finite. As JSON it is
/// an array of strokes, each an array of points `[x, y]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<Point>>")]
pub struct Strokes(Vec<Vec<Point>>);

/// A rectangle by two of its corners: where x and y are least, and where they are greatest.
pub(crate) type Corners = [Point; 2];

impl Strokes {
    /// Width of the pen, in pixels of a digit, that draws as MNIST's digits look.
    ///
    /// MNIST's median stroke, twice the ink over its perimeter, is that of a pen of 2.4; readers that were trained on
    /// MNIST do best with a little less, which keeps small loops open.
    pub const MNIST_WIDTH: f32 = 2.2;

    /// These strokes.
    ///
    /// # Errors
    /// [`Error::NotAPoint`] if a coordinate is not finite.
    pub fn new(strokes: Vec<Vec<Point>>) -> Result<Self, Error> {
        let lost = |stroke: &Vec<Point>| stroke.iter().position(|point| !point.iter().all(|x| x.is_finite()));
        match strokes.iter().enumerate().find_map(|(i, stroke)| Some((i, lost(stroke)?))) {
            Some((stroke, point)) => Err(Error::NotAPoint { stroke, point }),
            None => Ok(Self(strokes)),
        }
    }

    /// The strokes in the order in which they were drawn.
    pub fn iter(&self) -> impl Iterator<Item = &[Point]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// Whether no stroke has a point.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    /// The same strokes with every point moved by `place`.
    #[must_use]
    pub fn map(&self, mut place: impl FnMut(Point) -> Point) -> Self {
        Self(self.0.iter().map(|stroke| stroke.iter().map(|&point| place(point)).collect()).collect())
    }

    /// The rectangle around all points: its upper left and its lower right corner; `None` if there are no points.
    pub fn corners(&self) -> Option<[Point; 2]> {
        let pair = |[low, high]: Corners, point: Point| {
            [std::array::from_fn(|k| low[k].min(point[k])), std::array::from_fn(|k| high[k].max(point[k]))]
        };
        let points = self.0.iter().flatten();
        points.fold(None, |corners, &point| Some(pair(corners.unwrap_or([point, point]), point)))
    }

    /// The strokes of one digit as a MNIST-like image: 28 x 28, 0 paper to 255 ink, drawn with a pen of `width` pixels,
    /// the longer side of the ink 20 pixels, its centre of mass at pixel (14, 14). Blank if there are no points.
    ///
    /// Where a digit was written and how large does not matter.
    pub fn digit(&self, width: f32) -> [u8; PIXELS] {
        let pen = Pen { radius: width / 2.0, edge: Pen::SOFT };
        let mut page = Page::digit();
        for stroke in self.fitted(width).0 {
            page.draw(&stroke, pen);
        }
        let mut out = [0; PIXELS];
        page.centred(&mut out);
        out
    }

    /// The strokes where a pen of `width` pixels fills a box with a longer side of [`INK_SIDE`] in the middle of a digit.
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

impl TryFrom<Vec<Vec<Point>>> for Strokes {
    type Error = Error;

    fn try_from(strokes: Vec<Vec<Point>>) -> Result<Self, Error> {
        Self::new(strokes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seven, with a bar of its own.
    fn seven() -> Strokes {
        Strokes::new(vec![vec![[1.0, 2.0], [7.0, 2.0], [3.0, 11.0]], vec![[2.5, 6.0], [6.0, 6.5]]]).unwrap()
    }

    /// Rows, or columns, with ink.
    fn extent(image: &[u8; PIXELS], axis: fn(usize) -> usize) -> usize {
        let places = || (0..PIXELS).filter(|&i| image[i] >= 100).map(axis);
        places().max().unwrap() - places().min().unwrap() + 1
    }

    #[test]
    fn a_digit_is_the_same_wherever_and_however_large_it_was_written() {
        let placed = seven().map(|[x, y]| [40.0 * x - 3_000.0, 40.0 * y + 100.0]);
        let (a, b) = (seven().digit(2.0), placed.digit(2.0));
        assert!(a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 1));
        assert_eq!((extent(&a, |i| i / SIDE), extent(&a, |i| i % SIDE)), (20, 14));
    }

    #[test]
    fn a_wider_pen_fills_the_same_box_with_more_ink() {
        let ink = |width| seven().digit(width).iter().map(|&grey| u32::from(grey)).sum::<u32>();
        for (narrow, wide) in [(1.2, 1.8), (1.8, 2.7), (2.7, 4.0)] {
            assert!(ink(wide) > ink(narrow) * 5 / 4, "{narrow} and {wide}");
            assert_eq!(extent(&seven().digit(wide), |i| i / SIDE), 20);
        }
    }

    #[test]
    fn a_dot_a_void_and_the_widest_strokes_are_drawn_without_fault() {
        let drawn = |strokes| Strokes::new(strokes).unwrap().digit(2.5);
        assert_eq!(drawn(vec![]), [0; PIXELS]);
        assert_eq!(drawn(vec![vec![], vec![]]), [0; PIXELS]);
        assert!(drawn(vec![vec![[5.0, 1e30]]])[14 * SIDE + 14] > 200);
        assert!(drawn(vec![vec![[f32::MIN, 0.0], [f32::MAX, 0.0]]])[14 * SIDE + 6] == 255);
    }

    #[test]
    fn points_that_lie_nowhere_are_refused() {
        let strokes = vec![vec![[0.0, 1.0]], vec![[2.0, 3.0], [f32::NAN, 4.0]]];
        assert!(matches!(Strokes::new(strokes), Err(Error::NotAPoint { stroke: 1, point: 1 })));
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
        let strokes = crate::unipen::read(&file).unwrap().digits;
        let median = |mut widths: Vec<f32>| {
            widths.sort_by(f32::total_cmp);
            widths[widths.len() / 2]
        };
        let theirs = median((0..3_000).map(|i| stroke_width(digits.image(i))).collect());
        let drawn = |width| {
            let widths = strokes.iter().take(3_000).map(|digit| stroke_width(&digit.strokes.digit(width)));
            median(widths.collect())
        };
        assert!((drawn(2.4) / theirs - 1.0).abs() < 0.03, "{} for {theirs}", drawn(2.4));
        let chosen = drawn(Strokes::MNIST_WIDTH) / theirs;
        assert!((0.88..1.0).contains(&chosen), "{chosen}");
    }
}
