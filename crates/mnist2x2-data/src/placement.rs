//! Places of digits in a picture: in a line, and scattered.

use mnist2x2_random::Random;

use crate::digits::SIDE;
use crate::grid::GridShape;

/// Side of the box that MNIST's digits fill, in pixels of a digit.
const BOX: f32 = 20.0;
/// Blank pixels of a digit around its box.
const MARGIN: f32 = (SIDE as f32 - BOX) / 2.0;
/// How far the images of neighbors in a line overlap at most, as a share of the smaller one.
pub(crate) const OVERLAP: f64 = 0.4;
/// How often scattered digits are laid out anew before an order that is not clear is taken.
const LAYOUTS: usize = 100;
/// How often a place is sought for a digit before it becomes smaller.
const TRIES: usize = 30;
/// How much smaller.
const SHRINK: f32 = 0.85;
/// By how many pixels digits may move without a change of their order.
const CLEAR: f32 = 1.5;

/// Where a digit of 28 x 28 pixels lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    /// Its left edge, in pixels of the picture.
    pub(crate) left: f32,
    /// Its upper edge.
    pub(crate) top: f32,
    /// Its size: 1 for 28 pixels.
    pub(crate) scale: f32,
}

impl Place {
    /// A digit whose box has this center.
    fn centered(x: f32, y: f32, scale: f32) -> Self {
        let half = SIDE as f32 / 2.0 * scale;
        Self { left: x - half, top: y - half, scale }
    }

    fn center(&self) -> (f32, f32) {
        let half = SIDE as f32 / 2.0 * self.scale;
        (self.left + half, self.top + half)
    }

    /// The lower edge of its box.
    fn bottom(&self) -> f32 {
        self.top + (MARGIN + BOX) * self.scale
    }

    /// Whether the boxes of both have a pixel in common.
    fn overlaps(&self, other: &Self) -> bool {
        let ((ax, ay), (bx, by)) = (self.center(), other.center());
        let reach = BOX / 2.0 * (self.scale + other.scale);
        (ax - bx).abs() < reach && (ay - by).abs() < reach
    }
}

/// Uniform in `low` to `high`.
fn between(low: f32, high: f32, random: &mut Random) -> f32 {
    random.uniform(low.into(), high.max(low).into()) as f32
}

/// 1 to `most` digits in a row, from left to right, whose images overlap by up to this share; the row is made smaller if it does
/// not fit the canvas.
pub(crate) fn line(most: usize, canvas: GridShape, overlap: f64, random: &mut Random) -> Vec<Place> {
    let digits = 1 + random.below(most as u32) as usize;
    let size = between(0.72, 1.1, random);
    let mut scales: Vec<f32> = (0..digits).map(|_| size * between(0.88, 1.14, random)).collect();
    // Left edges of the boxes, and at last the right edge of the row.
    let mut edges = vec![0.0_f32];
    for pair in scales.windows(2) {
        let overlap = between(0.0, overlap as f32, random) * SIDE as f32 * pair[0].min(pair[1]);
        edges.push(edges[edges.len() - 1] + (BOX + MARGIN) * pair[0] + MARGIN * pair[1] - overlap);
    }
    let right = |(left, scale): (&f32, &f32)| left + BOX * scale;
    let length = edges.iter().zip(&scales).map(right).fold(0.0, f32::max);
    let shrink = ((canvas.width() as f32 - 2.0) / length).min(1.0);
    for scale in &mut scales {
        *scale *= shrink;
    }
    let start = between(1.0, canvas.width() as f32 - 1.0 - length * shrink, random);
    let (middle, drift) = (between(-2.0, 2.0, random), between(-1.5, 1.5, random));
    let place = |(number, (edge, &scale)): (usize, (f32, &f32))| {
        let along = number as f32 / (digits - 1).max(1) as f32 - 0.5;
        let room = (canvas.height() as f32 - BOX * scale) / 2.0;
        let aside = middle + drift * along + between(-2.0, 2.0, random);
        let y = canvas.height() as f32 / 2.0 + aside.clamp(-room, room);
        Place::centered(start + edge * shrink + BOX / 2.0 * scale, y, scale)
    };
    edges.into_iter().zip(&scales).enumerate().map(place).collect()
}

/// 0 to `most` digits at any place, in reading order.
pub(crate) fn scatter(most: usize, canvas: GridShape, random: &mut Random) -> Vec<Place> {
    let digits = random.below(most as u32 + 1) as usize;
    let mut layout = || {
        let mut places = Vec::with_capacity(digits);
        (0..digits).for_each(|_| places.push(free_place(&places, canvas, random)));
        in_reading_order(places)
    };
    let mut found = layout();
    for _ in 1..LAYOUTS {
        if found.1 {
            break;
        }
        found = layout();
    }
    found.0
}

/// A place whose box overlaps none of those that are taken.
fn free_place(taken: &[Place], canvas: GridShape, random: &mut Random) -> Place {
    let mut scale = between(0.6, 1.2, random);
    loop {
        for _ in 0..TRIES {
            let half = BOX / 2.0 * scale;
            let [width, height] = [canvas.width(), canvas.height()].map(|side| side as f32);
            let (x, y) = (between(half, width - half, random), between(half, height - half, random));
            let place = Place::centered(x, y, scale);
            if !taken.iter().any(|other| place.overlaps(other)) {
                return place;
            }
        }
        scale *= SHRINK;
    }
}

