//! Pictures of another size.

use std::ops::Range;

use image::GrayImage;

/// `picture` at another size, row by row.
pub(crate) fn resample(picture: &GrayImage, width: usize, height: usize) -> Vec<u8> {
    let [from_width, from_height] = [picture.width(), picture.height()].map(|side| side as usize);
    if (from_width, from_height) == (width, height) {
        return picture.as_raw().clone();
    }
    let (down, across) = (taps(from_height, height), taps(from_width, width));
    let mut sum = vec![0.0; from_width];
    let mut out = Vec::with_capacity(width * height);
    for (rows, shares) in down {
        sum.fill(0.0);
        for (row, share) in rows.zip(shares) {
            let row = &picture.as_raw()[row * from_width..][..from_width];
            sum.iter_mut().zip(row).for_each(|(sum, &gray)| *sum += share * f32::from(gray));
        }
        out.extend(across.iter().map(|(columns, shares)| {
            let gray: f32 = sum[columns.clone()].iter().zip(shares).map(|(gray, share)| gray * share).sum();
            (gray + 0.5) as u8
        }));
    }
    out
}

/// For each of `to` pixels of a row the pixels that it is made of, of a row of `from` pixels, and the share of each of
/// them; they add up to 1.
///
/// Of a longer row it is the part that it covers (so that thin strokes fade but stay, and what was enlarged by a whole
/// factor comes back exactly), of a shorter one the two nearest are interpolated.
fn taps(from: usize, to: usize) -> Vec<(Range<usize>, Vec<f32>)> {
    let ratio = from as f64 / to as f64;
    let reach = ratio.max(1.0) / 2.0;
    // Rounding must not make a neighbour of what is covered exactly.
    let count = ((2.0 * reach - 1e-9).ceil() as usize + usize::from(ratio.fract() != 0.0)).min(from);
    let tap = |at: usize| {
        let middle = ((at as f64 + 0.5) * ratio).clamp(reach, from as f64 - reach);
        let (low, high) = (middle - reach, middle + reach);
        let first = ((low + 1e-9) as usize).min(from - count);
        let covered =
            |k: usize| ((high.min((k + 1) as f64) - low.max(k as f64)) / (2.0 * reach)).max(0.0) as f32;
        let columns = first..first + count;
        (columns.clone(), columns.map(covered).collect())
    };
    (0..to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, imageops};

    use super::*;

    fn picture(width: u32, height: u32) -> GrayImage {
        GrayImage::from_fn(width, height, |x, y| Luma([(x * 37 + y * 11 + x * y * 3) as u8]))
    }

    #[test]
    fn what_was_enlarged_by_a_whole_factor_comes_back() {
        let small = picture(7, 5);
        let large = imageops::resize(&small, 7 * 9, 5 * 4, imageops::Nearest);
        assert_eq!(resample(&large, 7, 5), small.as_raw().as_slice());
        assert_eq!(resample(&small, 7, 5), small.as_raw().as_slice());
    }

    #[test]
    fn the_mean_stays_at_any_size() {
        let picture = picture(61, 43);
        let mean = |grays: &[u8]| grays.iter().map(|&gray| f64::from(gray)).sum::<f64>() / grays.len() as f64;
        for (width, height) in [(60, 42), (13, 29), (7, 3), (1, 1)] {
            let difference = mean(&resample(&picture, width, height)) - mean(picture.as_raw());
            assert!(difference.abs() < 1.0, "{width} x {height}: {difference}");
        }
    }

    #[test]
    fn a_slope_stays_a_slope_when_it_is_enlarged() {
        let slope = GrayImage::from_fn(5, 1, |x, _| Luma([40 * x as u8]));
        let large = resample(&slope, 20, 3);
        let row: Vec<u8> = (2..18).map(|x| 10 * x as u8 - 15).collect();
        assert!(large.chunks_exact(20).all(|found| found[2..18] == row), "{large:?}");
    }
}
