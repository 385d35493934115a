//! Which ink belongs to which cell.
//!
//! Ink that hangs together was written as one, so it goes as a whole to the cell that holds most of it, also where it
//! crosses a border. Only where digits of two cells touch is it cut at the border.

use std::ops::Range;

use crate::ink::Ink;

/// The share of a piece in a cell from which on that cell may have a digit of its own in it.
const OWN_SHARE: f32 = 0.25;
/// Ink that spans less of a cell's side is a speck: nothing beside other ink, and no digit by itself.
const SPECK: f32 = 0.08;
/// The share of a cell's ink that a speck has at most.
const SPECK_SHARE: f32 = 0.05;
/// Paper, or a speck.
const NOBODY: u16 = u16::MAX;

/// A rectangle of pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) x: Range<usize>,
    pub(crate) y: Range<usize>,
}

impl Frame {
    /// Around pixels of a picture of this width; they are never none.
    fn around(pixels: &[u32], width: usize) -> Self {
        let range = |place: fn(usize, usize) -> usize| {
            let places = || pixels.iter().map(|&pixel| place(pixel as usize, width));
            places().min().unwrap_or(0)..places().max().map_or(0, |last| last + 1)
        };
        Self { x: range(|pixel, width| pixel % width), y: range(|pixel, width| pixel / width) }
    }

    /// Around this and another.
    fn and(self, other: &Self) -> Self {
        let join = |a: Range<usize>, b: &Range<usize>| a.start.min(b.start)..a.end.max(b.end);
        Self { x: join(self.x, &other.x), y: join(self.y, &other.y) }
    }

    /// The longer of width and height.
    pub(crate) fn longer(&self) -> usize {
        self.x.len().max(self.y.len())
    }
}

/// Each pixel's cell.
#[derive(Debug)]
pub(crate) struct Pieces {
    width: usize,
    owner: Vec<u16>,
    /// For each cell the rectangle around its ink; `None` if it is empty.
    pub(crate) frames: Vec<Option<Frame>>,
}

impl Pieces {
    /// Gives every pixel of ink to a cell; cells end at these borders, of rows and of columns.
    pub(crate) fn of(ink: &Ink, [rows, cols]: &[Vec<usize>; 2]) -> Self {
        let cells = Cells { rows, cols, width: ink.width };
        let parts = cells.assign(connected(ink));
        let mut owner = vec![NOBODY; ink.values.len()];
        let frames = (0..cells.count()).map(|cell| {
            let mine = || parts.iter().filter(|part| part.cell == cell);
            if mine().all(|part| cells.is_speck(&part.frame)) {
                return None;
            }
            let total: usize = mine().map(|part| part.pixels.len()).sum();
            let is_little = |part: &Part| part.pixels.len() as f32 <= SPECK_SHARE * total as f32;
            let kept = || mine().filter(|part| !(cells.is_speck(&part.frame) && is_little(part)));
            for &pixel in kept().flat_map(|part| &part.pixels) {
                owner[pixel as usize] = cell as u16;
            }
            kept().map(|part| part.frame.clone()).reduce(|a, b| a.and(&b))
        });
        let frames = frames.collect();
        Self { width: ink.width, owner, frames }
    }

    /// Whether there is ink of `cell` at a pixel.
    pub(crate) fn has(&self, cell: usize, x: usize, y: usize) -> bool {
        self.owner[y * self.width + x] == cell as u16
    }
}

/// Ink that goes to one cell.
struct Part {
    cell: usize,
    pixels: Vec<u32>,
    frame: Frame,
}

/// Where cells begin and end.
struct Cells<'a> {
    rows: &'a [usize],
    cols: &'a [usize],
    width: usize,
}

