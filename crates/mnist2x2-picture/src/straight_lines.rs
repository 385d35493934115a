//! Thin straight lines in a mask: found, and taken out.

use std::ops::Range;

use crate::mask::{Mask, runs};

/// How far it may rise or fall for each pixel that it goes on: some eight degrees.
const STEEPEST: f32 = 0.15;
/// How far its points may lie beside a straight line, in pixels and as a share of its length.
const BENT: [f32; 2] = [1.2, 0.003];
/// The share of its length that must be seen; the rest may be hidden under digits. More of it where only its ends are known.
const SEEN: f32 = 0.6;
const SEEN_IN_PIECES: f32 = 0.7;

/// A line of ink, level or nearly so; or an upright one in a mask whose axes are swapped.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The columns that it crosses.
    pub(crate) x: Range<usize>,
    /// The row at which it would cross column 0, and how far it falls with each column.
    fit: [f32; 2],
    pub(crate) thick: f32,
}

impl Line {
    pub(crate) fn y(&self, x: f32) -> f32 {
        self.fit[0] + self.fit[1] * x
    }

    /// How far it falls with each column.
    pub(crate) fn slope(&self) -> f32 {
        self.fit[1]
    }

    pub(crate) fn len(&self) -> f32 {
        self.x.len() as f32
    }

    /// How far from its middle it may reach, with what it may have blurred to.
    fn half(&self) -> f32 {
        self.thick / 2.0 + 1.5
    }

    /// The columns of a page of so many that it may cross, somewhat more than it was seen in.
    pub(crate) fn columns(&self, count: usize) -> Range<usize> {
        self.x.start.saturating_sub(3)..(self.x.end + 3).min(count)
    }

    /// The rows of a page of so many that it covers in a column, with those beside it that it may have blurred to.
    pub(crate) fn band(&self, x: usize, count: usize) -> Range<usize> {
        let (y, half) = (self.y(x as f32), self.half());
        let at = |y: f32| (y.round().max(0.0) as usize).min(count);
        at(y - half)..at(y + half + 1.0)
    }

    /// An upright line from one point to another below it, its axes swapped.
    pub(crate) fn through(from: [f32; 2], to: [f32; 2], thick: f32) -> Self {
        let slope = (to[0] - from[0]) / (to[1] - from[1]).max(1.0);
        Self {
            x: from[1].max(0.0) as usize..to[1].max(0.0) as usize + 1,
            fit: [from[0] - slope * from[1], slope],
            thick,
        }
    }

    /// Whether most of it is among `lines`, in pieces that do not go beyond it.
    pub(crate) fn is_seen_in(&self, lines: &[Self]) -> bool {
        let near = 2.0 * self.half();
        let span = self.x.start as f32 - near..self.x.end as f32 + near;
        let is_on = |[x, y]: [f32; 2]| span.contains(&x) && (y - self.y(x)).abs() <= near;
        let pieces: Vec<&Self> = lines.iter().filter(|line| line.ends().into_iter().all(is_on)).collect();
        let is_seen = |x: &usize| pieces.iter().any(|piece| piece.x.contains(x));
        self.x.clone().filter(is_seen).count() as f32 >= SEEN_IN_PIECES * self.len()
    }

    /// Its two ends.
    pub(crate) fn ends(&self) -> [[f32; 2]; 2] {
        [self.x.start, self.x.end - 1].map(|x| [x as f32, self.y(x as f32)])
    }
}

/// A line that is being followed from column to column.
struct Trail {
    points: Vec<[f32; 2]>,
    thick: usize,
    /// The last column at which its ink was seen, its own or what covers it.
    seen: usize,
    /// The row in which it is expected at the next column.
    expected: f32,
}

