//! How light the paper is at each point, whatever light falls on it.
//!
//! Ink is darker than the paper beside it and narrow; a shadow is darker too, but wide. Filling up all that is narrower
//! than a window (a gray-level closing: J. Serra, *Image Analysis and Mathematical Morphology*, 1982) leaves the paper as
//! it would be without ink, with its shadows and their edges.

use crate::histogram::Histogram;
use crate::resample::whole;

/// The share of the paper's light that is missing at a point, of 255.
pub(crate) fn taken(light: u8, paper: u8) -> u8 {
    whole(255.0 * f32::from(paper.saturating_sub(light)) / f32::from(paper.max(1)))
}

/// The share of the paper's light that each pixel is short of, of what is so narrow that the closing fills it up.
pub(crate) fn taken_by_narrow(
    light: &[u8],
    smooth: &[u8],
    width: usize,
    window: usize,
    margin: usize,
) -> Vec<u8> {
    let level = darkest_around(close(smooth, width, window, margin), width);
    light.iter().zip(level).map(|(&light, level)| taken(light, level)).collect()
}

/// What `grays` would be without dark things that a square of `window` pixels does not fit into, of which up to `margin`
/// may lie outside of the picture.
pub(crate) fn close(grays: &[u8], width: usize, window: usize, margin: usize) -> Vec<u8> {
    let height = grays.len() / width;
    let (wide, high) = (width + 2 * margin, height + 2 * margin);
    // Outside, nothing is known: neither light nor, later, dark.
    let mut values = vec![0; wide * high];
    let inside = |y: usize| (y + margin) * wide + margin..(y + margin) * wide + margin + width;
    for (y, row) in grays.chunks_exact(width).enumerate() {
        values[inside(y)].copy_from_slice(row);
    }
    let (across, down) = (window.min(wide), window.min(high));
    widen(&mut values, wide, [across, down], u8::max);
    // Windows that do not fit say nothing.
    for row in values.chunks_exact_mut(wide) {
        row[wide + 1 - across..].fill(u8::MAX);
    }
    let end = values.len() - (down - 1) * wide;
    values[end..].fill(u8::MAX);
    // The other way round, each pixel sees all windows that it lies in.
    values.reverse();
    widen(&mut values, wide, [across, down], u8::min);
    values.reverse();
    let mut closed = Vec::with_capacity(grays.len());
    (0..height).for_each(|y| closed.extend_from_slice(&values[inside(y)]));
    closed
}

/// Each pixel becomes the `best` of the window that it is the upper left corner of.
fn widen(values: &mut [u8], width: usize, [across, down]: [usize; 2], best: impl Fn(u8, u8) -> u8 + Copy) {
    let mut ahead = Vec::with_capacity(width);
    for row in values.chunks_exact_mut(width) {
        best_ahead(row, across, &mut ahead, best);
    }
    best_below(values, width, down, best);
}

/// Each value of a row becomes the `best` of `count` values, itself and those that follow, by doubling the span: as many
/// passes as the logarithm of the count, each over what the nearest cache holds.
fn best_ahead(row: &mut [u8], count: usize, ahead: &mut Vec<u8>, best: impl Fn(u8, u8) -> u8 + Copy) {
    let mut span = 1;
    while span < count {
        let step = span.min(count - span);
        ahead.clear();
        ahead.extend_from_slice(row.get(step..).unwrap_or_default());
        merge(row, ahead, best);
        span += step;
    }
}

/// Each row becomes the `best` of `count` rows, itself and those that follow: the best of what is left of its block of so
/// many rows, and of as many of the next one as are missing (M. van Herk, *A fast algorithm for local minimum and maximum
/// filters on rectangular and octagonal kernels*, 1992).
fn best_below(values: &mut [u8], width: usize, count: usize, best: impl Fn(u8, u8) -> u8 + Copy) {
    let mut begun = Vec::with_capacity(width);
    for start in (0..values.len()).step_by(count * width) {
        let end = values.len().min(start + count * width);
        for at in (start + width..end).step_by(width).rev() {
            let (above, below) = values.split_at_mut(at);
            merge(&mut above[at - width..], below, best);
        }
        let (block, next) = values.split_at_mut(end);
        let mut next = next.chunks_exact(width);
        begun.clear();
        begun.extend_from_slice(next.next().unwrap_or_default());
        for row in block[start..].chunks_exact_mut(width).skip(1) {
            merge(row, &begun, best);
            merge(&mut begun, next.next().unwrap_or_default(), best);
        }
    }
}

