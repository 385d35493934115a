//! The page as a whole.

use super::{Report, attention, calibration, confusion, coverage, headline, mistakes, positions};
use crate::markup::{Element, element, style};
use crate::{Error, plot};

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
            style(&[include_str!("page.css"), plot::STYLE]),
        ])
    }
}
