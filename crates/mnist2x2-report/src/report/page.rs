//! The page as a whole.

use super::table::table;
use super::{Report, attention, calibration, confusion, coverage, headline, lengths, mistakes, positions};
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
        let figures = lengths::section(self).into_iter().chain(figures);
        let sections = [
            headline::section(self),
            element("div").class("columns").add(figures),
            mistakes::section(self)?,
            attention::section(self)?,
        ];
        Ok(document(self.title, sections))
    }
}

/// A table of a page.
#[derive(Clone, Debug)]
pub struct PageTable<'a> {
    /// What it shows.
    pub caption: &'a str,
    /// The names of its columns.
    pub columns: &'a [&'a str],
    /// Its cells, row by row.
    pub rows: Vec<Vec<String>>,
}

/// A page of tables; `facts` are names and values that the reader should know.
pub fn tables_page(title: &str, facts: &[(String, String)], tables: Vec<PageTable<'_>>) -> String {
    let facts = headline::facts_table(facts.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let heading = element("header").add([element("h1").text(title), facts]);
    let tables = tables
        .into_iter()
        .map(|PageTable { caption, columns, rows }| element("section").add(table(caption, columns, rows)));
    document(title, [heading].into_iter().chain(tables))
}

fn document(title: &str, sections: impl IntoIterator<Item = Element>) -> String {
    let viewport = element("meta").with("name", "viewport");
    let head = element("head").add([
        element("meta").with("charset", "utf-8"),
        viewport.with("content", "width=device-width, initial-scale=1"),
        element("meta").with("name", "color-scheme").with("content", "light dark"),
        element("title").text(title),
        style(&[include_str!("page.css"), plot::STYLE]),
    ]);
    let body = element("body").add(element("main").add(sections));
    let page = element("html").with("lang", "en").add([head, body]);
    format!("<!DOCTYPE html>\n{page}\n")
}
