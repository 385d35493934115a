//! From glyphs to chains of points: curves flattened to short lines.

use super::glyphs::Stroke;
use crate::strokes::Point;

/// Lines between two points of a curve.
const STEPS: usize = 6;

/// A stroke as a chain of short lines, its points moved by `place`.
pub(crate) fn flatten(stroke: Stroke, mut place: impl FnMut((i8, i8)) -> Point) -> Vec<Point> {
    match stroke {
        Stroke::Line(points) => points.iter().map(|&point| place(point)).collect(),
        Stroke::Curve(points) => smooth(&points.iter().map(|&point| place(point)).collect::<Vec<_>>()),
    }
}

/// A curve through `points` (E. Catmull and R. Rom, *A class of local interpolating splines*, 1974).
pub(crate) fn smooth(points: &[Point]) -> Vec<Point> {
    let at = |i: usize| points[i.clamp(1, points.len()) - 1]; // counted from 1, the ends repeated
    let spans = 1..points.len();
    let inner = spans.flat_map(|i| {
        let knots = [at(i - 1), at(i), at(i + 1), at(i + 2)];
        (0..STEPS).map(move |step| spline(knots, step as f32 / STEPS as f32))
    });
    inner.chain(points.last().copied()).collect()
}

/// The point at `t` of 0 to 1 between the middle two of four knots.
fn spline([a, b, c, d]: [Point; 4], t: f32) -> Point {
    std::array::from_fn(|k| {
        let cubic = 3.0 * (b[k] - c[k]) + d[k] - a[k];
        let square = 2.0 * a[k] - 5.0 * b[k] + 4.0 * c[k] - d[k];
        b[k] + 0.5 * t * (c[k] - a[k] + t * (square + t * cubic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_pass_through_their_points() {
        let points: [(i8, i8); 4] = [(0, 0), (10, 30), (50, 20), (60, 70)];
        let chain =
            flatten(Stroke::Curve(&[(0, 0), (10, 30), (50, 20), (60, 70)]), |(x, y)| [x.into(), y.into()]);
        assert_eq!(chain.len(), 3 * STEPS + 1);
        for (i, (x, y)) in points.into_iter().enumerate() {
            let [cx, cy] = chain[i * STEPS];
            assert!((cx - f32::from(x)).abs() + (cy - f32::from(y)).abs() < 1e-4, "{cx} {cy} {x} {y}");
        }
    }
}
