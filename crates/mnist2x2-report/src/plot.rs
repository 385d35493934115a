//! Curves as an SVG drawing that stands alone.

use crate::Scale;
use crate::axis::Axis;
use crate::frame::{Frame, Labels, line_sample, sentence};
use crate::markup::{Element, element, style};
use crate::number::{counted, length};

/// The style of every drawing, in light and dark.
pub(crate) const STYLE: &str = include_str!("plot.css");
/// A class for each series in turn; they differ in color and in their dashes.
const CLASSES: [&str; 4] = ["first", "second", "third", "fourth"];
/// Up to so many points, each gets a dot.
const MAX_DOTS: usize = 60;

/// Some curves over one x axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// What the drawing shows.
    pub title: String,
    /// The quantity along the x axis, with its unit.
    pub x_label: String,
    /// The quantity along the y axis, with its unit.
    pub y_label: String,
    /// How the y axis is laid out.
    pub scale: Scale,
    /// The curves.
    pub series: Vec<Series>,
}

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend, which is drawn where there is more than one.
    pub name: String,
    /// Its points (x, y) in their order. A point that the axes have no place for interrupts the curve: a coordinate
    /// that is not finite, or is not above 0 on a logarithmic axis.
    pub points: Vec<(f64, f64)>,
}

impl Plot {
    /// The plot as the text of an SVG file: as wide as its surroundings, legible from 320 pixels on, in light or dark
    /// as the reader has it. Without any point to draw it says so.
    pub fn svg(&self) -> String {
        let file = self.drawing().with("xmlns", "http://www.w3.org/2000/svg").add(style(&[STYLE]));
        format!("{file}\n")
    }

    /// The drawing without the style that it needs.
    pub(crate) fn drawing(&self) -> Element {
        let shown: Vec<_> = self.series.iter().map(|series| self.segments(series)).collect();
        let points = || shown.iter().flatten().copied().flatten();
        let axes = Axis::covering(Scale::Linear, points().map(|point| point.0))
            .zip(Axis::covering(self.scale, points().map(|point| point.1)));
        let Some((x, y)) = axes else { return sentence(&self.title, "There is nothing to draw yet.") };
        let labels = self.labels();
        let frame = Frame::new(x, y, &labels);
        let curves = shown.iter().zip(CLASSES.into_iter().cycle());
        let marks = curves.flat_map(|(segments, class)| curve(&frame, segments, class));
        frame.draw(labels, &self.description(), marks)
    }

    /// The parts of a series between points that cannot be shown.
    fn segments<'a>(&self, series: &'a Series) -> Vec<&'a [(f64, f64)]> {
        let shown = |&(x, y): &(f64, f64)| Scale::Linear.shows(x) && self.scale.shows(y);
        let segments = series.points.split(|point| !shown(point));
        segments.filter(|segment| !segment.is_empty()).collect()
    }

    fn labels(&self) -> Labels<'_> {
        let entry = |(series, class): (&Series, &str)| (line_sample(class), series.name.clone());
        let named = if self.series.len() > 1 { &self.series[..] } else { &[] };
        let legend = named.iter().zip(CLASSES.into_iter().cycle()).map(entry).collect();
        Labels { title: &self.title, x: &self.x_label, y: &self.y_label, legend }
    }

    /// Each curve's ends in words.
    fn description(&self) -> String {
        let ends = |series: &Series| {
            let shown = self.segments(series).concat();
            let (&(x0, y0), &(x1, y1)) = shown.first().zip(shown.last())?;
            let points = counted(shown.len() as u64, "point");
            Some(format!("{}, {points} from {y0:.4} at {x0} to {y1:.4} at {x1}", series.name))
        };
        self.series.iter().filter_map(ends).collect::<Vec<_>>().join("; ")
    }
}

