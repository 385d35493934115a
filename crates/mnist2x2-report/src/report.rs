//! The page that shows an evaluation.

mod attention;
mod calibration;
mod confusion;
mod coverage;
mod grid;
mod headline;
mod mistakes;
mod positions;
mod table;

use image::GrayImage;
use mnist2x2_data::GridShape;
use mnist2x2_train::Graded;

pub use self::attention::Attention;
use crate::markup::{Element, element, style};
use crate::{Error, plot};

/// An evaluation with all that its page shows.
///
/// ```
/// use mnist2x2_data::GridShape;
/// use mnist2x2_report::Report;
/// use mnist2x2_train::Graded;
///
/// let report = Report {
///     title: "How well it reads",
///     data: "synthetic test grids",
///     facts: &[("parameters".into(), "249,997".into())],
///     shape: GridShape { rows: 1, cols: 2 },
///     graded: &[Graded { labels: vec![4, 2], read: vec![Some(9), None], confidence: 0.8, cells: vec![0.9, 0.0] }],
///     picture: &|_| image::GrayImage::new(56, 28),
///     attention: &[],
/// };
/// assert!(report.html()?.contains("0 of 1 grid"));
/// # Ok::<(), mnist2x2_report::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// The page's title.
    pub title: &'a str,
    /// Which grids were read, for instance `mnist, reference test grids`.
    pub data: &'a str,
    /// What else the reader should know of the model and the evaluation, as names and values.
    pub facts: &'a [(String, String)],
    /// How the digits of a grid are laid out.
    pub shape: GridShape,
    /// The grids that were read.
    pub graded: &'a [Graded],
    /// The picture of a grid by its index in `graded`, 0 background and 255 ink. Only grids that the page shows are
    /// asked for.
    pub picture: &'a dyn Fn(usize) -> GrayImage,
    /// Where the model looked while it read some of the grids.
    pub attention: &'a [Attention],
}

impl Report<'_> {
    /// The page as one HTML document: without scripts, and without anything that has to be fetched.
    ///
    /// # Errors
    /// [`Error::Picture`] if a picture has no pixels, [`Error::Attention`] if an example is of no grid in `graded` or
    /// its weights do not fit its patches.
    pub fn html(&self) -> Result<String, Error> {
        let figures = [
            positions::section(self),
            confusion::section(self),
            calibration::section(self),
            coverage::section(self),
        ];
        let sections = [
            headline::section(self),
            element("div").class("columns").add(figures),
            mistakes::section(self)?,
            attention::section(self)?,
        ];
        let body = element("body").add(element("main").add(sections));
        let page = element("html").with("lang", "en").add([self.head(), body]);
        Ok(format!("<!DOCTYPE html>\n{page}\n"))
    }

    fn head(&self) -> Element {
        let viewport = element("meta").with("name", "viewport");
        element("head").add([
            element("meta").with("charset", "utf-8"),
            viewport.with("content", "width=device-width, initial-scale=1"),
            element("meta").with("name", "color-scheme").with("content", "light dark"),
            element("title").text(self.title),
            style(&[include_str!("report/page.css"), plot::STYLE]),
        ])
    }
}

/// A part of the page: its heading, what it shows and how to read it, and the thing itself.
fn part(title: &str, explanation: &str, content: impl IntoIterator<Item = Element>) -> Element {
    let heading = element("h2").text(title);
    element("section").add([heading, paragraph(explanation)]).add(content)
}

fn paragraph(text: &str) -> Element {
    element("p").text(text)
}
