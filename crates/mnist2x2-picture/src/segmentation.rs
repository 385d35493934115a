//! Which ink belongs to which cell.
//!
//! Ink that hangs together was written as one, so it goes as a whole to the cell that holds most of it, also where it
//! crosses a border. Only where digits of two cells touch is it cut at the border.

use std::ops::Range;

use crate::blot::{edge, stroke_width};
use crate::mask::{Mask, Pixel, spans};
use crate::specks::without_specks;

/// The share of a component in a cell from which on that cell may have a digit of its own in it.
const OWN_SHARE: f32 = 0.25;
/// Ink that spans less of a cell's side is a speck: nothing beside other ink, and no digit by itself.
const SPECK: f32 = 0.08;

/// The ink of one cell's digit.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// The columns of the picture that it spans.
    pub(crate) x: Range<usize>,
    /// The rows of the picture that it spans.
    pub(crate) y: Range<usize>,
    /// For each pixel of that rectangle, row by row, whether it is ink of this cell.
    inked: Vec<bool>,
    /// How wide its strokes are, in pixels.
    pub(crate) stroke_width: f32,
}

impl Segment {
    /// Of these pixels, which are never none.
    pub(crate) fn of(pixels: &[Pixel]) -> Self {
        let [x, y] = spans(pixels);
        let mut inked = vec![false; x.len() * y.len()];
        for [column, row] in pixels.iter().map(|pixel| pixel.map(usize::from)) {
            inked[(row - y.start) * x.len() + column - x.start] = true;
        }
        let stroke_width = stroke_width(pixels.len(), edge(pixels, &x, &y).len());
        Self { x, y, inked, stroke_width }
    }

    /// Whether there is ink at a pixel of its rectangle.
    pub(crate) fn has(&self, x: usize, y: usize) -> bool {
        self.inked[y * self.x.len() + x]
    }
}

/// For each cell its digit's ink, or nothing if it is empty; cells end at these borders, of rows and of columns.
pub(crate) fn segment(mask: &Mask, [rows, cols]: &[Vec<usize>; 2]) -> Vec<Option<Segment>> {
    let cells = Cells { rows, cols };
    let components = cells.assign(mask.pieces());
    let digit = |cell: usize| {
        let own = components.iter().filter(|component| component.cell == cell).collect();
        let kept = without_specks(own, |one| one.is_small, |one| one.pixels.len() as f32);
        let pixels: Vec<Pixel> = kept.into_iter().flat_map(|one| one.pixels.iter().copied()).collect();
        (!pixels.is_empty()).then(|| Segment::of(&pixels))
    };
    (0..cells.count()).map(digit).collect()
}

/// Connected ink, or a part of it that was cut off.
struct Component {
    pixels: Vec<Pixel>,
    /// How many of its pixels each cell holds.
    counts: Vec<u32>,
    /// The cell that holds most of it.
    cell: usize,
    /// Whether it is too small for a digit.
    is_small: bool,
}

/// Where cells begin and end.
struct Cells<'a> {
    rows: &'a [usize],
    cols: &'a [usize],
}

impl Cells<'_> {
    fn count(&self) -> usize {
        (self.rows.len() - 1) * (self.cols.len() - 1)
    }

    /// The cell that a pixel lies in, or the nearest one.
    fn of(&self, [x, y]: Pixel) -> usize {
        let find = |borders: &[usize], at: u16| {
            borders[1..borders.len() - 1].partition_point(|&border| border <= usize::from(at))
        };
        find(self.rows, y) * (self.cols.len() - 1) + find(self.cols, x)
    }

    /// The longest side of what is too small for a digit.
    fn speck(&self) -> f32 {
        let side = |borders: &[usize]| (borders[borders.len() - 1] - borders[0]) / (borders.len() - 1);
        SPECK * side(self.rows).min(side(self.cols)) as f32
    }

    /// Each component as a whole with its cell, or cut at the borders where digits touch.
    fn assign(&self, components: Vec<Vec<Pixel>>) -> Vec<Component> {
        let whole: Vec<Component> = components.into_iter().map(|pixels| self.component(pixels)).collect();
        let mut settled = vec![false; self.count()];
        for component in whole.iter().filter(|component| !component.is_small) {
            settled[component.cell] = true;
        }
        let assign = |component: Component| {
            let least = OWN_SHARE * component.pixels.len() as f32;
            let claims = |cell: usize| !settled[cell] && component.counts[cell] as f32 >= least;
            if (0..self.count()).any(claims) { self.cut(&component) } else { vec![component] }
        };
        whole.into_iter().flat_map(assign).collect()
    }

    /// These pixels, and how they lie in the cells.
    fn component(&self, pixels: Vec<Pixel>) -> Component {
        let mut counts = vec![0; self.count()];
        for &pixel in &pixels {
            counts[self.of(pixel)] += 1;
        }
        // The first of equals.
        let cell = (0..self.count()).rev().max_by_key(|&cell| counts[cell]).unwrap_or(0);
        let [x, y] = spans(&pixels);
        let is_small = (x.len().max(y.len()) as f32) < self.speck();
        Component { pixels, counts, cell, is_small }
    }

    /// A component cut at the borders of cells.
    fn cut(&self, component: &Component) -> Vec<Component> {
        let mut parts = vec![Vec::new(); self.count()];
        component.pixels.iter().for_each(|&pixel| parts[self.of(pixel)].push(pixel));
        parts.into_iter().filter(|pixels| !pixels.is_empty()).map(|pixels| self.component(pixels)).collect()
    }
}
