//! What is sent: drawings of our own, as strokes or as pictures.

use std::io::Cursor;

use anyhow::{Context, Result};
use clap::ValueEnum;
use image::{GrayImage, ImageFormat};
use mnist2x2_data::{GridShape, StrokeRenderer, Strokes};
use serde::Deserialize;
use serde_json::Value;

/// Grids of drawn digits, a line of JSON each.
const DRAWINGS: &str = include_str!("../../../crates/mnist2x2-serve/tests/drawings.jsonl");
const SHAPE: GridShape = GridShape { rows: 2, cols: 2 };

/// What a request holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Body {
    /// The strokes of four digits, as the page sends them.
    Strokes,
    /// A picture of 800 x 800 pixels, drawn with a brush of 15.
    Png,
}

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

/// A request for each drawing, ready to be sent.
pub(crate) fn requests(body: Body) -> Result<Vec<Vec<u8>>> {
    let request = |line: &str| {
        let Line { drawing } = serde_json::from_str(line)?;
        Ok(match body {
            Body::Strokes => post("/api/predict", "application/json", drawing.to_string().as_bytes()),
            Body::Png => post("/api/predict", "image/png", &png(&Drawing::deserialize(drawing)?)?),
        })
    };
    DRAWINGS.lines().map(request).collect()
}

/// A request with a body.
pub(crate) fn post(path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The picture of a drawing.
fn png(drawing: &Drawing) -> Result<Vec<u8>> {
    let place = |[x, y]: [f32; 2]| [x / drawing.width, y / drawing.height];
    let cells: Vec<Strokes> = drawing.cells.iter().map(|cell| cell.map(place)).collect();
    let cells: Vec<Option<&Strokes>> = cells.iter().map(Some).collect();
    let canvas = StrokeRenderer::default();
    let [width, height] = [SHAPE.cols, SHAPE.rows].map(|cells| (cells * canvas.cell) as u32);
    let image =
        GrayImage::from_raw(width, height, canvas.render(&cells, SHAPE)).context("the canvas' pixels")?;
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drawing_becomes_a_request() {
        let text = |body| {
            let requests = requests(body).unwrap();
            requests.iter().map(|request| String::from_utf8_lossy(request).into_owned()).collect::<Vec<_>>()
        };
        let (strokes, pictures) = (text(Body::Strokes), text(Body::Png));
        assert_eq!((strokes.len(), pictures.len()), (8, 8));
        assert!(strokes.iter().all(|request| request.contains("\r\n\r\n{\"cells\":[[[[")), "{}", strokes[0]);
        assert!(pictures.iter().all(|request| request.contains("PNG\r\n")), "{}", pictures[0]);
    }
}