/// A line through each segment, and a dot on each point where they are few.
fn curve(frame: &Frame, segments: &[&[(f64, f64)]], class: &str) -> Vec<Element> {
    let line = |segment: &&[(f64, f64)]| {
        let place = |&point: &(f64, f64)| {
            let (x, y) = frame.at(point);
            format!("{},{}", length(x), length(y))
        };
        let points: Vec<_> = segment.iter().map(place).collect();
        element("polyline").class(class).with("points", points.join(" "))
    };
    let few = segments.iter().map(|segment| segment.len()).sum::<usize>() <= MAX_DOTS;
    let dots = segments.iter().copied().flatten().filter(|_| few).map(|&point| dot(frame.at(point), class));
    segments.iter().map(line).chain(dots).collect()
}

/// A round mark.
pub(crate) fn dot((x, y): (f64, f64), class: &str) -> Element {
    element("circle").class(class).lengths([("cx", x), ("cy", y), ("r", 2.5)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(scale: Scale, series: &[(&str, &[(f64, f64)])]) -> String {
        let of =
            |&(name, points): &(&str, &[(f64, f64)])| Series { name: name.into(), points: points.to_vec() };
        let series = series.iter().map(of).collect();
        Plot { title: "Loss & more".into(), x_label: "step".into(), y_label: "nats".into(), scale, series }
            .svg()
    }

    fn count(text: &str, part: &str) -> usize {
        text.matches(part).count()
    }

    #[test]
    fn each_point_has_a_dot_and_each_series_a_line_and_a_name() {
        let svg = plot(
            Scale::Linear,
            &[("training", &[(1.0, 0.5), (2.0, 0.3), (3.0, 0.2)]), ("validation", &[(1.0, 0.6), (3.0, 0.4)])],
        );
        assert_eq!((count(&svg, "<circle"), count(&svg, "<polyline")), (5, 2 + 2));
        assert!(svg.contains(">training<") && svg.contains(">validation<"));
        assert!(
            svg.contains("Loss &amp; more: training, 3 points from 0.5000 at 1 to 0.2000 at 3; validation")
        );
        assert!(svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn a_single_series_needs_no_legend() {
        let svg = plot(Scale::Linear, &[("training", &[(1.0, 0.5), (2.0, 0.3)])]);
        assert_eq!((count(&svg, "<polyline"), count(&svg, ">training<")), (1, 0));
    }

    #[test]
    fn what_has_no_place_interrupts_the_curve() {
        let points = [(1.0, 2.0), (2.0, f64::NAN), (3.0, 0.0), (4.0, 1.0), (5.0, 0.5)];
        let svg = plot(Scale::Logarithmic, &[("loss", &points)]);
        assert_eq!((count(&svg, "<circle"), count(&svg, "<polyline")), (3, 2));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn without_points_there_is_a_sentence() {
        for series in [&[][..], &[("loss", &[] as &[_])], &[("loss", &[(1.0, -1.0), (f64::INFINITY, 1.0)])]] {
            assert!(plot(Scale::Logarithmic, series).contains("There is nothing to draw yet."));
        }
    }

    #[test]
    fn greater_is_higher_and_later_is_further_right() {
        let svg = plot(Scale::Logarithmic, &[("loss", &[(1.0, 2.0), (2.0, 0.5)])]);
        let number = |name: &str, nth: usize| -> f64 {
            let value = svg.split("<circle").nth(nth).and_then(|dot| dot.split(name).nth(1)).unwrap();
            value.split('"').nth(1).unwrap().parse().unwrap()
        };
        assert!(number(" cx=", 1) < number(" cx=", 2));
        assert!(number(" cy=", 1) < number(" cy=", 2), "y runs downwards in a drawing");
    }

    #[test]
    fn many_points_are_a_line_alone() {
        let points: Vec<_> = (0..=MAX_DOTS).map(|i| (i as f64, 1.0)).collect();
        assert_eq!(count(&plot(Scale::Linear, &[("loss", &points)]), "<circle"), 0);
    }
}
