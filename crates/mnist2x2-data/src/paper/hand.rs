//! Whose digits are written, with what pen, and the ink that this leaves on the sheet.

use std::collections::BTreeMap;

use mnist2x2_random::Random;

use super::plane::{Lattice, Plane};
use crate::digits::{Digits, SIDE};
use crate::pendigits::PenDigit;
use crate::rasterize::{Brush, Raster};
use crate::strokes::{Point, Strokes};
use crate::synthetic::smooth;

/// A digit by somebody's hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digit<'a> {
    pub(super) label: u8,
    shape: Shape<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Shape<'a> {
    Strokes(&'a Strokes),
    /// 28 x 28 pixels, 255 ink.
    Scan(&'a [u8]),
}

/// Digits by the people who wrote them: those of one picture are of one hand.
#[derive(Clone, Debug)]
pub struct Hands<'a>(Vec<Vec<Digit<'a>>>);

impl<'a> Hands<'a> {
    /// Pen strokes of these writers; of all digits together as one hand where writers are not known.
    pub fn from_strokes(digits: &'a [PenDigit], writers: &std::ops::RangeInclusive<u32>) -> Self {
        let digit = |digit: &'a PenDigit| Digit { label: digit.label, shape: Shape::Strokes(&digit.strokes) };
        let is_theirs = |found: &&PenDigit| found.writer.is_none_or(|writer| writers.contains(&writer));
        Self::by_writer(digits.iter().filter(is_theirs).map(|found| (found.writer, digit(found))))
    }

    /// Scanned digits such as MNIST's, which are enlarged.
    pub fn from_digits(digits: &'a Digits) -> Self {
        let digit = |i: usize| Digit { label: digits.label(i), shape: Shape::Scan(digits.image(i)) };
        let writer = |i: usize| digits.writers().map(|writers| writers[i]);
        let is_inked = |i: &usize| digits.image(*i).iter().any(|&gray| gray >= SCAN_EDGE);
        Self::by_writer((0..digits.len()).filter(is_inked).map(|i| (writer(i), digit(i))))
    }

    fn by_writer(digits: impl Iterator<Item = (Option<u32>, Digit<'a>)>) -> Self {
        let mut hands = BTreeMap::<_, Vec<_>>::new();
        digits.for_each(|(writer, digit)| hands.entry(writer).or_default().push(digit));
        Self(hands.into_values().collect())
    }

    /// Whether nobody wrote anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So many digits by one of the hands.
    pub(super) fn write(&self, count: usize, random: &mut Random) -> Vec<Digit<'a>> {
        let hand = &self.0[random.below(self.0.len() as u32) as usize];
        (0..count).map(|_| hand[random.below(hand.len() as u32) as usize]).collect()
    }
}

/// A scanned pixel of at least so much ink belongs to the digit.
const SCAN_EDGE: u8 = 100;

/// A pen on paper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    /// Width of its line, in pixels.
    pub(super) width: f32,
    /// The share of the paper's light that its ink takes away.
    pub(super) ink: f32,
    /// The share of its line that is missing.
    pub(super) broken: f32,
}

/// A digit where it is written: the box around the middle of its strokes, in pixels of the sheet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    pub(super) digit: Digit<'a>,
    /// Left, top, width and height.
    pub(super) area: [f32; 4],
}

impl Digit<'_> {
    /// Upper left and lower right corner, in the unit of its strokes or pixels.
    fn corners(&self) -> [Point; 2] {
        match self.shape {
            Shape::Strokes(strokes) => strokes.corners().unwrap_or_default(),
            Shape::Scan(pixels) => {
                let inked = (0..pixels.len()).filter(|&i| pixels[i] >= SCAN_EDGE);
                let points = inked.map(|i| [(i % SIDE) as f32, (i / SIDE) as f32]).collect();
                Strokes::new(vec![points]).ok().and_then(|points| points.corners()).unwrap_or_default()
            }
        }
    }

    /// Its width where its height is 1; of what lies flat, which nobody writes, at most 2.
    pub(super) fn aspect(&self) -> f32 {
        let [low, high] = self.corners();
        ((high[0] - low[0]) / (high[1] - low[1]).max(1e-3)).min(2.0)
    }

    /// Points of its ink where its box is the unit square.
    pub(super) fn points(&self) -> Vec<Point> {
        let [low, high] = self.corners();
        let unit = |point: Point| std::array::from_fn(|k| (point[k] - low[k]) / (high[k] - low[k]).max(1e-3));
        match self.shape {
            Shape::Strokes(strokes) => strokes.iter().flatten().copied().map(unit).collect(),
            Shape::Scan(pixels) => {
                let inked = (0..pixels.len()).filter(|&i| pixels[i] >= SCAN_EDGE);
                inked.map(|i| unit([(i % SIDE) as f32, (i / SIDE) as f32])).collect()
            }
        }
    }
}

