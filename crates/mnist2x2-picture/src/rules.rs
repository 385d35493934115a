//! Rules: lines that were printed and not written, between digits, around them, or around each of them.
//!
//! A rule is thin and straight, if not quite level. It is longer than any digit is large, or it is one side of a box. Where
//! digits touch it or cross it, they stay whole.

use std::ops::Range;

use mnist2x2_data::GridShape;

use crate::ink::Ink;
use crate::mask::{Mask, spans};
use crate::straight_lines::{Line, erase, trace};

/// Ink from this share of the paper's grain on may be a rule.
const FAINT: f32 = 0.5;
/// How thick a rule is at most, as a share of the side of a square as large as the picture.
const THICK: f32 = 0.014;
/// The least length of a side of a box, as a share of the picture's shorter side.
const SIDE: f32 = 0.08;
/// The least length of the sides of a box of which one is hidden.
const HIDDEN: f32 = 0.14;
/// The least length of a rule that is no side of a box, as a share of the picture.
const LONG: f32 = 0.6;
/// How many times as long as the largest digit such a rule is.
const BEYOND_DIGITS: f32 = 1.5;

/// What the rules of a picture tell of where its digits are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// The insides of boxes that hold no other box: columns and rows.
    pub(crate) boxes: Vec<[Range<usize>; 2]>,
    /// The rows of long level rules, and the columns of long upright ones, where they cross the picture's middle.
    long: [Vec<usize>; 2],
}

/// Takes the rules out of a picture's ink. They are looked for in all that may be ink: printed lines are often fainter.
pub(crate) fn remove(ink: &mut Ink) -> Rules {
    let mask = Mask::open(ink, (FAINT * f32::from(ink.faintest)) as u8);
    let sides = [mask.width, mask.height];
    let most = (THICK * ((sides[0] * sides[1]) as f32).sqrt() + 2.0) as usize;
    let least = SIDE * sides[0].min(sides[1]) as f32;
    let turned = mask.turned();
    let mut lines = [trace(&turned, most), trace(&mask, most)];
    for lines in &mut lines {
        lines.retain(|line| line.len() >= least);
    }
    let boxes = boxes(&lines, most as f32, sides);
    let mut rules =
        boxes.iter().fold([Vec::new(), Vec::new()], |mut rules: [Vec<Line>; 2], Frame(of_box)| {
            for axis in 0..2 {
                rules[axis].extend(of_box[axis].iter().cloned());
            }
            rules
        });
    let long = long(&mask, lines, &rules);
    for axis in 0..2 {
        rules[axis].extend(long[axis].iter().cloned());
    }
    let erased = erased(turned, &rules);
    for ((value, &was), is) in ink.values.iter_mut().zip(&mask.inked).zip(erased.inked) {
        if was && !is {
            *value = 0;
        }
    }
    let crossing = |axis: usize| {
        let middle = sides[axis] as f32 / 2.0;
        let mut at: Vec<usize> = long[axis].iter().map(|line| line.y(middle).max(0.0) as usize).collect();
        at.sort_unstable();
        at
    };
    Rules { boxes: insides(&boxes), long: [crossing(0), crossing(1)] }
}

/// The long lines that go far beyond digits, when they and `rules` are taken out.
fn long(mask: &Mask, lines: [Vec<Line>; 2], rules: &[Vec<Line>; 2]) -> [Vec<Line>; 2] {
    let sides = [mask.width, mask.height];
    let mut axis = 0..2;
    let mut long = lines.map(|mut lines| {
        let across = sides[axis.next().unwrap_or(0)] as f32;
        lines.retain(|line| line.len() >= LONG * across);
        lines
    });
    if long.iter().all(Vec::is_empty) {
        return long;
    }
    let all = [0, 1].map(|axis| [&long[axis][..], &rules[axis]].concat());
    let rest = erased(mask.turned(), &all);
    let longer = |pixels: Vec<_>| spans(&pixels).map(|range| range.len()).into_iter().max().unwrap_or(0);
    let largest = rest.pieces().into_iter().map(longer).max().unwrap_or(0) as f32;
    // Where there is nothing else, a single line may be a digit; lines that cross are none.
    let is_alone = largest == 0.0 && long.iter().any(Vec::is_empty);
    for lines in &mut long {
        lines.retain(|line| !is_alone && line.len() >= BEYOND_DIGITS * largest);
    }
    long
}

