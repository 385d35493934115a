//! Digits too faint to be found, in cells of a grid that seem to be empty.

use std::ops::Range;

use crate::blot::quantile;
use crate::ink::Ink;
use crate::mask::{Mask, Pixel, spans};
use crate::paper::smooth;
use crate::segmentation::Segment;

/// A trace is as faint as this share of what is certainly no grain of the paper.
const FAINT: f32 = 0.4;
/// The least and the greatest length of one, as a share of a digit's size; and of what else is a part of it.
const LENGTH: [f32; 2] = [0.5, 1.6];
const PART: f32 = 0.15;

/// The traces in cells without a digit, by row and column.
pub(crate) fn traces(rows: &[Vec<Option<Segment>>], ink: &Ink) -> Vec<(usize, usize, Segment)> {
    if rows.iter().flatten().all(Option::is_some) {
        return Vec::new();
    }
    let side = |digit: &Segment| digit.x.len().max(digit.y.len()) as f32;
    let size = quantile(0.5, rows.iter().flatten().flatten().map(|digit| (side(digit), 1)));
    let (smoothed, least) = (smooth(&ink.values, ink.width), (FAINT * f32::from(ink.faintest)) as u8);
    let trace = |x: Range<usize>, y: Range<usize>| {
        let inked =
            y.clone().flat_map(|y| smoothed[y * ink.width..][x.clone()].iter().map(|&value| value >= least));
        let cell = Mask { inked: inked.collect(), ..Mask::blank(x.len(), y.len()) };
        let length =
            |pixels: &[Pixel]| spans(pixels).map(|span| span.len()).into_iter().max().unwrap_or(0) as f32;
        let mut pieces = cell.pieces();
        pieces.retain(|piece| length(piece) >= PART * size);
        let longest = pieces.iter().map(|piece| length(piece)).fold(0.0, f32::max);
        let place = |[column, row]: Pixel| [column + x.start as u16, row + y.start as u16];
        let pixels: Vec<Pixel> = pieces.into_iter().flatten().map(place).collect();
        (longest >= LENGTH[0] * size && length(&pixels) <= LENGTH[1] * size).then(|| Segment::of(&pixels))
    };
    // A cell lies beside the digits of its row and below those of its column.
    let of_cell = |row: usize, column: usize| {
        let of_column = rows.iter().filter_map(|row| row.get(column)?.as_ref());
        let x = around(of_column.map(|digit| &digit.x))?;
        trace(x, around(rows[row].iter().flatten().map(|digit| &digit.y))?)
    };
    let cells = rows.iter().enumerate().flat_map(|(at, row)| (0..row.len()).map(move |column| (at, column)));
    let empty = cells.filter(|&(row, column)| rows[row][column].is_none());
    empty.filter_map(|(row, column)| Some((row, column, of_cell(row, column)?))).collect()
}

/// What spans all of these ranges.
fn around<'a>(ranges: impl Iterator<Item = &'a Range<usize>>) -> Option<Range<usize>> {
    ranges.cloned().reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(inked: &[(Range<usize>, Range<usize>, u8)]) -> Ink {
        Ink::page([60, 60], inked)
    }

    #[test]
    fn a_faint_digit_in_an_empty_cell_is_found_and_specks_are_not() {
        let digits = [(8..20, 5..25, 200), (40..50, 5..25, 200), (8..20, 35..55, 200)];
        let found = |inked: &[(Range<usize>, Range<usize>, u8)]| {
            let ink = page(&[&digits[..], inked].concat());
            let mut segments =
                Mask::open(&ink, 100).pieces().into_iter().map(|pixels| Some(Segment::of(&pixels)));
            let above: Vec<_> = segments.by_ref().take(2).collect();
            assert!(traces(&[above.clone(), above.clone()], &ink).is_empty(), "no cell is empty");
            let found = traces(&[above, vec![segments.next().flatten(), None]], &ink);
            found
                .into_iter()
                .map(|(row, column, digit)| ([row, column], digit.x, digit.y))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(&[(43..46, 36..54, 14)]), [([1, 1], 43..46, 36..54)]);
        assert!(found(&[]).is_empty() && found(&[(43..46, 40..43, 60)]).is_empty());
        assert!(found(&[(43..46, 36..54, 4)]).is_empty(), "grain");
        assert!(found(&[(28..31, 36..54, 14)]).is_empty(), "between the cells");
    }
}
