//! Pictures: many grids on a sheet, each with its label above; PNG files.

use std::io::Cursor;

use image::{GrayImage, ImageFormat, ImageResult, Luma, imageops};
use mnist2x2::data::{Batch, GridShape, denormalize};

/// Pixels between grids and around them.
const GAP: u32 = 8;
/// Height of a line of labels, and of the space below the last.
const LINE: u32 = 12;
const SPACE: u32 = 2;
/// Gray of the background, and of the labels on it.
const GROUND: Luma<u8> = Luma([245]);
const TEXT: Luma<u8> = Luma([40]);
/// Pixels on each side of a point of the labels.
const POINT: u32 = 2;
/// Width of a digit of the labels with the space after it.
const GLYPH: u32 = 4 * POINT;
/// The digits in 3 x 5 points, a row after the other, the leftmost point in the highest of three bits.
const GLYPHS: [[u8; 5]; 10] = [
    [7, 5, 5, 5, 7],
    [2, 6, 2, 2, 7],
    [7, 1, 7, 4, 7],
    [7, 1, 7, 1, 7],
    [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7],
    [7, 4, 7, 5, 7],
    [7, 1, 2, 2, 2],
    [7, 5, 7, 5, 7],
    [7, 5, 7, 1, 7],
];

/// A picture as the bytes of a PNG file.
pub(crate) fn png(picture: &GrayImage) -> ImageResult<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

/// The picture of a grid's normalized pixels.
pub(crate) fn picture(pixels: &[f32], shape: GridShape) -> GrayImage {
    let gray = pixels.iter().copied().map(denormalize).collect();
    GrayImage::from_raw(shape.width() as u32, shape.height() as u32, gray).unwrap_or_default()
}

/// All grids of `batch`, in about twice as many columns as rows.
pub(crate) fn draw(batch: &Batch) -> GrayImage {
    let (grids, shape) = (batch.len as u32, batch.shape());
    let (width, height) = (shape.width() as u32, shape.height() as u32);
    let columns = (f64::from(grids) * 2.0).sqrt().ceil() as u32;
    let columns = columns.min(grids);
    let rows = grids.div_ceil(columns);
    // A label is as wide as its grid at most, and goes on below.
    let in_line = (width / GLYPH).max(1);
    let longest = batch.lengths.iter().max().map_or(0, |&digits| digits as u32);
    let label = longest.div_ceil(in_line).max(1) * LINE + SPACE;
    let (step_x, step_y) = (width + GAP, height + label + GAP);
    let mut sheet = GrayImage::from_pixel(GAP + columns * step_x, GAP + rows * step_y, GROUND);
    let images = batch.images.chunks_exact(shape.pixels());
    for ((place, image), labels) in (0..grids).zip(images).zip(batch.sequences()) {
        let (x, y) = (GAP + place % columns * step_x, GAP + place / columns * step_y);
        imageops::replace(&mut sheet, &picture(image, shape), x.into(), (y + label).into());
        for (glyph, &digit) in (0..).zip(labels) {
            write_digit(&mut sheet, digit, x + glyph % in_line * GLYPH, y + glyph / in_line * LINE);
        }
    }
    sheet
}

fn write_digit(sheet: &mut GrayImage, digit: u8, x: u32, y: u32) {
    for (row, bits) in (0..).zip(GLYPHS[usize::from(digit)]) {
        for column in (0..3_u32).filter(|column| bits >> (2 - column) & 1 == 1) {
            for point in 0..POINT * POINT {
                let (dx, dy) = (column * POINT + point % POINT, row * POINT + point / POINT);
                sheet.put_pixel(x + dx, y + dy, TEXT);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::imageops;
    use mnist2x2::data::mnist::Split;
    use mnist2x2::data::{GridShape, GridSource, Layout, Loader, reference, stitch_u8, synthetic};

    use super::*;

    #[test]
    fn every_grid_has_its_place_and_its_label() {
        let digits = Arc::new(synthetic::digits(Split::Train, 30, 0));
        let shape = GridShape { rows: 2, cols: 3 };
        let grids = reference::grids(30, 7, shape.cells());
        let source = GridSource::Fixed(grids.clone());
        let loader = Loader::new(Arc::clone(&digits), source, shape, 7, 0).unwrap();
        let sheet = draw(&loader.in_order().batch(0));
        assert_eq!(sheet.dimensions(), (8 + 4 * (84 + 8), 8 + 2 * (56 + 14 + 8)));
        let mut expected = GrayImage::new(84, 56);
        stitch_u8(&digits, grids.grid(5), shape, &mut expected);
        let found = imageops::crop_imm(&sheet, 8 + (84 + 8), 8 + (56 + 14 + 8) + 14, 84, 56).to_image();
        assert_eq!(found, expected, "grid 5 stands in the second row, second column");
        let label = imageops::crop_imm(&sheet, 8, 8, 84, 14).to_image();
        assert!(label.pixels().any(|pixel| *pixel == TEXT), "the first grid has a label");
    }

    #[test]
    fn a_label_that_is_wider_than_its_grid_goes_on_below() {
        let digits = Arc::new(synthetic::digits(Split::Train, 30, 0));
        for (layout, lines) in [("4x4", 2), ("8x8", 3), ("1x1", 1), ("line:8", 1)] {
            let source = GridSource::Fresh { grids: 1 };
            let layout: Layout = layout.parse().unwrap();
            let loader = Loader::new(Arc::clone(&digits), source, layout, 1, 0).unwrap();
            let sheet = draw(&loader.in_order().batch(0));
            let shape = layout.shape();
            let size = (16 + shape.width() as u32, 8 + shape.height() as u32 + 12 * lines + 2 + 8);
            assert_eq!(sheet.dimensions(), size, "{layout}");
        }
    }
}
