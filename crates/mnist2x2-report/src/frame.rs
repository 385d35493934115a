//! What every drawing of two axes has: title, legend, rules with their ticks, and the names of the axes.

use crate::axis::Axis;
use crate::markup::{Element, element, svg};
use crate::number::length;

/// Width of a drawing in its own units; text is 12 of them high, so it can be read on a screen 320 pixels wide.
const WIDTH: f64 = 360.0;
/// Height of the field between the axes.
const FIELD: f64 = 180.0;
/// Height of a line of text.
const LINE: f64 = 18.0;
/// Width of a letter in a wide typeface, on average.
const LETTER: f64 = 7.2;
/// Width of a sample in the legend.
const SAMPLE: f64 = 20.0;
/// What stays free at the left and the right.
const MARGIN: f64 = 8.0;

/// What stands beside a drawing.
pub(crate) struct Labels<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    /// Samples, drawn from 0 to [`SAMPLE`] along the x axis, and what they stand for.
    pub(crate) legend: Vec<(Element, String)>,
}

/// The place for points between two axes.
pub(crate) struct Frame {
    x: Axis,
    y: Axis,
    left: f64,
    right: f64,
    top: f64,
}

/// The width of an axis's widest label.
fn widest(axis: &Axis) -> f64 {
    let letters = axis.ticks().map(|(_, label)| label.chars().count()).max().unwrap_or_default();
    LETTER * letters as f64
}

/// A drawing without content but its ground.
fn blank(height: f64, description: &str) -> Element {
    let ground = element("rect").class("ground").with("width", "100%").with("height", "100%");
    svg("plot", [WIDTH, height], description).add(ground)
}

/// A drawing that says in a sentence why there is none.
pub(crate) fn sentence(title: &str, sentence: &str) -> Element {
    let lines = [(title, "title", LINE), (sentence, "muted", 2.0 * LINE)];
    let svg = blank(3.0 * LINE, &format!("{title}: {sentence}"));
    svg.add(lines.map(|(line, class, y)| text((MARGIN, y), "start", line).class(class)))
}

/// A sample of a line for the legend.
pub(crate) fn line_sample(class: &str) -> Element {
    element("polyline").class(class).with("points", format!("0,0 {SAMPLE},0"))
}

/// A line of text that begins, ends or has its middle (`anchor`) at a place.
pub(crate) fn text((x, y): (f64, f64), anchor: &str, line: &str) -> Element {
    element("text").lengths([("x", x), ("y", y)]).with("text-anchor", anchor).text(line)
}

/// A straight line from one place to another.
pub(crate) fn line(from: (f64, f64), to: (f64, f64)) -> Element {
    element("line").lengths([("x1", from.0), ("y1", from.1), ("x2", to.0), ("y2", to.1)])
}

impl Frame {
    /// A frame below a title and `legend`.
    pub(crate) fn new(x: Axis, y: Axis, labels: &Labels<'_>) -> Self {
        let above = LINE * (2 + labels.legend.len()) as f64;
        let (left, right) = (1.5 * MARGIN + widest(&y), WIDTH - MARGIN - widest(&x) / 2.0);
        Self { x, y, left, right, top: above + 8.0 }
    }

    /// Where a point lies in the drawing.
    pub(crate) fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        self.place((self.x.position(x), self.y.position(y)))
    }

    /// The same for a place that is given by shares of the field, from its lower left corner.
    pub(crate) fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.left + x * (self.right - self.left), self.top + (1.0 - y) * FIELD)
    }

    /// The drawing, with `marks` in its field.
    pub(crate) fn draw(
        &self,
        labels: Labels<'_>,
        description: &str,
        marks: impl IntoIterator<Item = Element>,
    ) -> Element {
        let height = self.top + FIELD + 2.0 * LINE + 6.0;
        let title = text((MARGIN, LINE - 2.0), "start", labels.title).class("title");
        let y_name = text((MARGIN, self.top - 10.0), "start", labels.y).class("muted");
        let middle = self.place((0.5, 0.0)).0;
        let x_name = text((middle, self.top + FIELD + 2.0 * LINE), "middle", labels.x).class("muted");
        blank(height, &format!("{}: {description}", labels.title))
            .add([title, y_name, x_name])
            .add(legend(labels.legend))
            .add(self.rules())
            .add(marks)
    }

    /// A rule across the field for each tick of the y axis, a short one for each of the x axis, and their labels.
    fn rules(&self) -> Vec<Element> {
        let across = self.y.ticks().flat_map(|(share, label)| {
            let (from, to) = (self.place((0.0, share)), self.place((1.0, share)));
            let label = text((from.0 - 6.0, from.1 + 4.0), "end", &label).class("muted");
            [line(from, to).class("rule"), label]
        });
        let below = self.x.ticks().flat_map(|(share, label)| {
            let (x, y) = self.place((share, 0.0));
            let label = text((x, y + LINE), "middle", &label).class("muted");
            [line((x, y), (x, y + 4.0)).class("rule"), label]
        });
        let base = line(self.place((0.0, 0.0)), self.place((1.0, 0.0))).class("rule");
        across.chain(below).chain([base]).collect()
    }
}

/// The entries one below the other.
fn legend(entries: Vec<(Element, String)>) -> impl Iterator<Item = Element> {
    (1..).zip(entries).map(|(row, (sample, name))| {
        let move_to = format!("translate({MARGIN} {})", length(LINE * (f64::from(row) + 0.6)));
        element("g").with("transform", move_to).add([sample, text((SAMPLE + 6.0, 4.0), "start", &name)])
    })
}
