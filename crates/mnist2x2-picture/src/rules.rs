//! Rules: lines that were printed and not written, between digits, around them, or around each of them.
//!
//! A rule is thin and straight, if not quite level. It is longer than any digit is large, or it is one side of a box. Where
//! digits touch it or cross it, they stay whole.

use std::ops::Range;

use mnist2x2_data::GridShape;

use crate::ink::Ink;
use crate::mask::{Mask, spans};

/// Ink from this share of the paper's grain on may be a rule.
const FAINT: f32 = 0.5;
/// How thick a rule is at most, as a share of the side of a square as large as the picture.
const THICK: f32 = 0.014;
/// How far it may rise or fall for each pixel that it goes on: some eight degrees.
const STEEPEST: f32 = 0.15;
/// How far its points may lie beside a straight line, in pixels and as a share of its length.
const BENT: [f32; 2] = [1.2, 0.003];
/// The share of its length that must be seen; the rest may be hidden under digits.
const SEEN: f32 = 0.6;
/// The least length of a side of a box, as a share of the picture's shorter side.
const SIDE: f32 = 0.08;
/// The least length of the sides of a box of which one is hidden.
const HIDDEN: f32 = 0.14;
/// The least length of a rule that is no side of a box, as a share of the picture.
const LONG: f32 = 0.6;
/// How many times as long as the largest digit such a rule is.
const BEYOND_DIGITS: f32 = 1.5;

/// A line of ink, level or nearly so; or an upright one in a mask whose axes are swapped.
#[derive(Clone, Debug)]
struct Line {
    /// The columns that it crosses.
    x: Range<usize>,
    /// The row at which it would cross column 0, and how far it falls with each column.
    fit: [f32; 2],
    thick: f32,
}

impl Line {
    fn y(&self, x: f32) -> f32 {
        self.fit[0] + self.fit[1] * x
    }

    fn len(&self) -> f32 {
        self.x.len() as f32
    }

    /// An upright line from one point to another below it, its axes swapped.
    fn through(from: [f32; 2], to: [f32; 2], thick: f32) -> Self {
        let slope = (to[0] - from[0]) / (to[1] - from[1]).max(1.0);
        Self {
            x: from[1].max(0.0) as usize..to[1].max(0.0) as usize + 1,
            fit: [from[0] - slope * from[1], slope],
            thick,
        }
    }

    /// Its two ends.
    fn ends(&self) -> [[f32; 2]; 2] {
        [self.x.start, self.x.end - 1].map(|x| [x as f32, self.y(x as f32)])
    }
}

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

/// A line that is being followed from column to column.
struct Trail {
    points: Vec<[f32; 2]>,
    thick: usize,
    /// The last column at which its ink was seen, its own or what covers it.
    seen: usize,
}

impl Trail {
    /// Where it is expected at column `x`.
    fn expected(&self, x: usize) -> f32 {
        let last = self.points[self.points.len() - 1];
        let before = self.points[self.points.len().saturating_sub(24)];
        let slope =
            if last[0] - before[0] < 8.0 { 0.0 } else { (last[1] - before[1]) / (last[0] - before[0]) };
        last[1] + slope.clamp(-STEEPEST, STEEPEST) * (x as f32 - last[0])
    }

    /// The straight line through its points, if they lie on one.
    fn line(&self) -> Option<Line> {
        let count = self.points.len() as f32;
        let x = self.points[0][0] as usize..self.points[self.points.len() - 1][0] as usize + 1;
        if count < 8.0 || count < SEEN * x.len() as f32 {
            return None;
        }
        let mean = [0, 1].map(|k| self.points.iter().map(|point| point[k]).sum::<f32>() / count);
        let moment = |k: usize| -> f32 {
            self.points.iter().map(|point| (point[0] - mean[0]) * (point[k] - mean[k])).sum()
        };
        let slope = moment(1) / moment(0);
        let line = Line { fit: [mean[1] - slope * mean[0], slope], thick: self.thick as f32 / count, x };
        let bent = self.points.iter().map(|&[x, y]| (y - line.y(x)).powi(2)).sum::<f32>() / count;
        (slope.abs() <= STEEPEST && bent.sqrt() <= BENT[0] + BENT[1] * line.len()).then_some(line)
    }
}

/// The level lines of a mask, which is given with its axes swapped; none thicker than `most`.
fn trace(turned: &Mask, most: usize) -> Vec<Line> {
    let (mut trails, mut lines): (Vec<Trail>, Vec<Line>) = (Vec::new(), Vec::new());
    for (x, column) in turned.inked.chunks_exact(turned.width).enumerate() {
        for run in runs(column) {
            let middle = (run.start + run.end - 1) as f32 / 2.0;
            let is_thin = run.len() <= most;
            let mut is_taken = false;
            for trail in &mut trails {
                let expected = trail.expected(x);
                if is_thin && !is_taken && (middle - expected).abs() <= 1.6 {
                    trail.points.push([x as f32, middle]);
                    trail.thick += run.len();
                    (trail.seen, is_taken) = (x, true);
                } else if !is_thin && run.start as f32 - 1.0 <= expected && expected <= run.end as f32 {
                    trail.seen = x;
                }
            }
            if is_thin && !is_taken {
                trails.push(Trail { points: vec![[x as f32, middle]], thick: run.len(), seen: x });
            }
        }
        let (open, done) =
            std::mem::take(&mut trails).into_iter().partition(|trail: &Trail| x - trail.seen <= 3);
        trails = open;
        lines.extend(done.iter().filter_map(Trail::line));
    }
    lines.extend(trails.iter().filter_map(Trail::line));
    lines
}

/// The runs of ink of one row.
fn runs(row: &[bool]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for at in (0..row.len()).filter(|&at| row[at]) {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
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

/// Takes a level line out of a mask, which is given with its axes swapped: all of what is no thicker than the line; of ink
/// that goes beyond it on one side what lies on the line; and nothing of ink that crosses it.
fn erase(turned: &mut Mask, line: &Line) {
    let half = line.thick / 2.0 + 1.5;
    for x in line.x.start.saturating_sub(3)..(line.x.end + 3).min(turned.height) {
        let y = line.y(x as f32);
        let band = (y - half).round().max(0.0) as usize
            ..((y + half).round().max(0.0) as usize + 1).min(turned.width);
        let row = &mut turned.inked[x * turned.width..][..turned.width];
        if band.start >= band.end {
            continue;
        }
        let goes_on = |at: Option<usize>| at.is_some_and(|at| row.get(at).is_some_and(|&inked| inked));
        let crosses = goes_on(band.start.checked_sub(1))
            && goes_on(Some(band.end))
            && row[band.clone()].iter().all(|&ink| ink);
        if !crosses {
            row[band].fill(false);
        }
    }
}
