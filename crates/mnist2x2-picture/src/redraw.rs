//! A digit brought to MNIST's look: drawn anew with MNIST's pen, in MNIST's box, centered as MNIST's digits are.
//!
//! Distances to the edge of the ink tell how wide the strokes are and where they run, so they can be drawn with another
//! pen without knowing how they were written: half a stroke's width within the edge is the stroke's middle.

use std::ops::Range;

use mnist2x2_data::{Brush, INK_SIDE, PIXELS, SIDE, center_ink};

use crate::segmentation::Segment;

/// The most pixels along a side of the ink that are looked at; of larger ink every second or third is enough.
const MAX_SIDE: usize = 110;

/// Steps of a pixel in which depths are counted.
const STEPS: f32 = 8.0;

/// The greatest distance whose square is an `i16`, which processors take eight or more of at once: farther than any stroke is deep.
const FARTHEST: i16 = 181;

/// The ink of `segment` as a pen of `width` pixels would have drawn it in a digit of 28 x 28.
pub(crate) fn redraw_digit(segment: &Segment, width: f32) -> [u8; PIXELS] {
    let longer = segment.x.len().max(segment.y.len());
    let ink = redraw_ink(segment, width, longer, |_| SIDE);
    let mut out = [0; PIXELS];
    center_ink(&ink, &mut out);
    out
}

/// The ink of digits that touch as such a pen would have drawn it in a line of them, 28 pixels high: row by row, and as wide as
/// it must be.
pub(crate) fn redraw_run(segment: &Segment, width: f32) -> Vec<u8> {
    let ink =
        redraw_ink(segment, width, segment.y.len(), |wide| wide.ceil() as usize + SIDE - INK_SIDE as usize);
    ink.into_iter().map(|ink| (ink * 255.0).round() as u8).collect()
}

/// The digits of such `ink` of `count`, each in its own 28 x 28: cut near even parts, where there is the least ink.
pub(crate) fn part_run(ink: &[u8], count: usize) -> Vec<[u8; PIXELS]> {
    let (width, near) = (ink.len() / SIDE, ink.len() / SIDE / count / 4);
    let column = |x: usize| ink.iter().skip(x).step_by(width).map(|&ink| u32::from(ink)).sum::<u32>();
    let cut = |at: usize| {
        let even = width * at / count;
        let places = even.saturating_sub(near)..=(even + near).min(width - 1);
        places.min_by_key(|&x| (column(x), x.abs_diff(even))).unwrap_or(even)
    };
    let cuts: Vec<usize> = std::iter::once(0).chain((1..count).map(cut)).chain([width]).collect();
    let part = |ends: &[usize]| {
        let (mut alone, mut out) = ([0.0; PIXELS], [0; PIXELS]);
        let middle = usize::midpoint(ends[0], ends[1]);
        for x in ends[0]..ends[1] {
            let Some(to) = (x + SIDE / 2).checked_sub(middle).filter(|&to| to < SIDE) else { continue };
            (0..SIDE).for_each(|y| alone[y * SIDE + to] = f32::from(ink[y * width + x]) / 255.0);
        }
        center_ink(&alone, &mut out);
        out
    };
    cuts.windows(2).map(part).collect()
}

/// `segment` drawn anew in the middle of a picture 28 pixels high: so large that `side` of its pixels become the side of MNIST's
/// box. `columns` says how wide the picture is for ink of so many pixels.
fn redraw_ink(segment: &Segment, width: f32, side: usize, columns: impl Fn(f32) -> usize) -> Vec<f32> {
    let pen = Brush { radius: width / 2.0, edge: Brush::SOFT };
    let step = side.div_ceil(MAX_SIDE);
    let [wide, high, side] = [segment.x.len(), segment.y.len(), side].map(|side| side as f32 / step as f32);
    // As far outside as the new pen can reach, were the strokes infinitely thin.
    let margin = (pen.reach() * side / (INK_SIDE - width)).ceil() as usize + 1;
    let depths = DepthMap::of(segment, step, margin);
    let stroke = depths.stroke_width().min(side / 2.0);
    let scale = (INK_SIDE - width) / (side - stroke);
    let origin = [wide, high].map(|side| side / 2.0 + margin as f32 - 0.5);
    let columns = columns((wide - stroke).max(0.0) * scale + width);
    let sides = [columns, SIDE];
    let place = |k: usize, at: usize| origin[k] + (at as f32 - (sides[k] - 1) as f32 / 2.0) / scale;
    let ink = |at: usize| {
        let depth = depths.at(place(0, at % columns), place(1, at / columns));
        pen.ink((stroke / 2.0 - depth) * scale).max(0.0)
    };
    (0..columns * SIDE).map(ink).collect()
}

