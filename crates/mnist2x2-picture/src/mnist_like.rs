//! Whether a grid looks like MNIST already.

use mnist2x2_data::{GridShape, INK_SIDE, SIDE};

/// Ink below this does not count: noise, and the faint rim that shrinking leaves.
const FAINT: u8 = 25;
/// How much shorter or longer than [`INK_SIDE`] a digit may look, in pixels: a faint rim does not count, a blurred one
/// counts twice.
const TOLERANCE: usize = 2;
/// How far from pixel (14, 14) the centre of mass may lie, in pixels.
const OFF_CENTRE: f32 = 1.0;

/// Which cells of a grid are empty, if all others hold a digit of MNIST's size in MNIST's place; `pixels` are those of
/// the grid, row by row.
pub(crate) fn empty_cells(pixels: &[u8], shape: GridShape) -> Option<Vec<bool>> {
    let cells = (0..shape.cells()).map(|cell| {
        let start = cell / shape.cols * SIDE * shape.width() + cell % shape.cols * SIDE;
        let rows = pixels[start..].chunks(shape.width()).take(SIDE).map(|row| &row[..SIDE]);
        is_empty(&rows.collect::<Vec<_>>())
    });
    cells.collect::<Option<Vec<bool>>>().filter(|empty| empty.contains(&false))
}

/// Whether a cell of 28 x 28 is empty; `None` if its ink is not as MNIST's.
fn is_empty(rows: &[&[u8]]) -> Option<bool> {
    let (mut mass, mut moment) = (0.0, [0.0; 2]);
    let (mut low, mut high) = ([SIDE; 2], [0; 2]);
    for (y, row) in rows.iter().enumerate() {
        for (x, &grey) in row.iter().enumerate().filter(|(_, grey)| **grey >= FAINT) {
            mass += f32::from(grey);
            for (k, at) in [x, y].into_iter().enumerate() {
                moment[k] += f32::from(grey) * at as f32;
                (low[k], high[k]) = (low[k].min(at), high[k].max(at + 1));
            }
        }
    }
    if mass == 0.0 {
        return Some(true);
    }
    let longer = (high[0] - low[0]).max(high[1] - low[1]);
    let fits = longer.abs_diff(INK_SIDE as usize) <= TOLERANCE;
    let centred = moment.iter().all(|moment| (moment / mass - (SIDE / 2) as f32).abs() <= OFF_CENTRE);
    (fits && centred).then_some(false)
}
