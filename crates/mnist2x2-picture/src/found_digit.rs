//! A digit that was found in a picture, and digits in it that touch.

use mnist2x2_data::PIXELS;

use crate::redraw::part_run;

/// A digit that was found in a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundDigit {
    /// It in MNIST's look, 28 x 28, row by row.
    pub pixels: [u8; PIXELS],
    /// Its place in the upright picture: left, top, width and height, in the picture's pixels.
    pub bounds: [u32; 4],
    /// It as a part of a line, 28 pixels high, row by row, if it is so wide that it may be several digits that touch.
    pub run: Option<Vec<u8>>,
}

impl FoundDigit {
    /// The places of `count` digits that touch in it, from left to right: even parts of its own.
    pub fn places(&self, count: usize) -> impl Iterator<Item = [u32; 4]> + use<> {
        let ([left, top, width, height], count) = (self.bounds, count as u32);
        (0..count).map(move |at| {
            let [start, end] = [at, at + 1].map(|at| left + width * at / count);
            [start, top, end - start, height]
        })
    }

    /// So many digits that touch in it, cut apart; it as it is, if it is one.
    pub(crate) fn parted(&self, count: usize) -> Vec<Self> {
        if count < 2 {
            return vec![self.clone()];
        }
        let pixels = part_run(self.run.as_deref().unwrap_or(&self.pixels), count);
        let parts = self.places(count).zip(pixels);
        parts.map(|(bounds, pixels)| Self { pixels, bounds, run: None }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two blocks of ink that touch, 13 and 16 columns wide, with a column between them that has little ink.
    fn run() -> FoundDigit {
        let ink = |at: usize| match (at % 30, at / 30) {
            (_, 0..4 | 24..) => 0,
            (13, _) => 10,
            _ => 200,
        };
        let run = (0..28 * 30).map(ink).collect();
        FoundDigit { pixels: [1; PIXELS], bounds: [10, 20, 90, 60], run: Some(run) }
    }

    #[test]
    fn digits_that_touch_are_cut_where_there_is_little_ink() {
        let parts = run().parted(2);
        assert_eq!(
            parts.iter().map(|part| part.bounds).collect::<Vec<_>>(),
            [[10, 20, 45, 60], [55, 20, 45, 60]]
        );
        let columns = |part: &FoundDigit| (0..28).filter(|x| part.pixels[14 * 28 + x] > 100).count();
        assert_eq!((columns(&parts[0]), columns(&parts[1])), (13, 16));
    }
}