/// How deep each pixel lies in the ink, in pixels; below 0 outside.
struct DepthMap {
    width: usize,
    height: usize,
    depths: Vec<f32>,
}

impl DepthMap {
    /// Of every `step`-th pixel of `segment`, and of so many around it, than which no paper counts as deeper.
    fn of(segment: &Segment, step: usize, margin: usize) -> Self {
        let [width, height] = [&segment.x, &segment.y].map(|range| range.len().div_ceil(step) + 2 * margin);
        let mut inked = vec![false; width * height];
        // The middle one of each step, and at the end what there is.
        let places = |range: &Range<usize>| {
            let last = range.len() - 1;
            (0..=last).step_by(step).map(move |at| (at + step / 2).min(last))
        };
        for (row, y) in places(&segment.y).enumerate() {
            let inked = inked[(row + margin) * width + margin..].iter_mut();
            inked.zip(places(&segment.x)).for_each(|(inked, x)| *inked = segment.has(x, y));
        }
        Self { width, height, depths: depths(&inked, width, margin as i16) }
    }

    /// How wide the strokes are: four times the mean depth, since depths in a stroke are uniform up to half its width.
    ///
    /// The quarters of the least and the greatest depths do not count: crossings and filled loops are deeper than
    /// strokes are.
    fn stroke_width(&self) -> f32 {
        let mut counts = vec![0_u32; STEPS as usize * self.width.max(self.height)];
        for depth in self.depths.iter().filter(|&&depth| depth > 0.0) {
            counts[(STEPS * depth) as usize] += 1;
        }
        let quarter = counts.iter().sum::<u32>() as f32 / 4.0;
        let (mut below, mut sum) = (0.0_f32, 0.0);
        for (step, &count) in counts.iter().enumerate() {
            let above = below + count as f32;
            let counted = above.min(3.0 * quarter) - below.max(quarter);
            sum += counted.max(0.0) * (step as f32 + 0.5) / STEPS;
            below = above;
        }
        4.0 * sum / (2.0 * quarter)
    }

    /// The depth between pixels.
    fn at(&self, x: f32, y: f32) -> f32 {
        let (x, y) = (x.clamp(0.0, (self.width - 1) as f32), y.clamp(0.0, (self.height - 1) as f32));
        let (left, top) = ((x as usize).min(self.width - 2), (y as usize).min(self.height - 2));
        let (right_share, bottom_share) = (x - left as f32, y - top as f32);
        let mix = |row: usize| {
            let [left, right] = [0, 1].map(|aside| self.depths[row * self.width + left + aside]);
            left + right_share * (right - left)
        };
        let [above, below] = [mix(top), mix(top + 1)];
        above + bottom_share * (below - above)
    }
}

/// The depth of each pixel, of paper at most so deep.
fn depths(inked: &[bool], width: usize, most: i16) -> Vec<f32> {
    let upright = distances_in_columns(inked, width);
    let mut depths = Vec::with_capacity(inked.len());
    for (inked, upright) in inked.chunks_exact(width).zip(upright.chunks_exact(width)) {
        // Of ink to the nearest paper, and of paper to the nearest ink; the other kind is there already.
        let squares = |of_ink: bool, most: i16| {
            let in_column =
                |(&inked, &far): (&bool, &i16)| if inked == of_ink { far.min(most).pow(2) } else { 0 };
            squares_in_row(&inked.iter().zip(upright).map(in_column).collect::<Vec<_>>())
        };
        let to_paper = squares(true, FARTHEST).into_iter().map(|square| f32::from(square).sqrt() - 0.5);
        let to_ink =
            squares(false, most.min(FARTHEST)).into_iter().map(|square| 0.5 - f32::from(square).sqrt());
        let both = inked.iter().zip(to_paper.zip(to_ink));
        depths.extend(both.map(|(&inked, (to_paper, to_ink))| if inked { to_paper } else { to_ink }));
    }
    depths
}

/// How far in its column the nearest pixel of the other kind is; the height if there is none.
fn distances_in_columns(inked: &[bool], width: usize) -> Vec<i16> {
    let none = (inked.len() / width) as i16;
    let mut distances = vec![none; inked.len()];
    let mut step = |at: usize, before: usize| {
        let far = if inked[at] == inked[before] { distances[before] + 1 } else { 1 };
        distances[at] = distances[at].min(far);
    };
    (width..inked.len()).for_each(|at| step(at, at - width));
    (0..inked.len() - width).rev().for_each(|at| step(at, at + width));
    distances
}

