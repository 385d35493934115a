//! From pieces of ink to digits, and from digits to lines and grids.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use mnist2x2_data::GridShape;

use crate::blot::{Blot, digit_size, overlap, pen};
use crate::mask::{Mask, Pixel, Sides};
use crate::rules::Rules;
use crate::{Error, digits};

/// What touches the edge of the picture along more than this share of a side is no ink.
const ALONG_EDGE: f32 = 0.3;

/// A piece larger than this share of a digit is a whole one.
pub(crate) const WHOLE: f32 = 0.55;
/// A piece whose strokes are so many times as wide as the pen's is none.
const SOLID: f32 = 2.5;

/// How the digits of a picture lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Arrangement {
    /// As it is found: one digit, a row, several rows, or a grid with empty cells.
    #[default]
    Auto,
    /// One row, of any number of digits.
    Line,
    /// So many rows and columns; cells may be empty.
    Grid(GridShape),
}

impl FromStr for Arrangement {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "auto" => Ok(Self::Auto),
            "line" => Ok(Self::Line),
            _ => text.parse().map(Self::Grid).map_err(|_| Error::Arrangement(text.into())),
        }
    }
}

impl fmt::Display for Arrangement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Line => f.write_str("line"),
            Self::Grid(shape) => shape.fmt(f),
        }
    }
}

/// The digits of a picture in lines, from above to below and from left to right, and how many columns they stand in if it
/// is a grid: then each line has a place for each column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    pub(crate) lines: Vec<Vec<Option<Blot>>>,
    pub(crate) is_grid: bool,
}

/// Finds the digits of a mask from which rules were taken: first what is likeliest, then other ways to see it.
pub(crate) fn find(mask: &Mask, rules: &Rules) -> Vec<Lines> {
    let sides = [mask.width, mask.height];
    let mut pieces: Vec<Blot> = mask.pieces().into_iter().map(Blot::of).collect();
    let pen = pen(&pieces);
    let all = pieces.len();
    pieces.retain(|piece| !is_surrounding(piece, sides, pen) && (all == 1 || !goes_through(piece, sides)));
    let sizes: Vec<Sides> = pieces.iter().map(|piece| [piece.x.clone(), piece.y.clone()]).collect();
    pieces.retain(|piece| !surrounds(piece, &sizes));
    let arranged = |digits: Vec<Blot>| {
        let mut lines = grid(lines(in_boxes(digits, &rules.boxes)));
        // An empty box has held a place until now.
        for place in lines.lines.iter_mut().flatten() {
            place.take_if(|digit| digit.pixels.is_empty());
        }
        lines.lines.retain(|line| line.iter().any(Option::is_some));
        lines
    };
    digits::ways(pieces).into_iter().map(arranged).collect()
}

/// So many boxes of about one size are those of a form.
const MANY: usize = 2;

/// The digits of a form with a box for each: all ink in a box is one digit, an empty one holds a blot without ink, and small
/// ink outside of them is what was left of printed lines.
fn in_boxes(digits: Vec<Blot>, boxes: &[Sides]) -> Vec<Blot> {
    let size = digit_size(&digits);
    let is_whole = |digit: &Blot| digit.size() > WHOLE * size;
    let cells = cells(&digits, boxes);
    let home = |digit: &Blot| cells.iter().position(|sides| holds(sides, digit));
    let homes: Vec<Option<usize>> = digits.iter().map(home).collect();
    let inside = digits.iter().zip(&homes).filter(|(digit, home)| home.is_some() && is_whole(digit)).count();
    let all = digits.iter().filter(|digit| is_whole(digit)).count();
    if cells.len() < 2 || 3 * inside < 2 * all {
        return digits;
    }
    let mut pixels: Vec<Vec<Pixel>> = vec![Vec::new(); cells.len()];
    let mut found = Vec::new();
    for (digit, home) in digits.into_iter().zip(homes) {
        match home {
            Some(home) => pixels[home].extend(digit.pixels),
            None => found.extend((digit.size() >= WHOLE * size).then_some(digit)),
        }
    }
    let area = |sides: &Sides| sides[0].len() * sides[1].len();
    let is_filled = |(_, pixels): &(&&Sides, &Vec<Pixel>)| !pixels.is_empty();
    let mut filled: Vec<usize> =
        cells.iter().zip(&pixels).filter(is_filled).map(|(sides, _)| area(sides)).collect();
    filled.sort_unstable();
    let usual = filled.get(filled.len() / 2).copied().unwrap_or(0);
    for (pixels, sides) in pixels.into_iter().zip(cells) {
        if !pixels.is_empty() {
            found.push(Blot::of(pixels));
        } else if (usual / 2..usual * 2).contains(&area(sides)) {
            found.push(Blot { pixels, x: sides[0].clone(), y: sides[1].clone(), edge: Vec::new() });
        }
    }
    found
}

