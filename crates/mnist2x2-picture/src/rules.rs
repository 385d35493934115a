//! Rules: lines that were printed and not written, between digits, around them, or around each of them.
//!
//! A rule is thin and straight, if not quite level. It is longer than any digit is large, or it is one side of a box. Where
//! digits touch it or cross it, they stay whole.

use std::ops::Range;

use mnist2x2_data::GridShape;

use crate::blot::{Blot, digit_size, overlap, quantile};
use crate::ink::Ink;
use crate::mask::{Mask, Sides};
use crate::straight_lines::{Line, erase, trace};

/// Ink from this share of the paper's grain on may be a rule.
const FAINT: f32 = 0.5;
/// And from this share on where it is averaged along a line.
const FAINTER: f32 = 0.33;
/// How far along a line ink is averaged, as a share of the picture's shorter side.
const ALONG: f32 = 0.035;
/// How far a line may be unseen, in pixels: a plain one and a faint one.
const GAP: [usize; 2] = [3, 10];
/// How thick a rule is at most, as a share of the side of a square as large as the picture.
const THICK: f32 = 0.018;
/// The least length of a side of a box, as a share of the picture's shorter side.
const SIDE: f32 = 0.08;
/// How far the ends of two lines may lie apart that meet in a corner: in thicknesses and as a share of their length.
const CORNER: [f32; 2] = [0.7, 0.06];
/// The least length of the sides of a box of which one is hidden.
const HIDDEN: f32 = 0.14;
/// The least length of a rule that is no side of a box, as a share of the picture.
const LONG: f32 = 0.6;
/// The most lines of one direction among which boxes are looked for.
const MOST_LINES: usize = 100;
/// So many long lines side by side are ruled paper, and its lines may be hidden but for this share of the picture.
const FAMILY: usize = 3;
const PIECE: f32 = 0.12;
/// How far such a line may lie off its place between the others, as a share of their distance.
const OFF: f32 = 0.12;
/// Ink so many times as dark as a rule is no part of it.
const WRITTEN: f32 = 1.6;
/// How many times as long as the largest digit such a rule is.
const BEYOND_DIGITS: f32 = 1.5;

/// What the rules of a picture tell of where its digits are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// The insides of boxes that hold no other box: columns and rows.
    pub(crate) boxes: Vec<Sides>,
    /// The rows of long level rules, and the columns of long upright ones, where they cross the picture's middle.
    long: [Vec<usize>; 2],
}

/// Takes the rules out of a picture's ink, and says what is left. They are looked for in all that may be ink: printed lines are
/// often fainter.
pub(crate) fn remove(ink: &mut Ink) -> (Rules, Mask) {
    let sides = [ink.width, ink.height];
    let least = (FAINT * f32::from(ink.faintest)) as u8;
    let (mask, strong) = (Mask::open(ink, least), Mask::of(ink));
    let turned = mask.turned();
    let most = (THICK * ((sides[0] * sides[1]) as f32).sqrt() + 2.0) as usize;
    // Where two boxes nearly touch, only their darker middles are apart.
    let shortest = SIDE * sides[0].min(sides[1]) as f32;
    let mut lines =
        [[&turned, &strong.turned()], [&mask, &strong]].map(|masks| longest(masks, most, shortest));
    let mut boxes = boxes(&lines, most as f32, sides);
    boxes.retain(|of_box| !of_box.is_open || holds_ink(&mask, of_box, most));
    let of_boxes = |axis: usize| boxes.iter().flat_map(|of_box| of_box.sides[axis].iter().cloned()).collect();
    let mut rules: [Vec<Line>; 2] = [0, 1].map(of_boxes);
    let add = |to: &mut [Vec<Line>; 2], lines: &[Vec<Line>; 2]| {
        (0..2).for_each(|axis| to[axis].extend_from_slice(&lines[axis]));
    };
    add(&mut lines, &faint(ink, most));
    let mut ruled = [0, 1].map(|axis| ruling(&lines[axis], sides[axis]));
    add(&mut rules, &ruled);
    let long = long(&mask, lines, &rules);
    add(&mut rules, &long);
    add(&mut ruled, &long);
    if rules.iter().all(Vec::is_empty) {
        return (Rules::default(), strong);
    }
    let (erased, written) = (erased(turned, &rules), written(ink, &ruled));
    let values = ink.values.iter_mut().zip(written);
    for (((value, written), &was), is) in values.zip(&mask.inked).zip(erased.inked) {
        if was && !is && !written {
            *value = 0;
        }
    }
    let long = [0, 1].map(|axis| crossings(&long[axis], sides[axis] as f32 / 2.0, most));
    (Rules { boxes: insides(&boxes), long }, Mask::of(ink))
}