/// The insides of boxes that hold no other.
fn insides(boxes: &[Frame]) -> Vec<[Range<usize>; 2]> {
    let all: Vec<[Range<usize>; 2]> = boxes.iter().map(Frame::inside).collect();
    let holds = |a: &[Range<usize>; 2], b: &[Range<usize>; 2]| {
        a != b
            && (0..2)
                .all(|k| a[k].contains(&usize::midpoint(b[k].start, b[k].end)) && a[k].len() > b[k].len())
    };
    let mut inner: Vec<_> = all.iter().filter(|a| !all.iter().any(|b| holds(a, b))).cloned().collect();
    inner.dedup();
    inner
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
struct Frame([[Line; 2]; 2]);

impl Frame {
    /// The columns and the rows that it holds.
    fn inside(&self) -> [Range<usize>; 2] {
        let middle = |line: &Line| line.y((line.x.start + line.x.end) as f32 / 2.0).max(0.0) as usize;
        [1, 0].map(|axis| middle(&self.0[axis][0])..middle(&self.0[axis][1]))
    }
}

/// The boxes that lines make on a page of these sides: two lines side by side and at least one between their ends. The
/// other may be hidden by a digit.
fn boxes(lines: &[Vec<Line>; 2], thick: f32, sides: [usize; 2]) -> Vec<Frame> {
    let mut boxes: Vec<Frame> = Vec::new();
    for axis in 0..2 {
        let [along, across] = [&lines[axis], &lines[1 - axis]];
        for first in along {
            for second in along {
                let Some(others) = between(first, second, across, thick, sides) else { continue };
                let pair = [first.clone(), second.clone()];
                let frame = if axis == 0 { Frame([pair, others]) } else { Frame([others, pair]) };
                if boxes.iter().all(|other| other.inside() != frame.inside()) {
                    boxes.push(frame);
                }
            }
        }
    }
    boxes
}

/// The lines between the ends of two lines, the first of which comes first; nothing if they do not make a box.
fn between(first: &Line, second: &Line, across: &[Line], thick: f32, sides: [usize; 2]) -> Option<[Line; 2]> {
    let [high, low] = [first.ends(), second.ends()];
    let tolerance = |share: f32| thick + share * first.len().min(second.len());
    let distance = low[0][1] - high[0][1];
    if distance < tolerance(0.3)
        || (0..2).any(|end| (high[end][0] - low[end][0]).abs() > 2.0 * tolerance(0.06))
    {
        return None;
    }
    let side = |end: usize, near: f32| {
        let off = |line: &Line| {
            let ends = line.ends().map(|[y, x]| [x, y]);
            let off = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).abs().max((a[1] - b[1]).abs());
            off(ends[0], high[end]).max(off(ends[1], low[end]))
        };
        across.iter().filter(|line| off(line) <= near).min_by(|a, b| off(a).total_cmp(&off(b)))
    };
    let near = 2.0 * tolerance(0.06);
    match [0, 1].map(|end| side(end, near)) {
        [Some(left), Some(right)] => Some([left.clone(), right.clone()]),
        [None, None] => None,
        [left, right] => {
            let least = HIDDEN * sides[0].min(sides[1]) as f32;
            let is_sure =
                [left, right].into_iter().flatten().all(|line| line.len() >= least) && first.len() >= least;
            let hidden = |end: usize| Line::through(high[end], low[end], first.thick);
            let is_square = distance < 2.5 * first.len() && first.len() < 2.5 * distance;
            (is_sure && is_square)
                .then(|| [0, 1].map(|end| [left, right][end].cloned().unwrap_or_else(|| hidden(end))))
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