/// The boxes that hold a digit each, or none.
fn cells<'a>(digits: &[Blot], boxes: &'a [Sides]) -> Vec<&'a Sides> {
    let size = digit_size(digits);
    let whole = |sides: &Sides| {
        digits.iter().filter(|digit| digit.size() > WHOLE * size && holds(sides, digit)).count()
    };
    // One smaller than a digit is a square of the paper.
    let may_be_cell = |sides: &&Sides| {
        let [shorter, longer] = [sides[0].len().min(sides[1].len()), sides[0].len().max(sides[1].len())];
        longer as f32 > 0.9 * size && 3 * shorter > longer
    };
    // A box of two whole digits is a frame; or it is one of many, and holds a digit that is in two pieces.
    let (mut cells, others): (Vec<_>, Vec<_>) =
        boxes.iter().filter(may_be_cell).partition(|sides| whole(sides) <= 1);
    let is_alike = |one: &Sides, other: &Sides| {
        (0..2).all(|k| 5 * one[k].len().abs_diff(other[k].len()) <= other[k].len())
    };
    let is_one_of_many = |sides: &&&Sides| {
        whole(sides) == 2 && cells.iter().filter(|other| is_alike(sides, other)).count() >= MANY
    };
    let of_pieces: Vec<_> = others.iter().filter(is_one_of_many).copied().collect();
    cells.extend(of_pieces);
    cells
}

/// Whether the center of a digit lies in a box.
fn holds(sides: &Sides, digit: &Blot) -> bool {
    (0..2).all(|k| sides[k].contains(&(digit.center()[k] as usize)))
}

/// Whether a piece lies along an edge of the picture, as a table or the edge of the sheet does, or touches it and is thicker
/// than any pen stroke, as the tip of a shadow is.
fn is_surrounding(piece: &Blot, sides: [usize; 2], usual: f32) -> bool {
    let touching =
        |axis: usize, at: usize| piece.pixels.iter().filter(|pixel| usize::from(pixel[axis]) == at).count();
    let along = |axis: usize| touching(axis, 0).max(touching(axis, sides[axis] - 1)) as f32;
    let is_along = along(0) > ALONG_EDGE * sides[1] as f32 || along(1) > ALONG_EDGE * sides[0] as f32;
    is_along || (along(0) + along(1) > 0.0 && piece.stroke_width() > SOLID * usual)
}

/// Whether others lie within a piece, as digits within what is left of a frame, or of the edge of the sheet.
fn surrounds(piece: &Blot, others: &[Sides]) -> bool {
    let holds = |other: &&Sides| {
        let is_inside =
            |whole: &Range<usize>, part: &Range<usize>| whole.start < part.start && part.end < whole.end;
        is_inside(&piece.x, &other[0])
            && is_inside(&piece.y, &other[1])
            && other[0].len().max(other[1].len()) > 14
    };
    others.iter().filter(holds).count() >= 2
}

/// Whether a piece goes from one edge of the picture to the other.
fn goes_through(piece: &Blot, sides: [usize; 2]) -> bool {
    piece.x.len() >= sides[0] - 1 || piece.y.len() >= sides[1] - 1
}

/// Digits put into lines.
fn lines(mut digits: Vec<Blot>) -> Vec<Vec<Blot>> {
    digits.sort_by(|a, b| a.center()[0].total_cmp(&b.center()[0]));
    let mut lines: Vec<Vec<Blot>> = Vec::new();
    for digit in digits {
        let fits = |line: &Vec<Blot>| {
            // Beside the last digits of the line, which may slant.
            line.iter().rev().take(2).map(|other| beside(other, &digit)).fold(0.0, f32::max)
        };
        let best = (0..lines.len()).max_by(|&a, &b| fits(&lines[a]).total_cmp(&fits(&lines[b])));
        match best.filter(|&line| fits(&lines[line]) > 0.0) {
            Some(line) => lines[line].push(digit),
            None => lines.push(vec![digit]),
        }
    }
    let height = |line: &[Blot]| line.iter().map(|digit| digit.center()[1]).sum::<f32>() / line.len() as f32;
    lines.sort_by(|a, b| height(a).total_cmp(&height(b)));
    lines
}