impl Placed<'_> {
    /// Writes it: each pixel of `sheet` is raised to the share of light that the ink takes there.
    pub(super) fn write(&self, sheet: &mut Plane, pen: Pen, random: &mut Random) {
        match self.digit.shape {
            Shape::Strokes(strokes) => draw_strokes(sheet, &self.fit(strokes), pen, random),
            Shape::Scan(pixels) => self.enlarge(pixels, sheet, pen),
        }
    }

    /// The strokes in the box, as smooth as they were written.
    fn fit(&self, strokes: &Strokes) -> Strokes {
        let [low, high] = self.digit.corners();
        let [left, top, width, height] = self.area;
        let scale = [width / (high[0] - low[0]).max(1e-3), height / (high[1] - low[1]).max(1e-3)];
        let place =
            |point: &Point| [left + scale[0] * (point[0] - low[0]), top + scale[1] * (point[1] - low[1])];
        let stroke = |stroke: &[Point]| smooth(&stroke.iter().map(place).collect::<Vec<_>>());
        Strokes::new(strokes.iter().map(stroke).collect()).unwrap_or_default()
    }

    /// A scan enlarged to the box, its edge sharp again.
    fn enlarge(&self, pixels: &[u8], sheet: &mut Plane, pen: Pen) {
        let scan = Plane {
            width: SIDE,
            height: SIDE,
            values: pixels.iter().map(|&gray| f32::from(gray) / 255.0).collect(),
        };
        let scan = scan.blurred(0.6);
        let [low, high] = self.digit.corners();
        let [left, top, width, height] = self.area;
        let scale = (height / (high[1] - low[1]).max(1.0)).max(width / (high[0] - low[0]).max(1.0));
        let reach = 4.0 * scale;
        for y in (top - reach) as isize..(top + height + reach) as isize {
            for x in (left - reach) as isize..(left + width + reach) as isize {
                let source = [low[0] + (x as f32 - left) / scale, low[1] + (y as f32 - top) / scale];
                let ink = (0.5 + (scan.at(source) - 0.4) * scale.min(6.0)).clamp(0.0, 1.0);
                sheet.raise(x, y, ink * pen.ink);
            }
        }
    }
}

/// Draws strokes in pixels of `sheet`, as a pen does that is pressed more and less and skips where it is worn.
pub(super) fn draw_strokes(sheet: &mut Plane, strokes: &Strokes, pen: Pen, random: &mut Random) {
    let Some([low, high]) = strokes.corners() else { return };
    let margin = pen.width + 2.0;
    let corner = low.map(|k| (k - margin).floor());
    let size: [usize; 2] = std::array::from_fn(|k| (high[k] - corner[k] + margin) as usize + 1);
    let mut raster = Raster::blank(size[0], size[1]);
    let pressure = Lattice::new(random);
    let local = |point: &Point| std::array::from_fn(|k| point[k] - corner[k]);
    let mut way = 0.0; // in widths of the pen
    for (i, stroke) in strokes.iter().enumerate() {
        let points: Vec<Point> = stroke.iter().map(local).collect();
        let dot: Vec<[Point; 2]> =
            points.iter().take(usize::from(points.len() == 1)).map(|&p| [p, p]).collect();
        for line in points.windows(2).chain(dot.iter().map(<[Point; 2]>::as_slice)) {
            way += (line[1][0] - line[0][0]).hypot(line[1][1] - line[0][1]) / pen.width;
            if 0.5 + 0.5 * pressure.at(0.5 * way, 9.0) < pen.broken {
                continue;
            }
            let radius = 0.5 * pen.width * (1.0 + 0.2 * pressure.at(0.1 * way, i as f32));
            raster.line(line[0], line[1], Brush { radius, edge: 1.0 });
        }
    }
    for (i, &ink) in raster.ink().iter().enumerate().filter(|(_, ink)| **ink > 0.0) {
        let (x, y) = ((i % size[0]) as f32, (i / size[0]) as f32);
        let density = 1.0 + 0.12 * pressure.at(x / (2.0 * pen.width), y / (2.0 * pen.width));
        let ink = (ink * pen.ink * density).min(1.0);
        sheet.raise((x + corner[0]) as isize, (y + corner[1]) as isize, ink);
    }
}
