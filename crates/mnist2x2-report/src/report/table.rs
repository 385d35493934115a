//! Tables with headers.

use crate::Interval;
use crate::markup::{Element, element};

/// A table below `columns`, the first cell of each row being its header; wide ones scroll on their own.
pub(super) fn table(caption: &str, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Element {
    let header = |name: &&str| element("th").with("scope", "col").text(name);
    let row = |cells: Vec<String>| {
        let cell = |(place, cell): (usize, String)| {
            let cell_element = if place == 0 { element("th").with("scope", "row") } else { element("td") };
            cell_element.text(cell)
        };
        element("tr").add(cells.into_iter().enumerate().map(cell))
    };
    let head = element("thead").add(element("tr").add(columns.iter().map(header)));
    let body = element("tbody").add(rows.into_iter().map(row));
    scrolling(caption, element("table").add([element("caption").text(caption), head, body]))
}

/// A place in which something wide scrolls, by the keyboard too, so that the page itself need not.
pub(super) fn scrolling(name: &str, content: Element) -> Element {
    let region = element("div").class("scrolls").with("tabindex", 0).with("role", "region");
    region.with("aria-label", name).add(content)
}

/// An interval of shares in percent.
pub(super) fn range(Interval { low, high }: Interval) -> String {
    format!("{:.2} to {:.2} %", 100.0 * low, 100.0 * high)
}
