//! Lines that were printed and not written: guides between cells, frames around them.
//!
//! A printed line crosses most of the picture and is thin; the ink of digits does neither.

use std::ops::Range;

use crate::ink::Ink;

/// Ink above this counts, so that grey lines do.
const FAINT: u8 = 20;
/// The share of a picture's width, or height, that a printed line covers at least.
const COVERED: f32 = 0.7;
/// How thick it is at most, as a share of a cell's side.
const THICK: f32 = 0.06;

/// Takes the printed lines out of `ink` and tells where cells begin and end: `rows` + 1 and `cols` + 1 borders.
pub(crate) fn remove(ink: &mut Ink, rows: usize, cols: usize) -> [Vec<usize>; 2] {
    let level = bands(&coverage_of_rows(ink), ink.width, ink.height / rows);
    let upright = bands(&coverage_of_columns(ink), ink.height, ink.width / cols);
    for band in &level {
        erase_rows(ink, band);
    }
    for band in &upright {
        erase_columns(ink, band);
    }
    [borders(&level, rows, ink.height), borders(&upright, cols, ink.width)]
}

/// For each row, the pixels that are not paper.
fn coverage_of_rows(ink: &Ink) -> Vec<usize> {
    (0..ink.height).map(|y| ink.row(y).iter().filter(|&&value| value > FAINT).count()).collect()
}

/// For each column, the pixels that are not paper.
fn coverage_of_columns(ink: &Ink) -> Vec<usize> {
    let mut counts = vec![0; ink.width];
    for y in 0..ink.height {
        for (count, &value) in counts.iter_mut().zip(ink.row(y)) {
            *count += usize::from(value > FAINT);
        }
    }
    counts
}

/// Thin runs of rows (or columns) that ink covers for most of their `length`; cells are `side` wide.
fn bands(coverage: &[usize], length: usize, side: usize) -> Vec<Range<usize>> {
    let covered = |&count: &usize| count as f32 >= COVERED * length as f32;
    let mut bands: Vec<Range<usize>> = Vec::new();
    for at in (0..coverage.len()).filter(|&at| covered(&coverage[at])) {
        match bands.last_mut() {
            Some(band) if band.end == at => band.end += 1,
            _ => bands.push(at..at + 1),
        }
    }
    bands.retain(|band| band.len() as f32 <= (THICK * side as f32).max(2.0));
    bands
}

/// Fills a band of rows from the rows beside it, so that strokes that cross it stay whole.
fn erase_rows(ink: &mut Ink, band: &Range<usize>) {
    for x in 0..ink.width {
        let above = band.start.checked_sub(1).map_or(0, |y| ink.values[y * ink.width + x]);
        let below = ink.values.get(band.end * ink.width + x).copied().unwrap_or(0);
        for y in band.clone() {
            ink.values[y * ink.width + x] = above.min(below);
        }
    }
}

/// The same of a band of columns.
fn erase_columns(ink: &mut Ink, band: &Range<usize>) {
    for row in ink.values.chunks_exact_mut(ink.width) {
        let left = band.start.checked_sub(1).map_or(0, |x| row[x]);
        let right = row.get(band.end).copied().unwrap_or(0);
        row[band.clone()].fill(left.min(right));
    }
}

/// Where `cells` cells begin and end along `length` pixels: at the printed lines where those part them so, else at
/// equal distances.
fn borders(bands: &[Range<usize>], cells: usize, length: usize) -> Vec<usize> {
    let mut lines: Vec<usize> = bands.iter().map(|band| usize::midpoint(band.start, band.end)).collect();
    if lines.len() + 1 == cells {
        lines.insert(0, 0);
        lines.push(length);
    }
    let fair = |pair: &[usize]| 2 * cells * (pair[1] - pair[0]) >= length;
    if lines.len() == cells + 1 && lines.windows(2).all(fair) {
        return lines;
    }
    (0..=cells).map(|cell| cell * length / cells).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A blank page of 80 x 60.
    fn page() -> Ink {
        Ink { width: 80, height: 60, values: vec![0; 80 * 60] }
    }

    fn fill(ink: &mut Ink, x: Range<usize>, y: Range<usize>, value: u8) {
        for y in y {
            ink.values[y * ink.width..][x.clone()].fill(value);
        }
    }

    #[test]
    fn lines_vanish_and_strokes_that_cross_them_stay_whole() {
        let mut ink = page();
        fill(&mut ink, 20..24, 10..50, 255);
        let expected = ink.values.clone();
        fill(&mut ink, 0..80, 29..31, 128);
        fill(&mut ink, 39..40, 0..60, 90);
        let borders = remove(&mut ink, 2, 2);
        assert_eq!(borders, [vec![0, 30, 60], vec![0, 39, 80]]);
        assert!(ink.values == expected);
    }

    #[test]
    fn a_thick_bar_and_a_short_one_are_ink() {
        let mut ink = page();
        fill(&mut ink, 0..80, 10..16, 255);
        fill(&mut ink, 10..60, 40..41, 255);
        let before = ink.values.clone();
        assert_eq!(remove(&mut ink, 2, 1), [vec![0, 30, 60], vec![0, 80]]);
        assert!(ink.values == before);
    }

    #[test]
    fn cells_end_at_the_lines_of_a_frame_where_those_are_fair() {
        let at = |lines: &[usize]| lines.iter().map(|&at| at..at + 1).collect::<Vec<_>>();
        assert_eq!(borders(&at(&[10, 50, 92]), 2, 100), [10, 50, 92]);
        assert_eq!(borders(&at(&[46]), 2, 100), [0, 46, 100]);
        assert_eq!(borders(&at(&[12]), 2, 100), [0, 50, 100], "one cell too small");
        assert_eq!(borders(&at(&[3, 96]), 3, 99), [0, 33, 66, 99], "two lines at the rim");
    }
}