/// How far the nearest pixel of the other kind is from each pixel of a row, squared, from the same for each column alone: it is in
/// some column nearby, no farther than the nearest one found so far.
fn squares_in_row(in_columns: &[i16]) -> Vec<i16> {
    let mut nearest = in_columns.to_vec();
    let mut aside = 1;
    while nearest.iter().any(|&square| square > aside * aside) {
        let closer = |(nearest, other): (&mut i16, &i16)| {
            *nearest = (*nearest).min(other.saturating_add(aside * aside));
        };
        let first = nearest.len().min(aside as usize);
        nearest[first..].iter_mut().zip(in_columns).for_each(closer);
        nearest.iter_mut().zip(&in_columns[first..]).for_each(closer);
        aside += 1;
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::Mask;
    use crate::segmentation::segment;

    /// The ink of the pixels that `inked` names on a page of 90 x 120, one cell.
    fn drawn(inked: impl Fn(f32, f32) -> bool) -> Segment {
        let pixel = |i: usize| inked((i % 90) as f32, (i / 90) as f32);
        let mask = Mask { inked: (0..90 * 120).map(pixel).collect(), ..Mask::blank(90, 120) };
        segment(&mask, &[vec![0, 120], vec![0, 90]]).swap_remove(0).unwrap()
    }

    fn depths(segment: &Segment) -> DepthMap {
        DepthMap::of(segment, 1, 9)
    }

    #[test]
    fn the_width_of_strokes_is_measured_upright_slanting_and_round() {
        let upright = drawn(|x, y| (40.0..47.0).contains(&x) && (10.0..100.0).contains(&y));
        let slanting = drawn(|x, y| (x + y - 100.0).abs() < 5.0 && (10.0..80.0).contains(&x));
        let ring = drawn(|x, y| ((x - 45.0).hypot(y - 60.0) - 30.0).abs() < 4.0);
        for (segment, width) in [(upright, 7.0), (slanting, 9.0 / 2.0_f32.sqrt()), (ring, 8.0)] {
            let measured = depths(&segment).stroke_width();
            assert!((measured - width).abs() < 0.1 * width, "{measured} for {width}");
        }
    }

    #[test]
    fn depth_is_the_distance_to_the_edge_of_the_ink() {
        let depths = depths(&drawn(|x, y| (30.0..51.0).contains(&x) && (40.0..81.0).contains(&y)));
        // The frame begins 9 pixels into the depths, and a pixel's middle lies half a pixel into it.
        for (x, y, expected) in [(9.0, 29.0, 0.5), (19.0, 29.0, 10.5), (4.0, 29.0, -4.5), (6.0, 5.0, -4.5)] {
            let depth = depths.at(x, y);
            assert!((depth - expected).abs() < 0.01, "{depth} at ({x}, {y})");
        }
    }

    #[test]
    fn a_digit_gets_the_box_the_place_and_the_pen_that_were_asked_for() {
        for thick in [3.0, 6.0, 10.0] {
            let segment = drawn(|x, y| (x - 12.0).abs() * 2.0 < thick && (30.0..110.0).contains(&y));
            let digit = redraw_digit(&segment, 2.0);
            let ink =
                |k: usize| digit.iter().skip(k).step_by(SIDE).map(|&gray| f32::from(gray) / 255.0).sum();
            let columns: Vec<f32> = (0..SIDE).map(ink).collect();
            let rows = digit.chunks_exact(SIDE).filter(|row| row.iter().any(|&gray| gray > 100)).count();
            let area: f32 = columns.iter().sum();
            assert_eq!(rows, 20, "{thick}");
            assert!((area - 40.0).abs() < 4.0, "{thick}: {area} pixels of ink");
            assert!(columns[13] + columns[14] + columns[15] > 0.9 * area, "{thick}: {columns:?}");
        }
    }

    #[test]
    fn a_run_is_as_high_as_a_digit_and_keeps_its_proportions() {
        // Three upright strokes of 6 x 60 and a bar at the top that joins them: 66 wide.
        let segment = drawn(|x, y| {
            let is_stroke = [10.0, 40.0, 70.0].iter().any(|left| (left..&(left + 6.0)).contains(&&x));
            (20.0..80.0).contains(&y) && (is_stroke || (10.0..76.0).contains(&x) && y < 26.0)
        });
        let run = redraw_run(&segment, 2.0);
        let width = run.len() / SIDE;
        let column = |x: usize| (0..SIDE).filter(|y| run[y * width + x] > 127).count();
        let upright: Vec<usize> = (0..width).filter(|&x| column(x) > 15).collect();
        let inked: Vec<usize> = (0..width).filter(|&x| column(x) > 0).collect();
        assert_eq!((0..width).map(column).max(), Some(20));
        // 60 pixels apart are 20, between the middles of strokes 18 of 54.
        assert_eq!((inked[0], inked[inked.len() - 1]), (4, width - 5), "in the middle: {upright:?}");
        assert!(
            (0..3).all(|i| upright.contains(&(5 + 10 * i)) || upright.contains(&(4 + 10 * i))),
            "{upright:?}"
        );
    }
}
