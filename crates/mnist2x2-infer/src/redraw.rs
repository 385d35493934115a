//! A digit drawn anew: with MNIST's pen, in MNIST's box, centred as MNIST's digits are.
//!
//! Distances to the edge of the ink tell how wide the strokes are and where they run, so they can be drawn with another
//! pen without knowing how they were written: half a stroke's width within the edge is the stroke's middle.

use mnist2x2_data::{INK_SIDE, PIXELS, Pen, SIDE, centre_ink};

use crate::pieces::{Frame, Pieces};

/// The ink of `cell`, which lies in `frame`, as a pen of `width` pixels would have drawn it in a digit of 28 x 28.
pub(crate) fn redraw(pieces: &Pieces, cell: usize, frame: &Frame, width: f32) -> [u8; PIXELS] {
    let pen = Pen { radius: width / 2.0, edge: Pen::SOFT };
    let longer = frame.longer() as f32;
    // As far outside as the new pen can reach, were the strokes infinitely thin.
    let margin = (pen.reach() * longer / (INK_SIDE - width)).ceil() as usize + 1;
    let field = Field::of(pieces, cell, frame, margin);
    let stroke = field.stroke_width().min(longer / 2.0);
    let scale = (INK_SIDE - width) / (longer - stroke);
    let origin = [&frame.x, &frame.y].map(|range| range.len() as f32 / 2.0 + margin as f32 - 0.5);
    let place = |k: usize, at: usize| origin[k] + (at as f32 - (SIDE - 1) as f32 / 2.0) / scale;
    let ink: [f32; PIXELS] = std::array::from_fn(|i| {
        let depth = field.at(place(0, i % SIDE), place(1, i / SIDE));
        pen.ink((stroke / 2.0 - depth) * scale).max(0.0)
    });
    let mut out = [0; PIXELS];
    centre_ink(&ink, &mut out);
    out
}

/// How deep each pixel lies in the ink, in pixels; below 0 outside.
struct Field {
    width: usize,
    height: usize,
    depths: Vec<f32>,
}

impl Field {
    /// Of the ink of `cell`, in its frame and so many pixels around it.
    fn of(pieces: &Pieces, cell: usize, frame: &Frame, margin: usize) -> Self {
        let (width, height) = (frame.x.len() + 2 * margin, frame.y.len() + 2 * margin);
        let mut inked = vec![false; width * height];
        for y in frame.y.clone() {
            let start = (y - frame.y.start + margin) * width + margin;
            let row = inked[start..].iter_mut().zip(frame.x.clone());
            row.for_each(|(inked, x)| *inked = pieces.has(cell, x, y));
        }
        let upright = distances_in_columns(&inked, width);
        let mut depths = Vec::with_capacity(inked.len());
        for (inked, upright) in inked.chunks_exact(width).zip(upright.chunks_exact(width)) {
            depths.extend((0..width).map(|x| depth(inked, upright, x, margin)));
        }
        Self { width, height, depths }
    }

    /// How wide the strokes are: four times the median depth, since depths in a stroke are uniform up to half its width.
    ///
    /// Depths are counted in steps of a pixel and the median is interpolated, so that a straight stroke, in which only a
    /// few depths occur, is not rounded to one of them.
    fn stroke_width(&self) -> f32 {
        let mut counts = vec![0_u32; self.width.max(self.height)];
        self.depths.iter().filter(|&&depth| depth > 0.0).for_each(|&depth| counts[depth as usize] += 1);
        let half = counts.iter().sum::<u32>() as f32 / 2.0;
        let mut below = 0.0;
        for (depth, &count) in counts.iter().enumerate() {
            if below + count as f32 >= half {
                return 4.0 * (depth as f32 + (half - below) / count as f32);
            }
            below += count as f32;
        }
        0.0
    }

    /// The depth between pixels.
    fn at(&self, x: f32, y: f32) -> f32 {
        let (x, y) = (x.clamp(0.0, (self.width - 1) as f32), y.clamp(0.0, (self.height - 1) as f32));
        let (left, top) = ((x as usize).min(self.width - 2), (y as usize).min(self.height - 2));
        let (right_share, bottom_share) = (x - left as f32, y - top as f32);
        let pixels = &self.depths[top * self.width + left..];
        let mix = |row: usize| pixels[row] + right_share * (pixels[row + 1] - pixels[row]);
        mix(0) + bottom_share * (mix(self.width) - mix(0))
    }
}

/// How far in its column the nearest pixel of the other kind is; the height if there is none.
fn distances_in_columns(inked: &[bool], width: usize) -> Vec<u32> {
    let none = (inked.len() / width) as u32;
    let mut distances = vec![none; inked.len()];
    let mut step = |at: usize, before: usize| {
        let far = if inked[at] == inked[before] { distances[before] + 1 } else { 1 };
        distances[at] = distances[at].min(far);
    };
    (width..inked.len()).for_each(|at| step(at, at - width));
    (0..inked.len() - width).rev().for_each(|at| step(at, at + width));
    distances
}

/// The depth of pixel `x` of a row, from what is known of the columns: the nearest pixel of the other kind is in some
/// column nearby, no farther than the best one found so far.
fn depth(inked: &[bool], upright: &[u32], x: usize, most: usize) -> f32 {
    let own = inked[x];
    let square = |at: usize| if inked[at] == own { upright[at].pow(2) } else { 0 };
    // On paper nobody asks beyond the margin.
    let mut nearest = square(x).min(if own { u32::MAX } else { (most * most) as u32 });
    let mut aside = 1;
    while aside * aside < nearest {
        for at in [x.checked_sub(aside as usize), Some(x + aside as usize)].into_iter().flatten() {
            if at < inked.len() {
                nearest = nearest.min(aside * aside + square(at));
            }
        }
        aside += 1;
    }
    let distance = (nearest as f32).sqrt() - 0.5;
    if own { distance } else { -distance }
}
