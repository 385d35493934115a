//! The picture of a grid, with something drawn over it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, GrayImage, ImageEncoder, ImageResult};
use mnist2x2_data::Layout;

use super::Report;
use crate::Error;
use crate::markup::{Element, element, svg};
use crate::number::length;

/// A picture, ready to be shown.
pub(super) struct Picture {
    uri: String,
    width: f64,
    height: f64,
}

impl Picture {
    /// The picture of grid `index`.
    pub(super) fn of(report: &Report<'_>, index: usize) -> Result<Self, Error> {
        let gray = (report.picture)(index);
        let uri = data_uri(&gray).map_err(|source| Error::Picture { grid: index, source })?;
        Ok(Self { uri, width: f64::from(gray.width()), height: f64::from(gray.height()) })
    }

    /// The picture below some marks, which have its pixels as their unit.
    pub(super) fn draw(&self, description: &str, marks: impl IntoIterator<Item = Element>) -> Element {
        let sides = [("width", self.width), ("height", self.height)];
        let image = element("image").with("href", &self.uri).lengths(sides);
        svg("grid", [self.width, self.height], description).add(image).add(marks)
    }

    /// The rectangle of place `index` where the picture is cut into `rows` x `cols` equal parts.
    pub(super) fn place(&self, index: usize, rows: usize, cols: usize) -> Element {
        let (width, height) = (self.width / cols as f64, self.height / rows as f64);
        let (x, y) = ((index % cols) as f64 * width, (index / cols) as f64 * height);
        element("rect").lengths([("x", x), ("y", y), ("width", width), ("height", height)])
    }

    /// A dashed frame around a cell, on a dark line so that it shows on ink too; none beyond the grid, or where digits do not lie
    /// in cells.
    pub(super) fn frame(&self, cell: usize, layout: Layout) -> Vec<Element> {
        let shape = layout.shape();
        let lines = if layout.is_full() && cell < shape.cells() { &["under", "over"][..] } else { &[] };
        lines.iter().map(|class| self.place(cell, shape.rows, shape.cols).class(class)).collect()
    }
}

/// The picture as a `data:` URI, for the `href` of an image.
fn data_uri(picture: &GrayImage) -> ImageResult<String> {
    let mut png = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive);
    encoder.write_image(picture, picture.width(), picture.height(), ExtendedColorType::L8)?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(&png)))
}

/// Pictures with their captions side by side, the wider the more columns their grid has.
pub(super) fn cards(report: &Report<'_>, cards: impl IntoIterator<Item = Element>) -> Element {
    let width = format!("--card: {}rem", length(2.5 * report.layout.shape().cols as f64));
    element("ol").class("cards").with("style", width).add(cards)
}

/// What was read in a cell, in one character.
pub(super) fn shown(read: Option<u8>) -> String {
    read.map_or("\u{2013}".into(), |digit| digit.to_string())
}

/// What grid `index` shows and what was read, in words.
pub(super) fn described(report: &Report<'_>, index: usize) -> String {
    let name = |read: Option<u8>| read.map_or("no digit".into(), |digit| digit.to_string());
    let labels: Vec<_> = report.graded[index].labels.iter().map(u8::to_string).collect();
    let read: Vec<_> = read_digits(report, index).into_iter().map(name).collect();
    let list = |digits: Vec<String>| if digits.is_empty() { "no digit".into() } else { digits.join(", ") };
    format!("Grid {index} shows {} and was read as {}", list(labels), list(read))
}

/// What was read of grid `index`: in each of its cells, or one digit after the other where sequences differ in length.
pub(super) fn read_digits(report: &Report<'_>, index: usize) -> Vec<Option<u8>> {
    let graded = &report.graded[index];
    if report.layout.is_full() {
        return graded.outcomes().map(|(_, read)| read).collect();
    }
    graded.digits_read().into_iter().map(Some).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 4648, section 10.
    #[test]
    fn base64_is_as_the_standard_says() {
        let encoded = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| STANDARD.encode(text));
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
        assert_eq!(STANDARD.encode([0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn a_picture_is_a_png() {
        let uri = data_uri(&GrayImage::from_fn(5, 3, |x, y| image::Luma([(x * 40 + y) as u8]))).unwrap();
        assert!(uri.starts_with("data:image/png;base64,iVBORw0KGgo"), "the signature of PNG: {uri}");
        assert!(data_uri(&GrayImage::new(0, 3)).is_err());
    }
}
