//! Thin straight lines in a mask: found, and taken out.

use std::ops::Range;

use crate::mask::{Mask, runs};

/// How far it may rise or fall for each pixel that it goes on: some eight degrees.
const STEEPEST: f32 = 0.15;
/// How far its points may lie beside a straight line, in pixels and as a share of its length.
const BENT: [f32; 2] = [1.2, 0.003];
/// The share of its length that must be seen; the rest may be hidden under digits.
const SEEN: f32 = 0.6;

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

    /// An upright line from one point to another below it, its axes swapped.
    pub(crate) fn through(from: [f32; 2], to: [f32; 2], thick: f32) -> Self {
        let slope = (to[0] - from[0]) / (to[1] - from[1]).max(1.0);
        Self {
            x: from[1].max(0.0) as usize..to[1].max(0.0) as usize + 1,
            fit: [from[0] - slope * from[1], slope],
            thick,
        }
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
            if run.len() > most {
                let hides = |expected: f32| run.start as f32 - 1.0 <= expected && expected <= run.end as f32;
                trails.iter_mut().filter(|trail| hides(trail.expected)).for_each(|trail| trail.seen = x);
            } else if let Some(trail) = trails.iter_mut().find(|trail| (middle - trail.expected).abs() <= 1.6)
            {
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
/// by on both sides.
pub(crate) fn erase(turned: &mut Mask, line: &Line) {
    let half = line.thick / 2.0 + 1.5;
    let columns = line.x.start.saturating_sub(3)..(line.x.end + 3).min(turned.height);
    let band = |x: usize| {
        let y = line.y(x as f32);
        let at = |y: f32| (y.round().max(0.0) as usize).min(turned.width);
        at(y - half)..at(y + half + 1.0)
    };
    let inked =
        |x: usize, y: usize| x < turned.height && y < turned.width && turned.inked[x * turned.width + y];
    let near = |x: usize| x.saturating_sub(half as usize)..x + half as usize + 1;
    let crosses = |x: usize| {
        let band = band(x);
        let above = near(x).any(|x| band.start > 0 && inked(x, band.start - 1));
        let below = near(x).any(|x| inked(x, band.end));
        above && below && band.clone().any(|y| inked(x, y))
    };
    let erased: Vec<(usize, Range<usize>)> = columns
        .filter(|&x| !crosses(x))
        .map(|x| (x, band(x)))
        .filter(|(_, band)| band.start < band.end)
        .collect();
    for (x, band) in erased {
        turned.inked[x * turned.width..][band].fill(false);
    }
}