/// The lines of several masks that are long enough; of a picture of too many, which is a texture, the longest.
fn longest(masks: [&Mask; 2], most: usize, shortest: f32) -> Vec<Line> {
    let mut lines = masks.map(|mask| trace(mask, most, GAP[0])).concat();
    lines.retain(|line| line.len() >= shortest);
    lines.sort_by(|a, b| b.len().total_cmp(&a.len()));
    lines.truncate(MOST_LINES);
    lines
}

/// Where long lines, none thicker than `most`, cross the middle of the picture.
fn crossings(lines: &[Line], middle: f32, most: usize) -> Vec<usize> {
    // Row 29 ends where a border at 30 is.
    let mut at: Vec<usize> = lines.iter().map(|line| (line.y(middle) + 0.5).max(0.0) as usize).collect();
    at.sort_unstable();
    // The same rule, seen in several masks.
    at.dedup_by(|next, last| *next - *last <= most);
    at
}

/// The lines of ruled or squared paper: several long ones that run side by side, and with them what is parallel, as thin and at
/// the same distances, for digits hide parts and the picture cuts others off.
fn ruling(lines: &[Line], across: usize) -> Vec<Line> {
    let middle = across as f32 / 2.0;
    let mut long: Vec<&Line> = lines.iter().filter(|line| line.len() >= LONG * across as f32).collect();
    long.sort_by(|a, b| a.y(middle).total_cmp(&b.y(middle)));
    long.dedup_by(|a, b| a.y(middle) - b.y(middle) < 2.0 * (a.thick + b.thick));
    if long.len() < FAMILY {
        return Vec::new();
    }
    let slope = quantile(0.5, long.iter().map(|line| (line.slope(), 1)));
    let thick = quantile(0.5, long.iter().map(|line| (line.thick, 1)));
    // The nearer ones of them, for some of the lines between them may be hidden.
    let gap = quantile(0.25, long.windows(2).map(|pair| (pair[1].y(middle) - pair[0].y(middle), 1)));
    let is_in_place = |line: &Line| {
        let x = line.x.start as f32 + line.len() / 2.0;
        let steps = long.iter().map(|other| (line.y(x) - other.y(x)) / gap);
        let nearest = steps.min_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0);
        (nearest - nearest.round()).abs() * gap <= OFF * gap + 1.0
    };
    let is_of_it = |line: &&Line| {
        line.len() >= PIECE * across as f32
            && (line.slope() - slope).abs() <= 0.02
            && line.thick <= 1.6 * thick + 0.5
            && is_in_place(line)
    };
    lines.iter().filter(is_of_it).cloned().collect()
}

/// Lines that are fainter than the grain of the paper: along a line that averages out, and what is left is the line.
fn faint(ink: &Ink, most: usize) -> [Vec<Line>; 2] {
    let count = ((ALONG * ink.width.min(ink.height) as f32) as usize).max(3);
    let least = (FAINTER * f32::from(ink.faintest)) as u8;
    let lines = |ink: &Ink| trace(&Mask::averaged(ink, count, least), most, GAP[1]);
    [lines(&ink.turned()), lines(ink)]
}

