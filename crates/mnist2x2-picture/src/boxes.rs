//! Boxes that were printed around digits: made of the lines that were found.

use std::ops::Range;

use crate::blot::overlap;
use crate::mask::{Mask, Sides};
use crate::straight_lines::Line;

/// How far the ends of two lines may lie apart that meet in a corner: in thicknesses and as a share of their length.
const CORNER: [f32; 2] = [0.7, 0.06];
/// The least length of the sides of a box of which one is hidden.
const HIDDEN: f32 = 0.14;

/// Four lines around a box: the level ones, above and below, and the upright ones, left and right.
pub(crate) struct Frame {
    pub(crate) sides: [[Line; 2]; 2],
    /// Whether one of them was not seen.
    pub(crate) is_open: bool,
}

impl Frame {
    /// The columns and the rows that it holds.
    fn inside(&self) -> Sides {
        let middle = |line: &Line| line.y((line.x.start + line.x.end) as f32 / 2.0).max(0.0) as usize;
        [1, 0].map(|axis| middle(&self.sides[axis][0])..middle(&self.sides[axis][1]))
    }

    /// Whether there is ink within it, away from its lines: what hides a side of it.
    pub(crate) fn holds_ink(&self, mask: &Mask, thick: usize) -> bool {
        let [x, y] = self.inside();
        let within = |side: Range<usize>, end: usize| {
            (side.start + thick).min(end)..side.end.saturating_sub(thick).min(end)
        };
        let columns = within(x, mask.width);
        let rows = within(y, mask.height);
        let inked =
            |y: usize| mask.inked[y * mask.width..][columns.clone()].iter().filter(|inked| **inked).count();
        columns.start < columns.end && rows.map(inked).sum::<usize>() > thick * thick
    }
}

/// The boxes that lines make on a page of these sides: two lines side by side and at least one between their ends. The
/// other may be hidden by a digit, or both be seen in pieces.
pub(crate) fn boxes(lines: &[Vec<Line>; 2], thick: f32, sides: [usize; 2]) -> Vec<Frame> {
    let mut boxes: Vec<Frame> = Vec::new();
    for axis in 0..2 {
        let [along, across] = [&lines[axis], &lines[1 - axis]];
        for first in along {
            for second in along {
                let found = between([first, second], across, thick, sides);
                let Some((others, is_open)) = found else { continue };
                let pair = [first.clone(), second.clone()];
                let sides = if axis == 0 { [pair, others] } else { [others, pair] };
                let frame = Frame { sides, is_open };
                if boxes.iter().all(|other| other.inside() != frame.inside()) {
                    boxes.push(frame);
                }
            }
        }
    }
    boxes
}

/// The lines between the ends of two lines, the first of which comes first; nothing if they do not make a box.
fn between(
    [first, second]: [&Line; 2],
    across: &[Line],
    thick: f32,
    sides: [usize; 2],
) -> Option<([Line; 2], bool)> {
    let [high, low] = [first.ends(), second.ends()];
    let near = CORNER[0] * thick + CORNER[1] * first.len().min(second.len());
    let distance = low[0][1] - high[0][1];
    if distance < 2.0 * near || (0..2).any(|end| (high[end][0] - low[end][0]).abs() > 2.0 * near) {
        return None;
    }
    let side = |end: usize| {
        let off = |line: &Line| {
            let ends = line.ends().map(|[y, x]| [x, y]);
            let off = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).abs().max((a[1] - b[1]).abs());
            off(ends[0], high[end]).max(off(ends[1], low[end]))
        };
        across.iter().filter(|line| off(line) <= near).min_by(|a, b| off(a).total_cmp(&off(b)))
    };
    let whole = [0, 1].map(side);
    if let [Some(left), Some(right)] = whole {
        return Some(([left.clone(), right.clone()], false));
    }
    let least = HIDDEN * sides[0].min(sides[1]) as f32;
    let is_sure = whole.into_iter().flatten().chain([first, second]).all(|line| line.len() >= least);
    let is_even = (0..2).all(|end| (high[end][0] - low[end][0]).abs() <= near);
    let is_square = is_even && distance < 2.5 * first.len() && first.len() < 2.5 * distance;
    if !is_sure || !is_square {
        return None;
    }
    let straight = [0, 1].map(|end| Line::through(high[end], low[end], first.thick));
    let is_seen = [0, 1].map(|end| whole[end].is_some() || straight[end].is_seen_in(across));
    let others = [0, 1].map(|end| whole[end].unwrap_or(&straight[end]).clone());
    let is_open = is_seen != [true; 2];
    (!is_open || whole.iter().any(Option::is_some)).then_some((others, is_open))
}

/// The insides of boxes that hold no other.
pub(crate) fn insides(boxes: &[Frame]) -> Vec<Sides> {
    let all: Vec<Sides> = boxes.iter().map(Frame::inside).collect();
    let holds = |a: &Sides, b: &Sides| {
        a != b
            && (0..2)
                .all(|k| a[k].contains(&usize::midpoint(b[k].start, b[k].end)) && a[k].len() > b[k].len())
    };
    let inner: Vec<_> = all.iter().filter(|a| !all.iter().any(|b| holds(a, b))).cloned().collect();
    let mut apart: Vec<Sides> = Vec::new();
    for sides in inner {
        // The same box, once by each of two lines that lie close together.
        let is_same = |other: &Sides| (0..2).all(|k| 2 * overlap(&sides[k], &other[k]) > sides[k].len());
        if !apart.iter().any(is_same) {
            apart.push(sides);
        }
    }
    apart
}
