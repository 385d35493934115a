//! The ink of a picture: how much darker than its paper each point was made, whatever paper, light, pen and size.

#[cfg(test)]
use std::ops::Range;

use crate::Picture;
use crate::histogram::Histogram;
use crate::paper::{self, taken};
use crate::resample::resample;
use crate::sheet;

/// The pixels at which a picture is looked at: enough for the strokes of a dozen digits to have a shape, few enough to be
/// quick.
const AREA: f64 = 200_000.0;
/// The most pixels along a side.
const LONGEST: f64 = 4_096.0;
/// The least and the greatest side of the window, a square that fits into no ink, as shares of the picture's shorter side.
const WINDOW: [f64; 2] = [0.04, 0.25];
/// How many times as long as the pen's strokes are wide a side of the window is.
const PENS: usize = 4;
/// A shadow is at least so many times as wide as a stroke.
const WIDER: usize = 3;
/// A stroke is at least so many times as dark as a shadow.
const DARKER: f64 = 1.3;
/// Ink below this share of 255 is paper, however even that is.
const FAINTEST: u8 = 20;
/// How many standard deviations of the paper's grain ink must differ from paper.
const DEVIATIONS: usize = 4;

/// Ink on paper, 0 to 255 for each pixel, row by row: the share of the paper's light that it takes.
#[derive(Clone, Debug)]
pub(crate) struct Ink {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) values: Vec<u8>,
    /// The same without what may be the tip of a shadow, or of a table, that an edge of the picture cuts off.
    pub(crate) certain: Vec<u8>,
    /// The least value that is no grain of the paper.
    pub(crate) faintest: u8,
}

impl Ink {
    /// The ink of a picture, at a size at which its digits are neither tiny nor huge.
    pub(crate) fn of(picture: &Picture) -> Self {
        let sides = [picture.gray().width(), picture.gray().height()].map(f64::from);
        let scale = (AREA / (sides[0] * sides[1])).sqrt().min(LONGEST / sides[0].max(sides[1]));
        let [width, height] = sides.map(|side| (scale * side).round().max(1.0) as usize);
        // A picture's ink is light; from here on it is dark, as on paper.
        let mut light: Vec<u8> =
            resample(picture.gray(), width, height).into_iter().map(|gray| u8::MAX - gray).collect();
        // A page that a program drew has one level of paper. Windows would find the same one, but slowly.
        let flat = paper::flat_level(&light, width);
        if flat.is_none() {
            paper::even_out(&mut light, width);
            sheet::clear_table(&mut light, width);
        }
        let [values, certain] = match flat {
            Some(level) => {
                let values: Vec<u8> = light.iter().map(|&light| taken(light, level)).collect();
                [values.clone(), values]
            }
            None => on_local_paper(&light, width),
        };
        let mut ink = Self { width, height, values, certain, faintest: 0 };
        ink.lift_off_grain();
        ink
    }

    /// The same with its axes swapped.
    pub(crate) fn turned(&self) -> Self {
        let mut values = Vec::with_capacity(self.values.len());
        for x in 0..self.width {
            values.extend(self.values[x..].iter().step_by(self.width));
        }
        Self { width: self.height, height: self.width, values, certain: Vec::new(), ..*self }
    }

    /// Takes away what most of the paper takes of the light, for its grain.
    fn lift_off_grain(&mut self) {
        let (histogram, pixels) = (Histogram::of(&self.values), self.values.len() as u32);
        // Most of a picture is paper, and of its grain the lighter half is free of ink.
        let (paper, light) = (histogram.median(), histogram.ranked(pixels / 6));
        if paper > 0 {
            let table: [u8; 256] =
                std::array::from_fn(|value| (255 * value.saturating_sub(paper) / (255 - paper).max(1)) as u8);
            for value in self.values.iter_mut().chain(&mut self.certain) {
                *value = table[usize::from(*value)];
            }
        }
        self.faintest = FAINTEST.max((DEVIATIONS * (paper - light)).min(255) as u8);
    }
}

#[cfg(test)]
impl Ink {
    /// A page with these rectangles of ink: columns, rows, value; faintest 20.
    pub(crate) fn page([width, height]: [usize; 2], inked: &[(Range<usize>, Range<usize>, u8)]) -> Self {
        let mut values = vec![0; width * height];
        for (x, y, value) in inked {
            y.clone().for_each(|y| values[y * width..][x.clone()].fill(*value));
        }
        Self { width, height, certain: values.clone(), values, faintest: 20 }
    }
}

/// The ink of a page on paper whose level is known beside it only: all ink, and what certainly is ink.
fn on_local_paper(light: &[u8], width: usize) -> [Vec<u8>; 2] {
    let (smooth, shorter) = (paper::smooth(light, width), width.min(light.len() / width) as f64);
    let [least, most] = WINDOW.map(|share| (share * shorter).round().max(1.0) as usize);
    let ink = |window: usize, margin: usize| paper::taken_by_narrow(light, &smooth, width, window, margin);
    // The narrower the window, the narrower the shadows that are told from ink.
    let window = (PENS * stroke_run(&ink(most, most / 2), width)).clamp(least.min(most), most);
    // Where a window may lie almost wholly outside of the picture, one fits into all that an edge cuts off: none of it is certain.
    [ink(window, window / 2), ink(window, window - 1)]
}

/// How far the pen's strokes go along a row or a column, as a median: somewhat more than the pen is wide.
fn stroke_run(values: &[u8], width: usize) -> usize {
    let all = Histogram::of(values);
    let threshold = all.otsu_threshold().max(FAINTEST);
    let run_of_dark = median_run(values, width, threshold);
    // What is dark is strokes, or shadows with strokes in them. A shadow that the window does not fit into looks like ink, but it
    // is wider and not as dark.
    let darker = all.from(threshold).otsu_threshold();
    let is_much_darker = all.mean(darker..=255) >= DARKER * all.mean(threshold..=darker - 1);
    let run_of_darker = is_much_darker.then(|| median_run(values, width, darker));
    run_of_darker.filter(|run| WIDER * run <= run_of_dark).unwrap_or(run_of_dark)
}

/// The median of how long the values from a threshold on go along a row.
fn median_run(values: &[u8], width: usize, threshold: u8) -> usize {
    let mut counts = vec![0_u32; width + 1];
    for row in values.chunks_exact(width) {
        row.split(|&value| value < threshold).for_each(|run| counts[run.len()] += 1);
    }
    counts[0] = 0;
    let half = counts.iter().sum::<u32>() / 2;
    let mut below = 0;
    let is_reached = |&count: &u32| {
        below += count;
        below > half
    };
    counts.iter().position(is_reached).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pen_is_as_wide_as_the_darkest_narrow_things_and_not_as_the_shadows_of_a_blind() {
        let slats = |from: usize| (from..from + 24, 0..60, 90);
        let strokes = [(10..13, 5..55, 180), (40..43, 5..55, 180)];
        let run = |inked: &[_]| stroke_run(&Ink::page([80, 60], inked).values, 80);
        assert_eq!(run(&strokes), 3);
        assert_eq!(run(&[&[slats(0), slats(50)][..], &strokes].concat()), 3);
        assert_eq!(run(&[slats(0), slats(50)]), 24, "nothing but broad strokes");
        assert_eq!(run(&[slats(0), slats(50), (2..5, 5..55, 100)]), 24, "uneven broad strokes");
    }
}
