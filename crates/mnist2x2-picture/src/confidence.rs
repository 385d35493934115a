//! How likely what was found in a picture is all that is there, and nothing else.

use crate::blot::quantile;
use crate::rules::Rules;
use crate::segmentation::Segment;

/// Ink so many times as wide as it is high may be two digits.
const WIDE: f32 = 1.2;
/// Strokes so many times as wide as the others' are none of the same pen.
const BOLD: f32 = 2.0;
/// And strokes of more than this share of a digit's size are a blob.
const BLOB: f32 = 0.33;
/// How likely ink is a digit all the same: ink that is wide, at the picture's edge, bold, or at a side of its box; how likely lines
/// are right that are no grid; and digits of which there is only a trace. Chosen on the set `tuning` of `eval --paper`.
const DOUBTS: [f32; 6] = [0.7, 0.8, 0.8, 0.85, 0.85, 0.8];

/// How likely it is that these are the digits: less for ink in cells that is wider than a digit and may be two, for ink at the
/// edge of the picture, which may be a table's, for strokes much wider than the others, for ink at a side of its box, for lines of no
/// even length, and where one is only a trace.
pub(crate) fn confidence(
    rows: &[Vec<Option<Segment>>],
    rules: &Rules,
    [is_grid, in_cells, has_traces]: [bool; 3],
    [width, height]: [usize; 2],
) -> f32 {
    let digits: Vec<&Segment> = rows.iter().flatten().flatten().collect();
    let usual = quantile(0.5, digits.iter().map(|digit| (digit.stroke_width, 1)));
    let of_digit = |digit: &&Segment| {
        let is_wide = in_cells && digit.x.len() as f32 > WIDE * digit.y.len() as f32;
        let is_at_edge =
            digit.x.start == 0 || digit.y.start == 0 || digit.x.end == width || digit.y.end == height;
        let size = digit.x.len().max(digit.y.len()) as f32;
        let is_bold = digit.stroke_width > (BOLD * usual).min(BLOB * size);
        let is_cut = rules.are_touched_by(&digit.x, &digit.y);
        doubts([(is_wide, DOUBTS[0]), (is_at_edge, DOUBTS[1]), (is_bold, DOUBTS[2]), (is_cut, DOUBTS[3])])
    };
    let of_all = [(rows.len() > 1 && !is_grid, DOUBTS[4]), (has_traces, DOUBTS[5])];
    doubts(of_all) * digits.iter().map(of_digit).product::<f32>()
}

/// The product of those that hold.
fn doubts<const N: usize>(doubts: [(bool, f32); N]) -> f32 {
    doubts.into_iter().map(|(holds, doubt)| if holds { doubt } else { 1.0 }).product()
}