/// The share of the lower of two digits that stands beside the other, if they can be of one line; else 0.
fn beside(a: &Blot, b: &Blot) -> f32 {
    let share = overlap(&a.y, &b.y) as f32 / a.y.len().min(b.y.len()) as f32;
    let far = (a.center()[1] - b.center()[1]).abs() / a.y.len().max(b.y.len()) as f32;
    if share >= 0.4 && far <= 0.65 { share - far } else { 0.0 }
}

/// Lines as a grid, if their digits stand in columns.
fn grid(lines: Vec<Vec<Blot>>) -> Lines {
    let plain = |lines: Vec<Vec<Blot>>| Lines {
        lines: lines.into_iter().map(|line| line.into_iter().map(Some).collect()).collect(),
        is_grid: false,
    };
    if lines.len() < 2 {
        return plain(lines);
    }
    let Some(columns) = columns(&lines) else { return plain(lines) };
    let mut places: Vec<Vec<Option<Blot>>> = Vec::new();
    for line in lines {
        let mut row: Vec<Option<Blot>> = vec![None; columns.len()];
        for digit in line {
            let nearest = |at: f32| {
                (0..columns.len())
                    .min_by(|&a, &b| (columns[a] - at).abs().total_cmp(&(columns[b] - at).abs()))
            };
            if let Some(column) = nearest(digit.center()[0]) {
                row[column] = Some(digit);
            }
        }
        places.push(row);
    }
    Lines { lines: places, is_grid: true }
}

/// The middles of the columns that the digits of all lines stand in; nothing if two of one line stand in one column, or
/// columns run together.
fn columns(lines: &[Vec<Blot>]) -> Option<Vec<f32>> {
    let mut centers: Vec<(f32, usize)> = Vec::new();
    for (line, digits) in lines.iter().enumerate() {
        centers.extend(digits.iter().map(|digit| (digit.center()[0], line)));
    }
    centers.sort_by(|a, b| a.0.total_cmp(&b.0));
    // A column is new where a digit stands farther from the column's first than half of what parts two digits of a line.
    let steps =
        lines.iter().flat_map(|line| line.windows(2).map(|pair| pair[1].center()[0] - pair[0].center()[0]));
    let step = steps.fold(f32::MAX, f32::min);
    let mut columns: Vec<Vec<(f32, usize)>> = Vec::new();
    for center in centers {
        match columns.last_mut() {
            Some(column)
                if center.0 - column[0].0 < 0.6 * step && column.iter().all(|other| other.1 != center.1) =>
            {
                column.push(center);
            }
            _ => columns.push(vec![center]),
        }
    }
    let cells = lines.len() * columns.len();
    let filled: usize = lines.iter().map(Vec::len).sum();
    let middle =
        |column: &Vec<(f32, usize)>| column.iter().map(|center| center.0).sum::<f32>() / column.len() as f32;
    let middles: Vec<f32> = columns.iter().map(middle).collect();
    let is_even = middles.windows(2).all(|pair| pair[1] - pair[0] >= 0.6 * step);
    (is_even && 2 * filled >= cells).then_some(middles)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ink of a rectangle.
    fn ink(x: Range<usize>, y: Range<usize>) -> Blot {
        Blot::of(y.flat_map(|y| x.clone().map(move |x| [x as u16, y as u16])).collect())
    }

    #[test]
    fn the_ink_in_a_form_s_box_is_one_digit_and_in_a_lone_frame_it_is_many() {
        let boxes: Vec<Sides> = [0, 50, 100].map(|left| [left..left + 40, 0..44]).into();
        let digits =
            || vec![ink(10..25, 5..35), ink(60..75, 5..35), ink(110..114, 5..30), ink(120..124, 8..35)];
        let columns = |boxes| in_boxes(digits(), boxes).into_iter().map(|digit| digit.x).collect::<Vec<_>>();
        assert_eq!(columns(&boxes), [10..25, 60..75, 110..124]);
        assert_eq!(columns(&boxes[1..]), [10..25, 60..75, 110..114, 120..124], "too few boxes alike");
        assert_eq!(columns(&[]).len(), 4);
    }
}
