//! The windows that a convolution looks through, as rows of a matrix.

use std::ops::Range;

/// Rows and columns of a window.
pub(crate) const SIDE: usize = 3;

/// Windows of 3 x 3 over a map of `height` x `width` pixels with `channels` numbers each, the channels of a pixel side
/// by side.
///
/// The middle of a window is on every `stride`-th pixel, the first included. What of a window lies outside the map is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) stride: usize,
}

impl Windows {
    /// How many numbers the map has.
    pub(crate) fn map_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Rows and columns of windows.
    pub(crate) fn grid(&self) -> [usize; 2] {
        [self.height, self.width].map(|side| side.div_ceil(self.stride))
    }

    /// How many windows there are.
    pub(crate) fn count(&self) -> usize {
        self.grid().iter().product()
    }

    /// How many numbers a window shows.
    pub(crate) fn window_len(&self) -> usize {
        SIDE * SIDE * self.channels
    }

    /// `windows` (windows, 9 channels) becomes what each window shows, row by row.
    pub(crate) fn gather(&self, map: &[f32], windows: &mut [f32]) {
        for (place, line) in
            windows[..self.count() * self.window_len()].chunks_exact_mut(self.line_len()).enumerate()
        {
            let (inside, from) = self.line(place);
            line[..inside.start].fill(0.0);
            line[inside.clone()].copy_from_slice(&map[from..from + inside.len()]);
            line[inside.end..].fill(0.0);
        }
    }

    /// Adds to every number of `map` what the windows that show it hold for it.
    pub(crate) fn scatter(&self, windows: &[f32], map: &mut [f32]) {
        for (place, line) in
            windows[..self.count() * self.window_len()].chunks_exact(self.line_len()).enumerate()
        {
            let (inside, to) = self.line(place);
            let shown = map[to..to + inside.len()].iter_mut();
            shown.zip(&line[inside]).for_each(|(sum, part)| *sum += part);
        }
    }

    /// How many numbers one line of a window shows; they lie side by side in the map.
    fn line_len(&self) -> usize {
        SIDE * self.channels
    }

    /// The part of a line that lies inside the map, and where it begins there; lines are counted window after window.
    fn line(&self, place: usize) -> (Range<usize>, usize) {
        let columns = self.grid()[1];
        let (window, line) = (place / SIDE, place % SIDE);
        // Both are one more than the pixel's place, because a window begins one pixel before its middle.
        let (row, left) = (window / columns * self.stride + line, window % columns * self.stride);
        if row == 0 || row > self.height {
            return (0..0, 0);
        }
        let (first, last) = (usize::from(left == 0), SIDE.min(self.width + 1 - left));
        let from = ((row - 1) * self.width + left + first - 1) * self.channels;
        (first * self.channels..last * self.channels, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_oracle::numbers;

    const SIZES: [[usize; 4]; 5] = [[5, 4, 2, 1], [4, 7, 3, 2], [6, 6, 1, 3], [1, 2, 1, 1], [1, 1, 2, 2]];

    /// What the window at (row, column) shows at its own (i, j) of channel `channel`.
    fn shown(w: Windows, map: &[f32], [row, column, i, j, channel]: [usize; 5]) -> f32 {
        let (y, x) = (row * w.stride + i, column * w.stride + j);
        let inside = (1..=w.height).contains(&y) && (1..=w.width).contains(&x);
        if inside { map[((y - 1) * w.width + x - 1) * w.channels + channel] } else { 0.0 }
    }

    #[test]
    fn windows_show_their_surroundings_and_zero_outside() {
        for [height, width, channels, stride] in SIZES {
            let w = Windows { height, width, channels, stride };
            let map = numbers(w.map_len(), 1);
            let mut windows = vec![f32::NAN; w.count() * w.window_len()];
            w.gather(&map, &mut windows);
            let mut windows = windows.into_iter();
            let [rows, columns] = w.grid();
            for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                for (i, j) in (0..9).map(|place| (place / 3, place % 3)) {
                    for channel in 0..channels {
                        assert_eq!(
                            windows.next(),
                            Some(shown(w, &map, [row, column, i, j, channel])),
                            "{w:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn scattering_is_the_transpose_of_gathering() {
        for [height, width, channels, stride] in SIZES {
            let w = Windows { height, width, channels, stride };
            let (map, upstream) = (numbers(w.map_len(), 1), numbers(w.count() * w.window_len(), 2));
            let (mut windows, mut sums) = (upstream.clone(), vec![0.0; map.len()]);
            w.gather(&map, &mut windows);
            w.scatter(&upstream, &mut sums);
            let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
            assert!((product(&windows, &upstream) - product(&map, &sums)).abs() < 1e-4, "{w:?}");
        }
    }
}