impl Trail {
    /// Reckons where it goes on at column `x`.
    fn expect(&mut self, x: usize) {
        let last = self.points[self.points.len() - 1];
        let before = self.points[self.points.len().saturating_sub(24)];
        let slope =
            if last[0] - before[0] < 8.0 { 0.0 } else { (last[1] - before[1]) / (last[0] - before[0]) };
        self.expected = last[1] + slope.clamp(-STEEPEST, STEEPEST) * (x as f32 - last[0]);
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

/// The level lines of a mask, which is given with its axes swapped; none thicker than `most` or unseen for longer than `gap`.
pub(crate) fn trace(turned: &Mask, most: usize, gap: usize) -> Vec<Line> {
    let (mut trails, mut lines): (Vec<Trail>, Vec<Line>) = (Vec::new(), Vec::new());
    for (x, column) in turned.inked.chunks_exact(turned.width).enumerate() {
        for trail in &mut trails {
            trail.expect(x);
        }
        for run in runs(column) {
            let middle = (run.start + run.end - 1) as f32 / 2.0;
            // A stroke over a line hides it, also one that goes along it for a while.
            let hides = |expected: f32| run.start as f32 - 1.0 <= expected && expected <= run.end as f32;
            trails.iter_mut().filter(|trail| hides(trail.expected)).for_each(|trail| trail.seen = x);
            if run.len() > most {
                continue;
            }
            if let Some(trail) = trails.iter_mut().find(|trail| (middle - trail.expected).abs() <= 1.6) {
                trail.points.push([x as f32, middle]);
                trail.thick += run.len();
                (trail.seen, trail.expected) = (x, middle);
            } else {
                let points = vec![[x as f32, middle]];
                trails.push(Trail { points, thick: run.len(), seen: x, expected: middle });
            }
        }
        trails.retain(|trail| {
            let is_open = x - trail.seen <= gap;
            lines.extend(if is_open { None } else { trail.line() });
            is_open
        });
    }
    lines.extend(trails.iter().filter_map(Trail::line));
    lines
}

/// Takes a level line out of a mask, which is given with its axes swapped, but for the ink that crosses it: what goes on near
/// by on both sides, and straight from the one to the other.
pub(crate) fn erase(turned: &mut Mask, line: &Line) {
    let (reach, width) = (2 * line.half() as usize, turned.width);
    let (columns, band) = (line.columns(turned.height), |x: usize| line.band(x, width));
    let inked = |x: usize, y: usize| y < width && turned.inked[x * width + y];
    let above = columns.clone().map(|x| band(x).start > 0 && inked(x, band(x).start - 1));
    let below = columns.clone().map(|x| inked(x, band(x).end));
    let strokes = crossing(&above.collect::<Vec<_>>(), &below.collect::<Vec<_>>(), reach);
    let passes = |at: f32, down: f32| {
        let between = |a: usize, b: usize| a as f32 + (b as f32 - a as f32) * down;
        strokes.iter().any(|[a, b]| between(a.start, b.start) <= at && at < between(a.end, b.end))
    };
    for (at, x) in columns.enumerate() {
        for (row, y) in band(x).enumerate() {
            let down = (row + 1) as f32 / (band(x).len() + 1) as f32;
            turned.inked[x * width + y] &= passes(at as f32 + 0.5, down);
        }
    }
}

/// Where strokes enter a line and where they leave it: runs of ink above and below no farther apart than `reach`, as far as
/// they lie so near.
fn crossing(above: &[bool], below: &[bool], reach: usize) -> Vec<[Range<usize>; 2]> {
    let below: Vec<Range<usize>> = runs(below).collect();
    let near = |a: &Range<usize>, b: &Range<usize>| {
        a.start.max(b.start.saturating_sub(reach))..a.end.min(b.end + reach)
    };
    let pairs = runs(above).flat_map(|a| below.iter().map(move |b| [near(&a, b), near(b, &a)]));
    pairs.filter(|pair| pair.iter().all(|run| !run.is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ink on a page of 120 x 50, its axes swapped.
    fn turned(inked: impl Fn(f32, f32) -> bool) -> Mask {
        let pixel = |i: usize| inked((i / 50) as f32, (i % 50) as f32);
        Mask { inked: (0..120 * 50).map(pixel).collect(), ..Mask::blank(50, 120) }
    }

    /// A tilted line, two pixels thick.
    fn is_line(x: f32, y: f32) -> bool {
        (0.0..2.0).contains(&(y - 15.0 - 0.1 * x))
    }

    #[test]
    fn a_tilted_line_with_a_gap_is_found_and_a_bar_is_none() {
        let bar = |x: f32, y: f32| (30.0..90.0).contains(&x) && (35.0..45.0).contains(&y);
        let mask = turned(|x, y| is_line(x, y) && !(50.0..53.0).contains(&x) || bar(x, y));
        let lines = trace(&mask, 4, 3);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(line.x, 0..120);
        assert!((line.slope() - 0.1).abs() < 0.01 && (line.thick - 2.0).abs() < 0.2, "{line:?}");
        assert!((line.y(60.0) - 21.5).abs() < 0.6, "{line:?}");
        assert_eq!(trace(&mask, 4, 2).len(), 2, "the gap is wider");
    }

    /// Where the two are one run of ink, its middle is not that of the line.
    #[test]
    fn a_stroke_that_goes_along_a_line_does_not_part_it() {
        let stroke = |x: f32, y: f32| (40.0..75.0).contains(&x) && (2.0..6.0).contains(&(y - 15.0 - 0.1 * x));
        let lines = trace(&turned(|x, y| is_line(x, y) || stroke(x, y)), 7, 3);
        assert!(
            lines.iter().any(|line| line.x == (0..120) && (line.y(60.0) - 21.5).abs() < 0.6),
            "{lines:?}"
        );
    }

    #[test]
    fn a_line_is_seen_where_most_of_it_is_there_in_pieces_that_end_with_it() {
        let of = |x: Range<usize>| Line { x, fit: [20.0, 0.1], thick: 2.0 };
        let line = of(10..110);
        assert!(line.is_seen_in(&[of(8..50), of(70..112)]));
        assert!(!line.is_seen_in(&[of(10..50), of(90..110)]), "too little");
        assert!(!line.is_seen_in(&[of(10..200)]), "a longer one");
        assert!(!line.is_seen_in(&[Line { fit: [30.0, 0.1], ..of(10..110) }]), "beside it");
    }

    #[test]
    fn a_line_goes_without_stubs_and_strokes_that_cross_it_stay_whole() {
        let upright = |x: f32, _: f32| (20.0..24.0).contains(&x);
        let slanting = |x: f32, y: f32| (0.0..5.0).contains(&(x - 60.0 - 0.5 * y));
        let strokes = turned(|x, y| upright(x, y) || slanting(x, y));
        let mut mask = turned(|x, y| is_line(x, y) || upright(x, y) || slanting(x, y));
        let lines = trace(&mask, 4, 8);
        for line in &lines {
            erase(&mut mask, line);
        }
        let differing = mask.inked.iter().zip(&strokes.inked).filter(|(a, b)| a != b).count();
        assert!(lines.len() == 1 && differing <= 4, "{differing} pixels of {lines:?}");
    }
}