/// The long lines that go far beyond digits, when they and `rules` are taken out.
fn long(mask: &Mask, mut long: [Vec<Line>; 2], rules: &[Vec<Line>; 2]) -> [Vec<Line>; 2] {
    for (lines, across) in long.iter_mut().zip([mask.width, mask.height]) {
        lines.retain(|line| line.len() >= LONG * across as f32);
    }
    if long.iter().all(Vec::is_empty) {
        return long;
    }
    let all = [0, 1].map(|axis| [&long[axis][..], &rules[axis]].concat());
    let rest = erased(mask.turned(), &all);
    let pieces: Vec<Blot> = rest.pieces().into_iter().map(Blot::of).collect();
    let largest = digit_size(&pieces);
    // Where there is nothing else, a single line may be a digit; lines that cross are none.
    let is_alone = largest == 0.0 && long.iter().any(Vec::is_empty);
    for lines in &mut long {
        lines.retain(|line| !is_alone && line.len() >= BEYOND_DIGITS * largest);
    }
    long
}

/// The insides of boxes that hold no other.
fn insides(boxes: &[Frame]) -> Vec<Sides> {
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

impl Rules {
    /// Where the cells of a grid begin and end: the borders of its rows, one more than there are, and those of its columns;
    /// at long rules where those part the cells so, else at equal distances.
    pub(crate) fn borders(&self, shape: GridShape, [width, height]: [usize; 2]) -> [Vec<usize>; 2] {
        [borders(&self.long[0], shape.rows, height), borders(&self.long[1], shape.cols, width)]
    }
}

/// Where `cells` cells begin and end along `length` pixels that these rules cross.
fn borders(rules: &[usize], cells: usize, length: usize) -> Vec<usize> {
    let mut lines = rules.to_vec();
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

/// Four lines around a box: the level ones, above and below, and the upright ones, left and right.
struct Frame {
    sides: [[Line; 2]; 2],
    /// Whether one of them was not seen.
    is_open: bool,
}

impl Frame {
    /// The columns and the rows that it holds.
    fn inside(&self) -> Sides {
        let middle = |line: &Line| line.y((line.x.start + line.x.end) as f32 / 2.0).max(0.0) as usize;
        [1, 0].map(|axis| middle(&self.sides[axis][0])..middle(&self.sides[axis][1]))
    }
}

/// Whether there is ink within a box, away from its lines: what hides a side of it.
fn holds_ink(mask: &Mask, of_box: &Frame, thick: usize) -> bool {
    let [x, y] = of_box.inside();
    let within = |side: Range<usize>, end: usize| {
        (side.start + thick).min(end)..side.end.saturating_sub(thick).min(end)
    };
    let columns = within(x, mask.width);
    let rows = within(y, mask.height);
    let inked =
        |y: usize| mask.inked[y * mask.width..][columns.clone()].iter().filter(|inked| **inked).count();
    columns.start < columns.end && rows.map(inked).sum::<usize>() > thick * thick
}

/// The boxes that lines make on a page of these sides: two lines side by side and at least one between their ends. The
/// other may be hidden by a digit.
fn boxes(lines: &[Vec<Line>; 2], thick: f32, sides: [usize; 2]) -> Vec<Frame> {
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
    match [0, 1].map(side) {
        [Some(left), Some(right)] => Some(([left.clone(), right.clone()], false)),
        [None, None] => None,
        [left, right] => {
            let least = HIDDEN * sides[0].min(sides[1]) as f32;
            let is_sure =
                [left, right].into_iter().flatten().all(|line| line.len() >= least) && first.len() >= least;
            let hidden = |end: usize| Line::through(high[end], low[end], first.thick);
            let is_even = (0..2).all(|end| (high[end][0] - low[end][0]).abs() <= near);
            let is_square = is_even && distance < 2.5 * first.len() && first.len() < 2.5 * distance;
            (is_sure && is_square)
                .then(|| ([0, 1].map(|end| [left, right][end].cloned().unwrap_or_else(|| hidden(end))), true))
        }
    }
}

/// The ink without these lines, level ones and upright ones; it is given with its axes swapped.
fn erased(mut turned: Mask, [level, upright]: &[Vec<Line>; 2]) -> Mask {
    for line in level {
        erase(&mut turned, line);
    }
    let mut mask = turned.turned();
    for line in upright {
        erase(&mut mask, line);
    }
    mask
}

/// Whether each pixel of these rules is so much darker than its rule that it was written over it.
fn written(ink: &Ink, rules: &[Vec<Line>; 2]) -> Vec<bool> {
    let mut written = vec![false; ink.values.len()];
    let (level, upright) = ([1, ink.width], [ink.width, 1]);
    for (lines, [along, across]) in rules.iter().zip([level, upright]) {
        let sides = [along, across].map(|step| if step == 1 { ink.width } else { ink.height });
        for line in lines {
            let pixels = |x: usize| line.band(x, sides[1]).map(move |y| x * along + y * across);
            let darkest = |x: usize| f32::from(pixels(x).map(|at| ink.values[at]).max().unwrap_or(0));
            let usual = quantile(0.5, line.columns(sides[0]).map(|x| (darkest(x), 1)));
            let is_darker = |at: &usize| f32::from(ink.values[*at]) > WRITTEN * usual;
            line.columns(sides[0]).flat_map(pixels).filter(is_darker).for_each(|at| written[at] = true);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(inked: &[(Range<usize>, Range<usize>, u8)]) -> Ink {
        Ink::page([80, 60], inked)
    }

    #[test]
    fn lines_vanish_and_strokes_that_cross_them_stay_whole() {
        let stroke = (20..24, 10..50, 255);
        let mut ink = page(&[(0..80, 29..31, 128), (39..40, 0..60, 90), stroke.clone()]);
        let borders = remove(&mut ink).0.borders(GridShape { rows: 2, cols: 2 }, [80, 60]);
        assert_eq!(borders, [vec![0, 30, 60], vec![0, 39, 80]]);
        assert!(ink.values == page(&[stroke]).values);
    }

    #[test]
    fn pieces_of_ruled_paper_go_where_its_lines_are_and_strokes_between_them_stay() {
        let lines = [(0..80, 10..11, 90), (0..80, 26..27, 90), (0..80, 42..43, 90), (50..70, 58..59, 90)];
        let bar = (30..50, 34..35, 90);
        let mut ink = page(&[&lines[..], std::slice::from_ref(&bar)].concat());
        remove(&mut ink);
        assert!(ink.values == page(&[bar]).values);
    }

    #[test]
    fn what_is_far_darker_than_a_rule_was_written_over_it() {
        let strokes = [(20..44, 29..32, 250), (60..64, 5..25, 250)];
        let mut ink = page(&[&[(0..80, 29..31, 100)][..], &strokes].concat());
        remove(&mut ink);
        assert!(ink.values == page(&strokes).values);
    }

    #[test]
    fn a_thick_bar_and_a_short_one_are_ink() {
        let mut ink = page(&[(0..80, 10..16, 255), (10..60, 40..41, 255)]);
        let before = ink.values.clone();
        let borders = remove(&mut ink).0.borders(GridShape { rows: 2, cols: 1 }, [80, 60]);
        assert_eq!(borders, [vec![0, 30, 60], vec![0, 80]]);
        assert!(ink.values == before);
    }

    #[test]
    fn cells_end_at_the_lines_of_a_frame_where_those_are_fair() {
        assert_eq!(borders(&[10, 50, 92], 2, 100), [10, 50, 92]);
        assert_eq!(borders(&[46], 2, 100), [0, 46, 100]);
        assert_eq!(borders(&[12], 2, 100), [0, 50, 100], "one cell too small");
        assert_eq!(borders(&[3, 96], 3, 99), [0, 33, 66, 99], "two lines at the rim");
    }
}
