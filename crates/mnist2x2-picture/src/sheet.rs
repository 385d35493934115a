//! The sheet on a table: what lies around it is no ink.
//!
//! Seen from a side of the picture, a table is darker than the sheet, and it ends at a straight line.

use image::GrayImage;

use crate::paper;
use crate::resample::resample;

/// Pixels along the longer side at which the sheet is looked for.
const SIDE: usize = 200;
/// Below this share of the sheet's light it is table.
const DARK: f32 = 0.82;
/// The share of a side along which it must be dark.
const ALONG: f32 = 0.6;
/// How deep a strip may be, as a share of the picture: one as light as a shadow, and one that is darker than shadows.
const DEEPEST: [f32; 2] = [0.14, 0.4];
/// Below this share of the sheet's light it is no shadow.
const NO_SHADOW: f32 = 0.62;
/// Paper begins with so much of it in a row, as a share of the picture.
const CLEAR: f32 = 0.025;
/// How far the edge of the sheet may lie beside a straight line, as a share of the picture, and the share of it that must
/// not.
const STRAIGHT: [f32; 2] = [0.012, 0.7];
/// How much within its edge a sheet is taken to begin, as a share of the picture: edges are blurred and cast shadows.
const WITHIN: f32 = 0.012;

/// The edge of a sheet seen from one side of a picture: how deep it lies at the begin of the side and at its end, in
/// shares of the picture.
type Edge = [f32; 2];

/// Paints what lies around the sheet in the paper's own light.
pub(crate) fn clear_table(light: &mut [u8], width: usize) {
    let height = light.len() / width;
    let scale = SIDE as f64 / width.max(height) as f64;
    let [small_width, small_height] =
        [width, height].map(|side| ((scale * side as f64).round() as usize).max(8));
    let Some(picture) = GrayImage::from_raw(width as u32, height as u32, light.to_vec()) else { return };
    let small = resample(&picture, small_width, small_height);
    let window = small_width.min(small_height) * 6 / 10;
    let paper = paper::close(&paper::smooth(&small, small_width), small_width, window, 0);
    let shares: Vec<f32> =
        small.iter().zip(&paper).map(|(&light, &paper)| f32::from(light) / f32::from(paper.max(1))).collect();
    let across = |depth: usize, along: usize| shares[along * small_width + depth];
    let down = |depth: usize, along: usize| shares[depth * small_width + along];
    let sides = [small_width, small_height];
    let edges = [
        edge(sides, across),
        edge(sides, |depth, along| across(small_width - 1 - depth, along)),
        edge([small_height, small_width], down),
        edge([small_height, small_width], |depth, along| down(small_height - 1 - depth, along)),
    ];
    if edges.iter().all(Option::is_none) {
        return;
    }
    let inside = |x: usize, y: usize| {
        let [x, y] = [(x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32];
        [(x, y), (1.0 - x, y), (y, x), (1.0 - y, x)].iter().zip(&edges).all(|(&(depth, along), edge)| {
            edge.is_none_or(|[begin, end]| depth >= begin + (end - begin) * along + WITHIN)
        })
    };
    for (at, value) in light.iter_mut().enumerate() {
        let (x, y) = (at % width, at / width);
        if !inside(x, y) {
            let nearest = [x * small_width / width, y * small_height / height];
            *value = paper[nearest[1] * small_width + nearest[0]];
        }
    }
}

/// The edge of the sheet, seen from a side of a picture: `share(depth, along)` is how light it is there.
fn edge([deep, long]: [usize; 2], share: impl Fn(usize, usize) -> f32) -> Option<Edge> {
    let clear = ((CLEAR * deep as f32) as usize).max(2);
    let depths: Vec<f32> = (0..long)
        .map(|along| {
            let is_paper = |depth: usize| share(depth, along) >= DARK;
            let begins = |depth: &usize| (*depth..(depth + clear).min(deep)).all(is_paper);
            (0..deep).find(begins).unwrap_or(deep) as f32 / deep as f32
        })
        .collect();
    let dark = depths.iter().filter(|&&depth| depth > 0.0).count();
    if (dark as f32) < ALONG * long as f32 {
        return None;
    }
    let [begin, end] = line(&depths)?;
    let middle = f32::midpoint(begin, end);
    // How dark it is half way to the edge.
    let mut shares: Vec<f32> =
        (0..long).map(|along| share((middle * deep as f32 / 2.0) as usize, along)).collect();
    shares.sort_by(f32::total_cmp);
    let deepest = DEEPEST[usize::from(shares[long / 2] < NO_SHADOW)];
    (begin.max(end) <= deepest && begin.min(end) > -0.1).then_some([begin, end])
}

/// The straight line that most of the depths lie on: its value at the first and behind the last.
fn line(depths: &[f32]) -> Option<Edge> {
    let places: Vec<usize> = (0..depths.len()).step_by((depths.len() / 50).max(1)).collect();
    let mut best: (usize, Edge) = (0, [0.0; 2]);
    for (i, &a) in places.iter().enumerate() {
        for &b in places[i + 1..].iter().filter(|&&b| 3 * (b - a) >= depths.len()) {
            let slope = (depths[b] - depths[a]) / (b - a) as f32;
            let at = |place: f32| depths[a] + slope * (place - a as f32);
            let fits = |&&place: &&usize| {
                depths[place] > 0.0 && (depths[place] - at(place as f32)).abs() <= STRAIGHT[0]
            };
            let count = places.iter().filter(fits).count();
            if count > best.0 {
                best = (count, [at(-0.5), at(depths.len() as f32 - 0.5)]);
            }
        }
    }
    (best.0 as f32 >= STRAIGHT[1] * places.len() as f32).then_some(best.1)
}