/// Each value becomes the `best` of itself and the other one in its place, if there is one.
fn merge(values: &mut [u8], others: &[u8], best: impl Fn(u8, u8) -> u8) {
    values.iter_mut().zip(others).for_each(|(value, &other)| *value = best(*value, other));
}

/// The darkest of each pixel and its eight neighbors, so that the smoothed edge of a shadow is no ink.
pub(crate) fn darkest_around(mut grays: Vec<u8>, width: usize) -> Vec<u8> {
    for _ in 0..2 {
        // Each pixel and the next ones; and the other way round.
        widen(&mut grays, width, [2, 2], u8::min);
        grays.reverse();
    }
    grays
}

/// The mean of each pixel and its eight neighbors, so that single light grains of paper do not set its level.
pub(crate) fn smooth(grays: &[u8], width: usize) -> Vec<u8> {
    let height = grays.len() / width;
    let row = |y: usize| &grays[y * width..][..width];
    let mut out = Vec::with_capacity(grays.len());
    // Of each column, and once more of the first and the last.
    let mut sums = vec![0_u16; width + 2];
    for y in 0..height {
        let columns = row(y.saturating_sub(1)).iter().zip(row(y)).zip(row((y + 1).min(height - 1)));
        for (sum, ((&above, &own), &below)) in sums[1..].iter_mut().zip(columns) {
            *sum = u16::from(above) + u16::from(own) + u16::from(below);
        }
        (sums[0], sums[width + 1]) = (sums[1], sums[width]);
        let neighbors = sums.iter().zip(&sums[1..]).zip(&sums[2..]);
        out.extend(neighbors.map(|((&before, &own), &after)| {
            ((u32::from(before) + u32::from(own) + u32::from(after) + 4) / 9) as u8
        }));
    }
    out
}

/// Blocks along a side of a page by which its light is known.
const BLOCKS: usize = 16;
/// The light is a polynomial of this degree in both directions together: enough for a lamp, a window and a lens.
const DEGREE: usize = 4;
const TERMS: usize = (DEGREE + 1) * (DEGREE + 2) / 2;
/// How many times it is fitted, each time without the blocks that are not just paper.
const ROUNDS: usize = 6;
/// Pixels from one place where it is computed to the next.
const EVERY: usize = 8;
/// How far, in nats, a block of paper may lie beside the fit, and the share of blocks that must not.
const TOLERANCE: f64 = 0.05;
const AGREEING: f64 = 0.9;

/// The level of paper that is the same at more than this share of the pixels, and somewhere in each block: no shadow is so
/// small.
const FLAT: f64 = 0.75;

/// The level of the paper of a page on which no light falls, such as a program draws.
pub(crate) fn flat_level(light: &[u8], width: usize) -> Option<u8> {
    let histogram = Histogram::of(light);
    let level = histogram.median() as u8;
    let is_common = f64::from(histogram.count(level)) >= FLAT * light.len() as f64;
    let has_paper = |block| rows_of_block(block, light, width).any(|row| row.contains(&level));
    let is_everywhere = || (0..BLOCKS * BLOCKS).all(has_paper);
    (is_common && width >= BLOCKS && light.len() >= BLOCKS * width && is_everywhere()).then_some(level)
}

