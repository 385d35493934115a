//! A piece of ink.

use std::cmp::Ordering;
use std::ops::Range;

use crate::mask::{Pixel, spans};

/// A piece of ink, or several that are of one digit.
#[derive(Clone, Debug)]
pub(crate) struct Blot {
    pub(crate) pixels: Vec<Pixel>,
    /// The columns and the rows that it spans.
    pub(crate) x: Range<usize>,
    pub(crate) y: Range<usize>,
    /// Its pixels at which ink ends.
    pub(crate) edge: Vec<Pixel>,
}

impl Blot {
    /// Of these pixels, which are never none.
    pub(crate) fn of(pixels: Vec<Pixel>) -> Self {
        let [x, y] = spans(&pixels);
        let edge = edge(&pixels, &x, &y);
        Self { pixels, x, y, edge }
    }

    /// Its longer side.
    pub(crate) fn size(&self) -> f32 {
        self.x.len().max(self.y.len()) as f32
    }

    /// The middle of the rectangle around it.
    pub(crate) fn center(&self) -> [f32; 2] {
        [&self.x, &self.y].map(|range| (range.start + range.end) as f32 / 2.0)
    }

    /// How wide its strokes are, in pixels.
    pub(crate) fn stroke_width(&self) -> f32 {
        stroke_width(self.pixels.len(), self.edge.len())
    }

    /// How far the rectangles around two pieces lie apart, in columns or in rows.
    pub(crate) fn gap(&self, other: &Self) -> f32 {
        gap(&self.x, &other.x).max(gap(&self.y, &other.y)) as f32
    }

    /// How far the ink of two pieces lies apart, if no more than `most`.
    pub(crate) fn distance(&self, other: &Self, most: f32) -> f32 {
        let mut nearest = (most + 1.0).powi(2) as u32;
        for p in &self.edge {
            for q in &other.edge {
                let square = [0, 1].map(|k| u32::from(p[k].abs_diff(q[k])).pow(2));
                nearest = nearest.min(square[0] + square[1]);
            }
        }
        (nearest as f32).sqrt()
    }
}

/// How much of two ranges is common.
pub(crate) fn overlap(a: &Range<usize>, b: &Range<usize>) -> usize {
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}

fn gap(a: &Range<usize>, b: &Range<usize>) -> usize {
    a.start.saturating_sub(b.end).max(b.start.saturating_sub(a.end))
}

/// How wide the strokes of so many pixels are: twice the ink for each pixel of its edge.
pub(crate) fn stroke_width(ink: usize, edge: usize) -> f32 {
    2.0 * ink as f32 / edge.max(1) as f32
}

/// The pixels at which ink ends that spans these columns and rows.
pub(crate) fn edge(pixels: &[Pixel], x: &Range<usize>, y: &Range<usize>) -> Vec<Pixel> {
    let width = x.len() + 2;
    let at =
        |[column, row]: Pixel| (usize::from(row) - y.start + 1) * width + usize::from(column) - x.start + 1;
    let mut inked = vec![false; width * (y.len() + 2)];
    for &pixel in pixels {
        inked[at(pixel)] = true;
    }
    let is_edge = |pixel: &Pixel| {
        let at = at(*pixel);
        [at - 1, at + 1, at - width, at + width].into_iter().any(|beside| !inked[beside])
    };
    pixels.iter().copied().filter(is_edge).collect()
}

/// The value up to which values have this share of their weight; 0 of none.
pub(crate) fn quantile(share: f32, values: impl Iterator<Item = (f32, usize)>) -> f32 {
    let mut values: Vec<(f32, usize)> = values.collect();
    values.sort_by(by_value);
    let all: usize = values.iter().map(|(_, weight)| weight).sum();
    let mut below = 0;
    let is_reached = |(_, weight): &&(f32, usize)| {
        below += weight;
        below as f32 >= share * all as f32
    };
    values.iter().find(is_reached).map_or(0.0, |(value, _)| *value)
}

/// Of its own, so that the values of all callers are sorted by the same code.
fn by_value(a: &(f32, usize), b: &(f32, usize)) -> Ordering {
    a.0.total_cmp(&b.0)
}

/// How wide the pen is.
pub(crate) fn pen(pieces: &[Blot]) -> f32 {
    quantile(0.5, pieces.iter().map(|piece| (piece.stroke_width(), piece.edge.len())))
}

/// How large digits are: the larger ones.
pub(crate) fn digit_size(pieces: &[Blot]) -> f32 {
    quantile(0.85, pieces.iter().map(|piece| (piece.size(), piece.pixels.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bar of ink.
    fn bar(x: Range<u16>, y: Range<u16>) -> Blot {
        Blot::of(y.flat_map(|y| x.clone().map(move |x| [x, y])).collect())
    }

    #[test]
    fn a_bar_has_its_size_its_middle_and_the_width_of_its_pen() {
        let bar = bar(10..16, 20..80);
        assert_eq!((bar.size(), bar.center(), bar.edge.len()), (60.0, [13.0, 50.0], 2 * 60 + 2 * 4));
        assert!((bar.stroke_width() - 6.0).abs() < 0.5, "{}", bar.stroke_width());
    }

    #[test]
    fn gaps_are_between_rectangles_and_distances_between_ink() {
        let (left, right) = (bar(0..4, 0..10), bar(9..12, 12..30));
        assert_eq!((left.gap(&right), right.gap(&left)), (5.0, 5.0));
        let apart = left.distance(&right, 10.0);
        assert!((apart - 6.0_f32.hypot(3.0)).abs() < 1e-4, "{apart}");
        assert!(left.distance(&right, 2.0) > 2.0, "farther than asked for");
    }

    #[test]
    fn the_larger_pieces_tell_how_large_digits_are_and_the_usual_ones_how_wide_the_pen_is() {
        let pieces = [bar(0..5, 0..60), bar(20..25, 0..50), bar(40..42, 0..2), bar(50..65, 0..15)];
        let size = |pieces: &[Blot]| digit_size(pieces) as usize;
        assert_eq!([size(&pieces), size(&[])], [60, 0]);
        assert!((pen(&pieces) - 5.0).abs() < 0.5, "{}", pen(&pieces));
    }
}
