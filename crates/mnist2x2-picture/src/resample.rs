//! Pictures of another size.

use image::GrayImage;
use pulp::Arch;

/// `picture` at another size, row by row.
pub(crate) fn resample(picture: &GrayImage, width: usize, height: usize) -> Vec<u8> {
    let [from_width, from_height] = [picture.width(), picture.height()].map(|side| side as usize);
    if (from_width, from_height) == (width, height) {
        return picture.as_raw().clone();
    }
    let mut out = Vec::with_capacity(width * height);
    // With the widest vectors of the processor.
    Arch::new().dispatch(|| resample_into(&mut out, picture, width, height));
    out
}

/// Appends `picture` at another size.
#[inline(always)]
fn resample_into(out: &mut Vec<u8>, picture: &GrayImage, width: usize, height: usize) {
    let [from_width, from_height] = [picture.width(), picture.height()].map(|side| side as usize);
    let (down, across) = (Taps::new(from_height, height), Taps::new(from_width, width));
    let (mut columns, mut row) = (vec![0.0; from_width], vec![0.0; width]);
    for (y, &top) in down.firsts.iter().enumerate() {
        columns.fill(0.0);
        let grays = picture.as_raw()[top * from_width..].chunks_exact(from_width);
        for (shares, grays) in down.shares.iter().zip(grays) {
            columns.iter_mut().zip(grays).for_each(|(sum, &gray)| *sum += shares[y] * f32::from(gray));
        }
        // Tap by tap, for what goes over a whole row is done in vectors.
        row.fill(0.0);
        for (k, shares) in across.shares.iter().enumerate() {
            let columns = &columns[k..];
            for ((sum, &left), share) in row.iter_mut().zip(&across.firsts).zip(shares) {
                *sum += share * columns[left];
            }
        }
        out.extend(row.iter().map(|sum| whole(sum + 0.5)));
    }
}

/// The whole part of a number from 0 to less than 256, as `as u8` gives it; that one saturates, for which processors have no
/// vectors.
pub(crate) fn whole(number: f32) -> u8 {
    /// So large numbers have no fraction, and end with the whole number that was added to them.
    const LARGE: f32 = 8_388_608.0;
    let rounded = number + LARGE;
    let is_above = rounded - LARGE > number;
    rounded.to_bits().wrapping_sub(u32::from(is_above)) as u8
}

/// For each pixel of a row the pixels of another row that it is made of, equally many, and the share of each of them; they
/// add up to 1.
///
/// Of a longer row it is the part that it covers (so that thin strokes fade but stay, and what was enlarged by a whole
/// factor comes back exactly), of a shorter one the two nearest are interpolated.
struct Taps {
    firsts: Vec<usize>,
    /// For each of the pixels that one is made of, the first, the second and so on, its share in all.
    shares: Vec<Vec<f32>>,
}

impl Taps {
    /// Of `to` pixels made of `from` pixels.
    fn new(from: usize, to: usize) -> Self {
        let ratio = from as f64 / to as f64;
        let reach = ratio.max(1.0) / 2.0;
        // Rounding must not make a neighbor of what is covered exactly.
        let count = ((2.0 * reach - 1e-9).ceil() as usize + usize::from(ratio.fract() != 0.0)).min(from);
        let (mut firsts, mut shares) = (Vec::with_capacity(to), vec![Vec::with_capacity(to); count]);
        for at in 0..to {
            let middle = ((at as f64 + 0.5) * ratio).clamp(reach, from as f64 - reach);
            let (low, high) = (middle - reach, middle + reach);
            let first = ((low + 1e-9) as usize).min(from - count);
            firsts.push(first);
            for (k, shares) in (first..).zip(&mut shares) {
                let covered = (high.min((k + 1) as f64) - low.max(k as f64)) / (2.0 * reach);
                shares.push(covered.max(0.0) as f32);
            }
        }
        Self { firsts, shares }
    }
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, imageops};

    use super::*;

    fn picture(width: u32, height: u32) -> GrayImage {
        GrayImage::from_fn(width, height, |x, y| Luma([(x * 37 + y * 11 + x * y * 3) as u8]))
    }

    #[test]
    fn whole_parts_are_those_of_the_language() {
        let numbers = (0..256).flat_map(|n| [0.0, 0.25, 0.5, 0.75, 0.99].map(|part| n as f32 + part));
        let near = |number: f32| [number.next_down().max(0.0), number, number.next_up()];
        for number in numbers.flat_map(near) {
            assert_eq!(whole(number), number as u8, "{number}");
        }
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
