//! Requests to read drawings of our own, as strokes or as pictures.

use std::io::Cursor;

use image::{GrayImage, ImageFormat};
use mnist2x2_data::{GridShape, StrokeRenderer, Strokes};
use serde::Deserialize;
use serde_json::Value;

use crate::post;

/// Grids of drawn digits, a line of JSON each.
const DRAWINGS: &str = include_str!("../drawings.jsonl");
const SHAPE: GridShape = GridShape { rows: 2, cols: 2 };

/// A line of [`DRAWINGS`].
#[derive(Deserialize)]
struct Line {
    drawing: Value,
}

/// A drawing as the server takes it.
#[derive(Deserialize)]
struct Drawing {
    cells: Vec<Strokes>,
    width: f32,
    height: f32,
}

fn drawings() -> impl Iterator<Item = Value> {
    DRAWINGS.lines().map(|line| serde_json::from_str::<Line>(line).expect("the file is ours").drawing)
}

/// Eight requests with the strokes of four digits, as the page sends them.
pub fn strokes() -> Vec<Vec<u8>> {
    drawings()
        .map(|drawing| post("/api/predict", "application/json", drawing.to_string().as_bytes()))
        .collect()
}

/// The same drawings as pictures of 800 x 800 pixels, drawn with a brush of 15.
pub fn pictures() -> Vec<Vec<u8>> {
    drawings().map(|drawing| post("/api/predict", "image/png", &png(drawing))).collect()
}

/// The picture of a drawing.
fn png(drawing: Value) -> Vec<u8> {
    let drawing: Drawing = serde_json::from_value(drawing).expect("the file is ours");
    let place = |[x, y]: [f32; 2]| [x / drawing.width, y / drawing.height];
    let cells: Vec<Strokes> = drawing.cells.iter().map(|cell| cell.map(place)).collect();
    let cells: Vec<Option<&Strokes>> = cells.iter().map(Some).collect();
    let canvas = StrokeRenderer::default();
    let [width, height] = [SHAPE.cols, SHAPE.rows].map(|cells| (cells * canvas.cell) as u32);
    let image =
        GrayImage::from_raw(width, height, canvas.render(&cells, SHAPE)).expect("as many pixels as that");
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).expect("memory takes all");
    bytes.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drawing_becomes_a_request() {
        let text = |requests: Vec<Vec<u8>>| {
            requests.iter().map(|request| String::from_utf8_lossy(request).into_owned()).collect::<Vec<_>>()
        };
        let (strokes, pictures) = (text(strokes()), text(pictures()));
        assert_eq!((strokes.len(), pictures.len()), (8, 8));
        assert!(strokes.iter().all(|request| request.contains("\r\n\r\n{\"cells\":[[[[")), "{}", strokes[0]);
        assert!(pictures.iter().all(|request| request.contains("PNG\r\n")), "{}", pictures[0]);
    }
}