impl Cells<'_> {
    fn count(&self) -> usize {
        (self.rows.len() - 1) * (self.cols.len() - 1)
    }

    /// The cell that a pixel lies in, or the nearest one.
    fn of(&self, pixel: u32) -> usize {
        let find =
            |borders: &[usize], at| borders[1..borders.len() - 1].partition_point(|&border| border <= at);
        let (x, y) = (pixel as usize % self.width, pixel as usize / self.width);
        find(self.rows, y) * (self.cols.len() - 1) + find(self.cols, x)
    }

    /// Whether something of this size is too small for a digit.
    fn is_speck(&self, frame: &Frame) -> bool {
        let last = |borders: &[usize]| (borders[borders.len() - 1] - borders[0]) / (borders.len() - 1);
        (frame.longer() as f32) < SPECK * last(self.rows).min(last(self.cols)) as f32
    }

    /// Each piece as a whole with its cell, or cut at the borders where digits touch.
    fn assign(&self, pieces: Vec<Vec<u32>>) -> Vec<Part> {
        let counted: Vec<Counted> = pieces.into_iter().map(|pixels| self.counted(pixels)).collect();
        let mut settled = vec![false; self.count()];
        for piece in counted.iter().filter(|piece| !self.is_speck(&piece.whole.frame)) {
            settled[piece.whole.cell] = true;
        }
        let mut parts = Vec::new();
        for Counted { whole, counts } in counted {
            let least = OWN_SHARE * whole.pixels.len() as f32;
            let claims = |cell: usize| !settled[cell] && counts[cell] as f32 >= least;
            if (0..self.count()).any(claims) {
                parts.extend(self.cut(&whole.pixels));
            } else {
                parts.push(whole);
            }
        }
        parts
    }

    /// A piece with the cell that holds most of it, and how much each cell holds.
    fn counted(&self, pixels: Vec<u32>) -> Counted {
        let mut counts = vec![0_u32; self.count()];
        for &pixel in &pixels {
            counts[self.of(pixel)] += 1;
        }
        // The first of equals.
        let cell = (0..self.count()).rev().max_by_key(|&cell| counts[cell]).unwrap_or(0);
        let frame = Frame::around(&pixels, self.width);
        Counted { whole: Part { cell, pixels, frame }, counts }
    }

    /// A piece cut at the borders of cells.
    fn cut(&self, pixels: &[u32]) -> Vec<Part> {
        let within = |cell| pixels.iter().copied().filter(|&pixel| self.of(pixel) == cell).collect();
        let parts = (0..self.count()).map(|cell| (cell, within(cell)));
        let some = parts.filter(|(_, pixels): &(usize, Vec<u32>)| !pixels.is_empty());
        some.map(|(cell, pixels)| Part { cell, frame: Frame::around(&pixels, self.width), pixels }).collect()
    }
}

/// A piece, and how many of its pixels each cell holds.
struct Counted {
    whole: Part,
    counts: Vec<u32>,
}

/// The pixels of each piece of connected ink; pixels touch at sides and corners.
fn connected(ink: &Ink) -> Vec<Vec<u32>> {
    let threshold = ink.threshold();
    let mut open: Vec<bool> = ink.values.iter().map(|&value| value >= threshold).collect();
    let mut pieces = Vec::new();
    for start in 0..open.len() {
        if open[start] {
            pieces.push(flood(&mut open, start, ink.width));
        }
    }
    pieces
}

/// Takes the piece that `start` belongs to.
fn flood(open: &mut [bool], start: usize, width: usize) -> Vec<u32> {
    open[start] = false;
    let mut pixels = vec![start as u32];
    let mut next = 0;
    while let Some(&pixel) = pixels.get(next) {
        next += 1;
        let (x, y) = (pixel as usize % width, pixel as usize / width);
        for row in y.saturating_sub(1)..=(y + 1).min(open.len() / width - 1) {
            let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
            for (at, open) in (row * width + left..).zip(&mut open[row * width..][left..=right]) {
                if std::mem::take(open) {
                    pixels.push(at as u32);
                }
            }
        }
    }
    pixels
}