/// A page in even light: divided by what a smooth surface through its paper says. A page that none fits, such as one with a
/// sharp shadow, stays as it is.
pub(crate) fn even_out(light: &mut [u8], width: usize) {
    let Some(fit) = fit(light, width) else { return };
    let height = light.len() / width;
    let brightest = (0..BLOCKS * BLOCKS).map(|i| value(&fit, block_center(i))).fold(f64::MIN, f64::max);
    let factor = |x: usize, y: usize| {
        let place = |at: usize, side: usize| (2 * at + 1) as f64 / side as f64 - 1.0;
        (brightest - value(&fit, [place(x, width), place(y, height)])).exp() as f32
    };
    // The surface is smooth: it is computed at every eighth pixel, and between them it is straight.
    let columns = width.div_ceil(EVERY) + 1;
    let line = |y: usize| (0..columns).map(|at| factor(at * EVERY, y)).collect::<Vec<f32>>();
    let (mut above, mut below) = (Vec::new(), line(0));
    let mut factors = vec![0.0; (columns - 1) * EVERY];
    for (y, row) in light.chunks_exact_mut(width).enumerate() {
        if y % EVERY == 0 {
            above = std::mem::replace(&mut below, line(y + EVERY));
        }
        let down = (y % EVERY) as f32 / EVERY as f32;
        let at = |column: usize| above[column] + (below[column] - above[column]) * down;
        for (part, factors) in factors.chunks_exact_mut(EVERY).enumerate() {
            let [first, next] = [at(part), at(part + 1)];
            for (k, factor) in factors.iter_mut().enumerate() {
                *factor = first + (next - first) * k as f32 / EVERY as f32;
            }
        }
        for (pixel, factor) in row.iter_mut().zip(&factors) {
            *pixel = whole((f32::from(*pixel) * factor + 0.5).min(255.0));
        }
    }
}

/// The rows of a block of a page.
fn rows_of_block(block: usize, light: &[u8], width: usize) -> impl Iterator<Item = &[u8]> {
    let part = |at: usize, side: usize| at * side / BLOCKS..(at + 1) * side / BLOCKS;
    let (columns, rows) = (part(block % BLOCKS, width), part(block / BLOCKS, light.len() / width));
    rows.map(move |y| &light[y * width..][columns.clone()])
}

/// The middle of a block, on a page from -1 to 1.
fn block_center(block: usize) -> [f64; 2] {
    [block % BLOCKS, block / BLOCKS].map(|at| (2 * at + 1) as f64 / BLOCKS as f64 - 1.0)
}

/// The terms of the polynomial at a point.
fn terms(at: [f64; 2]) -> [f64; TERMS] {
    let [of_x, of_y] = at.map(|at| [1.0, at, at * at, at * (at * at), (at * at) * (at * at)]);
    let mut terms = [1.0; TERMS];
    let powers = (0..=DEGREE).flat_map(|total| (0..=total).map(move |y| (total - y, y)));
    for (term, (x, y)) in terms.iter_mut().zip(powers) {
        *term = of_x[x] * of_y[y];
    }
    terms
}

fn value(fit: &[f64; TERMS], at: [f64; 2]) -> f64 {
    terms(at).iter().zip(fit).map(|(term, factor)| term * factor).sum()
}

