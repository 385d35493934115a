//! Elements of HTML and SVG, escaped wherever something is put into them.

use std::fmt::{self, Display, Formatter};

use crate::number::length;

/// Elements that never have content.
const VOID: [&str; 8] = ["circle", "image", "img", "line", "meta", "path", "polyline", "rect"];

/// An element with its attributes and all that it holds.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    name: &'static str,
    attributes: String,
    content: String,
}

/// An empty element.
pub(crate) fn element(name: &'static str) -> Element {
    Element { name, attributes: String::new(), content: String::new() }
}

/// An empty drawing; `description` is for those who do not see it.
pub(crate) fn svg(class: &str, [width, height]: [f64; 2], description: &str) -> Element {
    let view = format!("0 0 {} {}", length(width), length(height));
    let svg = element("svg").class(class).with("viewBox", view).with("role", "img");
    svg.with("aria-label", description)
}

/// A style sheet of our own; it stands as it is.
pub(crate) fn style(sheets: &[&'static str]) -> Element {
    Element { content: sheets.concat(), ..element("style") }
}

impl Element {
    /// With another attribute.
    pub(crate) fn with(mut self, name: &str, value: impl Display) -> Self {
        self.attributes.extend([" ", name, "=\"", &escaped(&value.to_string()), "\""]);
        self
    }

    /// With lengths of a drawing as attributes.
    pub(crate) fn lengths<const N: usize>(self, lengths: [(&str, f64); N]) -> Self {
        lengths.into_iter().fold(self, |element, (name, x)| element.with(name, length(x)))
    }

    pub(crate) fn class(self, class: &str) -> Self {
        self.with("class", class)
    }

    /// With text at its end, in which a percent sign stays on the line of its number.
    pub(crate) fn text(mut self, text: impl Display) -> Self {
        self.content += &escaped(&text.to_string().replace(" %", "\u{a0}%"));
        self
    }

    /// With elements at its end: one, several, or an option.
    pub(crate) fn add(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.content.extend(children.into_iter().map(|child| child.to_string()));
        self
    }
}

/// One element is what [`Element::add`] mostly gets.
impl IntoIterator for Element {
    type Item = Self;
    type IntoIter = std::iter::Once<Self>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self)
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, attributes, content } = self;
        if VOID.contains(name) {
            write!(f, "<{name}{attributes}/>")
        } else {
            write!(f, "<{name}{attributes}>{content}</{name}>")
        }
    }
}

/// Text in which nothing is markup, and which XML allows: control characters have no place there, escaped or not.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            '\n' | '\t' => escaped.push(c),
            '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            c if c.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_put_in_becomes_markup() {
        let nasty = "</p><script>\"&'\u{0}";
        let safe = "&lt;/p&gt;&lt;script&gt;&quot;&amp;&#39;\u{fffd}";
        let p = element("p").with("title", nasty).text(nasty);
        assert_eq!(p.to_string(), format!("<p title=\"{safe}\">{safe}</p>"));
    }

    #[test]
    fn elements_hold_what_was_added_in_order() {
        let list = element("ul").add(["a", "b"].map(|item| element("li").text(item))).add(None).text("c");
        assert_eq!(list.to_string(), "<ul><li>a</li><li>b</li>c</ul>");
    }

    #[test]
    fn empty_is_not_void() {
        let row = element("td").add(element("rect").with("x", 0.5));
        assert_eq!(
            [row, element("td")].map(|cell| cell.to_string()),
            ["<td><rect x=\"0.5\"/></td>", "<td></td>"]
        );
    }
}