/// The places line by line, and whether their order is clear; see [`crate::Layout::Scatter`].
fn in_reading_order(mut left: Vec<Place>) -> (Vec<Place>, bool) {
    let (mut ordered, mut is_clear) = (Vec::with_capacity(left.len()), true);
    let (x, y) = (|place: &Place| place.center().0, |place: &Place| place.center().1);
    while let Some(first) = left.iter().copied().min_by(|a, b| y(a).total_cmp(&y(b))) {
        let edge = first.bottom();
        is_clear &= left.iter().all(|place| (y(place) - edge).abs() >= CLEAR);
        let (mut line, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|place| y(place) < edge);
        line.sort_by(|a, b| x(a).total_cmp(&x(b)));
        is_clear &= line.windows(2).all(|pair| x(&pair[1]) - x(&pair[0]) >= CLEAR);
        ordered.extend(line);
        left = others;
    }
    (ordered, is_clear)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(index: u64) -> Random {
        Random::keyed(3, "test", 0, index)
    }

    #[test]
    fn lines_have_every_length_and_lie_inside_their_canvas() {
        let canvas = GridShape { rows: 1, cols: 5 };
        let lines: Vec<Vec<Place>> = (0..2_000).map(|i| line(5, canvas, OVERLAP, &mut random(i))).collect();
        let mut touching = 0;
        for length in 1..=5 {
            let share = lines.iter().filter(|line| line.len() == length).count();
            assert!((320..480).contains(&share), "{share} of 2,000 have {length} digits");
        }
        for places in &lines {
            for place in places {
                let ((x, y), half) = (place.center(), BOX / 2.0 * place.scale);
                assert!(
                    x - half > 0.9 && x + half < 139.1 && y - half > -0.1 && y + half < 28.1,
                    "{place:?}"
                );
                assert!((0.4..1.26).contains(&place.scale), "{place:?}");
            }
            for pair in places.windows(2) {
                let space =
                    pair[1].center().0 - pair[0].center().0 - BOX / 2.0 * (pair[0].scale + pair[1].scale);
                let share = space / (BOX * pair[0].scale.min(pair[1].scale));
                assert!((-0.161..0.47).contains(&share), "{share}: {pair:?}");
                touching += usize::from(share < 0.0);
            }
        }
        assert!((700..1_200).contains(&touching), "the boxes of {touching} of 4,000 pairs overlap");
    }

    #[test]
    fn neighbors_of_a_line_overlap_as_far_as_is_said() {
        let canvas = GridShape { rows: 1, cols: 5 };
        let least = |overlap: f64| {
            let lines = (0..400).map(|i| line(5, canvas, overlap, &mut random(i)));
            let share = |pair: &[Place]| {
                let reach = SIDE as f32 / 2.0 * (pair[0].scale + pair[1].scale);
                (pair[1].center().0 - pair[0].center().0 - reach)
                    / (SIDE as f32 * pair[0].scale.min(pair[1].scale))
            };
            lines.flat_map(|places| places.windows(2).map(share).collect::<Vec<_>>()).fold(0.0, f32::min)
        };
        for overlap in [0.0, 0.3, 0.7] {
            assert!((least(overlap) + overlap as f32).abs() < 0.02, "{} of {overlap}", least(overlap));
        }
    }

    #[test]
    fn scattered_digits_have_every_number_and_never_overlap() {
        let canvas = GridShape { rows: 3, cols: 3 };
        let all: Vec<Vec<Place>> = (0..1_100).map(|i| scatter(10, canvas, &mut random(i))).collect();
        for number in 0..=10 {
            let share = all.iter().filter(|places| places.len() == number).count();
            assert!((60..145).contains(&share), "{share} of 1,100 have {number} digits");
        }
        for places in &all {
            for (i, place) in places.iter().enumerate() {
                let ((x, y), half) = (place.center(), BOX / 2.0 * place.scale);
                assert!(x >= half - 1e-3 && x + half <= 84.001 && y >= half - 1e-3 && y + half <= 84.001);
                assert!(places[..i].iter().all(|other| !place.overlaps(other)));
            }
        }
        let clear = all.iter().filter(|places| in_reading_order((*places).clone()).1).count();
        assert!(clear > 1_090, "{clear} of 1,100 have a clear order");
    }

    #[test]
    fn reading_order_is_line_by_line_and_from_left_to_right() {
        let [a, b, c, d] = [(60.0, 20.0, 1.0), (20.0, 26.0, 0.8), (40.0, 50.0, 1.0), (10.0, 34.0, 1.0)]
            .map(|(x, y, s)| Place::centered(x, y, s));
        // `a` is highest; its box ends at 30, so `b` is in its line and `d` begins the next, which `c` (at 50) is not in.
        let (order, is_clear) = in_reading_order(vec![c, d, a, b]);
        assert_eq!((order, is_clear), (vec![b, a, d, c], true));
        let near = Place::centered(20.0, 31.0, 0.8);
        assert!(!in_reading_order(vec![a, near]).1, "a pixel higher it would be in the line");
    }
}