/// The logarithm of a page's light as a polynomial, if one fits.
fn fit(light: &[u8], width: usize) -> Option<[f64; TERMS]> {
    let height = light.len() / width;
    if width < BLOCKS || height < BLOCKS {
        return None;
    }
    let paper = |block: usize| {
        let grays: Vec<u8> = rows_of_block(block, light, width).flatten().copied().collect();
        // Ink is dark, and the lighter ones are paper.
        (Histogram::of(&grays).ranked(grays.len() as u32 * 3 / 4).max(1) as f64).ln()
    };
    // What is multiplied by the factors sought, and last what that should give.
    let point = |block: usize| {
        let mut point = [paper(block); TERMS + 1];
        point[..TERMS].copy_from_slice(&terms(block_center(block)));
        point
    };
    let points: Vec<[f64; TERMS + 1]> = (0..BLOCKS * BLOCKS).map(point).collect();
    let mut fit = [0.0; TERMS];
    let mut off = vec![0.0; points.len()];
    let mut scale = f64::INFINITY;
    for _ in 0..ROUNDS {
        // Tukey's weights: far from the fit, a block counts nothing.
        let weights = off.iter().map(|off: &f64| (1.0 - (off / scale).powi(2)).max(0.0).powi(2));
        fit = solve(points.iter().zip(weights))?;
        let surface = |point: &[f64]| point.iter().zip(&fit).map(|(term, factor)| term * factor).sum::<f64>();
        off = points.iter().map(|point| point[TERMS] - surface(point)).collect();
        let mut sizes: Vec<f64> = off.iter().map(|off| off.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        scale = (6.0 * sizes[sizes.len() / 2]).max(TOLERANCE);
    }
    let agreeing = off.iter().filter(|off| off.abs() <= TOLERANCE).count();
    (agreeing as f64 >= AGREEING * points.len() as f64).then_some(fit)
}

/// The factors of weighted least squares, by elimination; nothing if they are not determined.
fn solve<'a>(points: impl Iterator<Item = (&'a [f64; TERMS + 1], f64)>) -> Option<[f64; TERMS]> {
    let mut rows = [[0.0; TERMS + 1]; TERMS];
    for (point, weight) in points {
        for (row, &term) in rows.iter_mut().zip(point) {
            row.iter_mut().zip(point).for_each(|(sum, other)| *sum += weight * term * other);
        }
    }
    for pivot in 0..TERMS {
        let best = (pivot..TERMS).max_by(|&a, &b| rows[a][pivot].abs().total_cmp(&rows[b][pivot].abs()))?;
        rows.swap(pivot, best);
        let first = rows[pivot];
        if first[pivot].abs() < 1e-9 {
            return None;
        }
        for (_, row) in rows.iter_mut().enumerate().filter(|(at, _)| *at != pivot) {
            let share = row[pivot] / first[pivot];
            row.iter_mut().zip(first).for_each(|(value, of_first)| *value -= share * of_first);
        }
    }
    Some(std::array::from_fn(|at| rows[at][TERMS] / rows[at][at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paper of level 200 on 40 x 30 with darker rectangles: columns, rows, level.
    fn page(dark: &[([usize; 2], [usize; 2], u8)]) -> Vec<u8> {
        let mut page = vec![200; 40 * 30];
        for &(x, y, level) in dark {
            (y[0]..y[1]).for_each(|y| page[y * 40 + x[0]..y * 40 + x[1]].fill(level));
        }
        page
    }

    #[test]
    fn strokes_are_filled_up_and_shadows_stay_with_sharp_edges() {
        let shadow = ([0, 21], [0, 30], 120);
        let strokes = [([5, 9], [3, 27], 20), ([15, 30], [10, 14], 30), ([38, 40], [0, 30], 10)];
        let both: Vec<_> = [shadow].into_iter().chain(strokes).collect();
        assert!(close(&page(&both), 40, 8, 4) == page(&[shadow]));
        assert!(close(&page(&strokes), 40, 8, 4) == page(&[]));
        assert!(close(&page(&strokes), 40, 100, 0) == page(&[]), "a window larger than the page");
        let at_the_edge = [([0, 3], [0, 30], 20)];
        assert!(close(&page(&at_the_edge), 40, 8, 0) == page(&[]));
        assert!(close(&page(&at_the_edge), 40, 8, 7) == page(&at_the_edge));
    }

    #[test]
    fn a_page_is_flat_without_shadow_however_its_strokes_lie() {
        let strokes = [([5, 9], [3, 27], 20), ([15, 30], [10, 12], 30)];
        let shadow = ([34, 40], [0, 6], 190);
        assert_eq!(flat_level(&page(&[]), 40), Some(200));
        // Blocks are 2 x 2 or 3 x 2 pixels here, so broad strokes fill some.
        assert_eq!(flat_level(&page(&[([5, 6], [3, 27], 20), ([15, 30], [11, 12], 30)]), 40), Some(200));
        assert_eq!(flat_level(&page(&strokes), 40), None);
        assert_eq!(flat_level(&page(&[shadow]), 40), None);
        assert_eq!(flat_level(&page(&[([0, 40], [0, 30], 7)]), 40), Some(7));
    }

    #[test]
    fn smoothing_keeps_what_is_level() {
        assert!(smooth(&page(&[]), 40) == page(&[]));
        let mut grain = page(&[]);
        grain[15 * 40 + 20] = 245;
        assert_eq!(smooth(&grain, 40)[14 * 40 + 19], 205);
    }
}
