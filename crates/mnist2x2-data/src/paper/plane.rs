//! Planes of numbers, smooth random fields, and the projective maps between a picture and the sheet in it.

use mnist2x2_random::Random;

use crate::strokes::Point;

/// A number for each pixel, row by row; pixels lie at whole coordinates.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
}

impl Plane {
    /// All zero.
    pub(super) fn zero(width: usize, height: usize) -> Self {
        Self { width, height, values: vec![0.0; width * height] }
    }

    /// Raises the pixel at (`x`, `y`) to `value`; outside there is no pixel.
    pub(super) fn raise(&mut self, x: isize, y: isize, value: f32) {
        let inside = |k: isize, side: usize| usize::try_from(k).ok().filter(|&k| k < side);
        if let (Some(x), Some(y)) = (inside(x, self.width), inside(y, self.height)) {
            let pixel = &mut self.values[y * self.width + x];
            *pixel = pixel.max(value);
        }
    }

    /// The value between the four pixels around a point; 0 outside.
    pub(super) fn at(&self, [x, y]: Point) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        if left < 0.0 || top < 0.0 || left + 1.0 >= self.width as f32 || top + 1.0 >= self.height as f32 {
            return 0.0;
        }
        let (right, below) = (x - left, y - top);
        let first = top as usize * self.width + left as usize;
        let row = |first: usize| {
            let [a, b] = [self.values[first], self.values[first + 1]];
            a + right * (b - a)
        };
        let (upper, lower) = (row(first), row(first + self.width));
        upper + below * (lower - upper)
    }

    /// The same, out of focus: convolved with a Gaussian of standard deviation `sigma`, in pixels.
    pub(super) fn blurred(self, sigma: f32) -> Self {
        if sigma < 0.2 {
            return self;
        }
        let reach = (3.0 * sigma).ceil() as isize;
        let weights: Vec<f32> = (-reach..=reach).map(|k| (-0.5 * (k as f32 / sigma).powi(2)).exp()).collect();
        let total: f32 = weights.iter().sum();
        let weights: Vec<f32> = weights.into_iter().map(|weight| weight / total).collect();
        self.blurred_rows(&weights).transposed().blurred_rows(&weights).transposed()
    }

    /// Each row convolved with `weights`, its ends repeated.
    fn blurred_rows(mut self, weights: &[f32]) -> Self {
        let reach = weights.len() / 2;
        let mut padded = vec![0.0; self.width + 2 * reach];
        for row in self.values.chunks_exact_mut(self.width) {
            padded[..reach].fill(row[0]);
            padded[reach..reach + row.len()].copy_from_slice(row);
            padded[reach + row.len()..].fill(row[row.len() - 1]);
            for (x, value) in row.iter_mut().enumerate() {
                *value = weights.iter().zip(&padded[x..]).map(|(weight, value)| weight * value).sum();
            }
        }
        self
    }

    fn transposed(self) -> Self {
        let mut out = Self::zero(self.height, self.width);
        for (y, row) in self.values.chunks_exact(self.width).enumerate() {
            row.iter().enumerate().for_each(|(x, &value)| out.values[x * self.height + y] = value);
        }
        out
    }
}

/// Side of a [`Lattice`].
const SIDE: usize = 64;

/// A smooth random field over the plane, -1 to 1, that varies over a distance of 1: random values at whole coordinates,
/// smoothly between them (value noise). It repeats after 64.
#[derive(Clone, Debug)]
pub(super) struct Lattice(Vec<f32>);

impl Lattice {
    pub(super) fn new(random: &mut Random) -> Self {
        Self((0..SIDE * SIDE).map(|_| random.uniform(-1.0, 1.0) as f32).collect())
    }

    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let value = |dx: i64, dy: i64| {
            // Two's complement wraps below zero too: the side is a power of two.
            let wrap = |k: f32, d: i64| ((k as i64 + d) & (SIDE as i64 - 1)) as usize;
            self.0[wrap(top, dy) * SIDE + wrap(left, dx)]
        };
        let [tx, ty] = [x - left, y - top].map(|t| t * t * (3.0 - 2.0 * t));
        let upper = value(0, 0) + tx * (value(1, 0) - value(0, 0));
        let lower = value(0, 1) + tx * (value(1, 1) - value(0, 1));
        upper + ty * (lower - upper)
    }

    /// Three octaves, each of half the size and half the strength of the one before.
    pub(super) fn cloud(&self, x: f32, y: f32) -> f32 {
        let octave = |k: f32| self.at(k * x, k * y) / k;
        (octave(1.0) + octave(2.0) + octave(4.0)) / 1.75
    }
}

/// A projective map of the plane, as the rows of its matrix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Projective(pub(super) [[f64; 3]; 3]);

impl Projective {
    pub(super) fn apply(&self, [x, y]: Point) -> Point {
        let [u, v, w] = self.0.map(|[a, b, c]| a * f64::from(x) + b * f64::from(y) + c);
        [(u / w) as f32, (v / w) as f32]
    }

    /// `self` after `first`.
    pub(super) fn after(&self, first: &Self) -> Self {
        Self(self.0.map(|row| std::array::from_fn(|j| (0..3).map(|k| row[k] * first.0[k][j]).sum())))
    }

    /// The map back: the adjugate, since factors do not matter.
    pub(super) fn inverse(&self) -> Self {
        let minor = |i: usize, j: usize| {
            let m = |a: usize, b: usize| self.0[(i + a) % 3][(j + b) % 3];
            m(1, 1) * m(2, 2) - m(1, 2) * m(2, 1)
        };
        Self(std::array::from_fn(|i| std::array::from_fn(|j| minor(j, i))))
    }
}
