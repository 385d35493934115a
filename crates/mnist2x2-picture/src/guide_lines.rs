//! Guide lines: lines that were printed and not written, between cells and around them.
//!
//! A printed line crosses most of the picture and is thin; the ink of digits does neither.

use std::ops::Range;

use mnist2x2_data::GridShape;

use crate::ink::Ink;

/// Ink above this counts, so that gray lines do.
const FAINT: u8 = 20;
/// The share of a picture's width, or height, that a printed line covers at least.
const COVERED: f32 = 0.7;
/// How thick it is at most, as a share of a cell's side.
const THICK: f32 = 0.06;

/// Takes the printed lines out of `ink` and tells where cells begin and end: the borders of its rows, one more than there
/// are, and those of its columns.
pub(crate) fn remove(ink: &mut Ink, shape: GridShape) -> [Vec<usize>; 2] {
    let (width, height) = (ink.width, ink.height);
    let [of_rows, of_columns] = coverage(ink);
    let level = bands(&of_rows, width, height / shape.rows);
    let upright = bands(&of_columns, height, width / shape.cols);
    for band in &level {
        erase(&mut ink.values, band, [height, width], |y, x| y * width + x);
    }
    for band in &upright {
        erase(&mut ink.values, band, [width, height], |x, y| y * width + x);
    }
    [borders(&level, shape.rows, height), borders(&upright, shape.cols, width)]
}

/// For each row, and for each column, the pixels that are not paper.
fn coverage(ink: &Ink) -> [Vec<usize>; 2] {
    let (mut of_rows, mut of_columns) = (vec![0; ink.height], vec![0; ink.width]);
    for (row, of_row) in ink.values.chunks_exact(ink.width).zip(&mut of_rows) {
        for (&value, of_column) in row.iter().zip(&mut of_columns) {
            let counted = usize::from(value > FAINT);
            *of_row += counted;
            *of_column += counted;
        }
    }
    [of_rows, of_columns]
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

/// Fills a band of rows (or columns) from those beside it, so that strokes that cross it stay whole. There are `count` of
/// them, each of `length` pixels, and `place` tells where such a pixel is.
fn erase(
    values: &mut [u8],
    band: &Range<usize>,
    [count, length]: [usize; 2],
    place: impl Fn(usize, usize) -> usize,
) {
    for along in 0..length {
        let before = band.start.checked_sub(1).map_or(0, |row| values[place(row, along)]);
        let after = if band.end < count { values[place(band.end, along)] } else { 0 };
        band.clone().for_each(|row| values[place(row, along)] = before.min(after));
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
        let borders = remove(&mut ink, GridShape { rows: 2, cols: 2 });
        assert_eq!(borders, [vec![0, 30, 60], vec![0, 39, 80]]);
        assert!(ink.values == expected);
    }

    #[test]
    fn a_thick_bar_and_a_short_one_are_ink() {
        let mut ink = page();
        fill(&mut ink, 0..80, 10..16, 255);
        fill(&mut ink, 10..60, 40..41, 255);
        let before = ink.values.clone();
        assert_eq!(remove(&mut ink, GridShape { rows: 2, cols: 1 }), [vec![0, 30, 60], vec![0, 80]]);
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
