//! Whether a grid looks like MNIST already.

use mnist2x2_data::{INK_SIDE, PIXELS, SIDE};

/// Ink below this does not count: noise, and the faint rim that shrinking leaves.
const FAINT: u8 = 25;
/// How much shorter or longer than [`INK_SIDE`] a digit may look, in pixels: a faint rim does not count, a blurred one
/// counts twice.
const TOLERANCE: usize = 2;
/// How far from pixel (14, 14) the center of mass may lie, in pixels.
const OFF_CENTER: f32 = 1.0;

/// Which of these cells are empty, if there is a digit in one at least, and all have MNIST's size and MNIST's place.
pub(crate) fn empty_cells(cells: impl Iterator<Item = [u8; PIXELS]>) -> Option<Vec<bool>> {
    cells.map(|cell| is_empty(&cell)).collect::<Option<Vec<bool>>>().filter(|empty| empty.contains(&false))
}

/// Whether a cell is empty; `None` if its ink is not as MNIST's.
fn is_empty(cell: &[u8; PIXELS]) -> Option<bool> {
    let (mut mass, mut moment) = (0.0, [0.0; 2]);
    let (mut low, mut high) = ([SIDE; 2], [0; 2]);
    for (i, gray) in cell.iter().copied().enumerate().filter(|&(_, gray)| gray >= FAINT) {
        mass += f32::from(gray);
        for (k, at) in [i % SIDE, i / SIDE].into_iter().enumerate() {
            moment[k] += f32::from(gray) * at as f32;
            (low[k], high[k]) = (low[k].min(at), high[k].max(at + 1));
        }
    }
    if mass == 0.0 {
        return Some(true);
    }
    let longer = (high[0] - low[0]).max(high[1] - low[1]);
    let fits = longer.abs_diff(INK_SIDE as usize) <= TOLERANCE;
    let centered = moment.iter().all(|moment| (moment / mass - (SIDE / 2) as f32).abs() <= OFF_CENTER);
    (fits && centered).then_some(false)
}
