//! The picture of a grid, with something drawn over it.

use mnist2x2_data::GridShape;

use super::Report;
use crate::Error;
use crate::markup::{Element, element};
use crate::number::length;
use crate::picture::data_uri;
use crate::statistics::cells;

/// A picture, ready to be shown.
pub(super) struct Picture {
    uri: String,
    width: f64,
    height: f64,
}

impl Picture {
    /// The picture of grid `index`.
    pub(super) fn of(report: &Report<'_>, index: usize) -> Result<Self, Error> {
        let grey = (report.picture)(index);
        let uri = data_uri(&grey).map_err(|source| Error::Picture { grid: index, source })?;
        Ok(Self { uri, width: f64::from(grey.width()), height: f64::from(grey.height()) })
    }

    /// The picture below some marks, which have its pixels as their unit.
    pub(super) fn draw(&self, description: &str, marks: impl IntoIterator<Item = Element>) -> Element {
        let (width, height) = (length(self.width), length(self.height));
        let image = element("image").with("href", &self.uri).with("width", &width).with("height", &height);
        let svg = element("svg").class("grid").with("viewBox", format!("0 0 {width} {height}"));
        svg.with("role", "img").with("aria-label", description).add(image).add(marks)
    }

    /// The rectangle of place `index` where the picture is cut into `rows` x `cols` equal parts.
    pub(super) fn place(&self, index: usize, rows: usize, cols: usize) -> Element {
        let (width, height) = (self.width / cols as f64, self.height / rows as f64);
        let (x, y) = ((index % cols) as f64 * width, (index / cols) as f64 * height);
        let sides = [("x", x), ("y", y), ("width", width), ("height", height)];
        sides.into_iter().fold(element("rect"), |rect, (name, x)| rect.with(name, length(x)))
    }

    /// A dashed frame around a cell, on a dark line so that it shows on ink too; none beyond the grid.
    pub(super) fn frame(&self, cell: usize, shape: GridShape) -> Vec<Element> {
        let lines = if cell < shape.cells() { &["under", "over"][..] } else { &[] };
        lines.iter().map(|class| self.place(cell, shape.rows, shape.cols).class(class)).collect()
    }
}

/// Pictures with their captions side by side, the wider the more columns their grid has.
pub(super) fn cards(report: &Report<'_>, cards: impl IntoIterator<Item = Element>) -> Element {
    let width = format!("--card: {}rem", length(2.5 * report.shape.cols as f64));
    element("ol").class("cards").with("style", width).add(cards)
}

/// Whether each cell of a grid was read right.
pub(super) fn right_cells(report: &Report<'_>, index: usize) -> Vec<bool> {
    cells(&report.graded[index]).map(|(label, read)| read == Some(label)).collect()
}

/// What grid `index` shows and what was read, in words.
pub(super) fn described(report: &Report<'_>, index: usize) -> String {
    let name = |read: Option<u8>| read.map_or("no digit".into(), |digit| digit.to_string());
    let (labels, read): (Vec<_>, Vec<_>) =
        cells(&report.graded[index]).map(|(label, read)| (label.to_string(), name(read))).unzip();
    format!("Grid {index} shows {} and was read as {}", labels.join(", "), read.join(", "))
}
