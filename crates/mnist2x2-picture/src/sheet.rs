//! The sheet on a table: what lies around it is no ink.
//!
//! Seen from a side of the picture, a table is darker than the sheet, and it ends at a straight line.

use std::cell::OnceCell;

use image::GrayImage;

use crate::histogram::Histogram;
use crate::paper;
use crate::resample::resample;

/// Pixels along the longer side at which the sheet is looked for.
const SIDE: usize = 200;
/// Below this share of the sheet's light it is table.
const DARK: f32 = 0.82;
/// The sides of the squares by which the sheet's light is known, as shares of the picture's shorter side: one that shows the
/// deepest table, and two that go along with shadows.
const WINDOWS: [f32; 3] = [0.6, 0.3, 0.15];
/// The share of a side along which it must be dark.
const ALONG: f32 = 0.6;
/// How deep a strip may be, as a share of the picture: one as light as a shadow, and one that is darker than shadows, or seen from so
/// many sides.
const DEEPEST: [f32; 2] = [0.14, 0.4];
const SIDES: usize = 3;
/// Below this share of the sheet's light it is no shadow, nor where its lighter and its darker parts differ so much.
const NO_SHADOW: f32 = 0.62;
const UNEVEN: f32 = 0.13;
/// Paper begins with so much of it in a row, as a share of the picture's shorter side, but for so many pixels of a rule.
const CLEAR: f32 = 0.07;
const RULE: usize = 2;
/// How far the edge of the sheet may lie beside a straight line, as a share of the picture, and the share of it that must
/// not.
const STRAIGHT: [f32; 2] = [0.012, 0.7];
/// One pixel in so many is in the middle of a stroke, where only a little is written.
const STROKES: u32 = 1_000;
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
    let smooth = paper::smooth(&small, small_width);
    let shorter = small_width.min(small_height);
    let clear = ((CLEAR * shorter as f32) as usize).max(3);
    let papers =
        WINDOWS.map(|window| paper::close(&smooth, small_width, (window * shorter as f32) as usize, 0));
    let found = [0, 1, 2, 3].map(|side| {
        let place = |depth: usize, along: usize| match side {
            0 => along * small_width + depth,
            1 => along * small_width + small_width - 1 - depth,
            2 => depth * small_width + along,
            _ => (small_height - 1 - depth) * small_width + along,
        };
        let sides = if side < 2 { [small_width, small_height] } else { [small_height, small_width] };
        papers.iter().find_map(|paper| {
            edge(sides, clear, |depth, along| {
                let at = place(depth, along);
                f32::from(small[at]) / f32::from(paper[at].max(1))
            })
        })
    });
    // How far a pixel lies within the edge that is seen from a side.
    let within = |side: usize, [begin, end]: Edge, x: usize, y: usize| {
        let [x, y] = [(x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32];
        let (depth, along) = [(x, y), (1.0 - x, y), (y, x), (1.0 - y, x)][side];
        depth - begin - (end - begin) * along
    };
    // No shadow lies around a page, and one in which nothing is written may go as well.
    let is_around = found.iter().flatten().count() >= SIDES;
    let ink = OnceCell::new();
    let is_bare = |side: usize, edge: Edge| {
        is_bare(ink.get_or_init(|| fine_ink(light, width)), width, |x, y| within(side, edge, x, y))
    };
    let edges = [0, 1, 2, 3].map(|side| {
        let (edge, is_table) = found[side]?;
        (is_table || is_around || is_bare(side, edge)).then_some(edge)
    });
    if edges.iter().all(Option::is_none) {
        return;
    }
    let is_table = |x: usize, y: usize| {
        (0..4).any(|side| edges[side].is_some_and(|edge| within(side, edge, x, y) < WITHIN))
    };
    for (at, value) in light.iter_mut().enumerate() {
        let (x, y) = (at % width, at / width);
        if is_table(x, y) {
            let nearest = [x * small_width / width, y * small_height / height];
            *value = papers[0][nearest[1] * small_width + nearest[0]];
        }
    }
}

/// How much light is taken by what is as fine as strokes.
fn fine_ink(light: &[u8], width: usize) -> Vec<u8> {
    let window = ((CLEAR * width.min(light.len() / width) as f32) as usize).max(3);
    paper::taken_by_narrow(light, &paper::smooth(light, width), width, window, 0)
}

/// Whether what lies before an edge has no such ink as the sheet has behind it: `within(x, y)` is how far behind it a pixel lies.
fn is_bare(ink: &[u8], width: usize, within: impl Fn(usize, usize) -> f32) -> bool {
    let mut parts = [Vec::new(), Vec::new()];
    for (at, &ink) in ink.iter().enumerate() {
        let within = within(at % width, at / width);
        if within.abs() >= WITHIN {
            parts[usize::from(within > 0.0)].push(ink);
        }
    }
    let [before, behind] = parts.map(|part| {
        let count = part.len() as u32;
        Histogram::of(&part).ranked(count - count / STROKES)
    });
    before * 2 < behind
}

/// The edge of the sheet, seen from a side of a picture that is so deep and so long, and whether what lies before it can be no
/// shadow: `share(depth, along)` is how light it is there, and so much paper in a row is the sheet.
fn edge([deep, long]: [usize; 2], clear: usize, share: impl Fn(usize, usize) -> f32) -> Option<(Edge, bool)> {
    let begin = |along: usize| {
        let is_paper = |depth: usize| share(depth, along) >= DARK;
        let begins = |depth: &usize| {
            let dark = (*depth..(depth + clear).min(deep)).filter(|&depth| !is_paper(depth)).count();
            is_paper(*depth) && dark <= RULE
        };
        (0..deep).find(begins).unwrap_or(deep) as f32 / deep as f32
    };
    let depths: Vec<f32> = (0..long).map(begin).collect();
    let dark = depths.iter().filter(|&&depth| depth > 0.0).count();
    if (dark as f32) < ALONG * long as f32 {
        return None;
    }
    let [begin, end] = line(&depths)?;
    let strip = ((f32::midpoint(begin, end) * deep as f32) as usize).max(1);
    let mut shares: Vec<f32> = (0..strip)
        .flat_map(|depth| (0..long).map(move |along| (depth, along)))
        .map(|(depth, along)| share(depth, along))
        .collect();
    shares.sort_by(f32::total_cmp);
    let at = |part: usize| shares[shares.len() * part / 10];
    if at(4) >= DARK {
        return None; // Paper with a printed line on it.
    }
    let is_no_shadow = at(5) < NO_SHADOW || at(8) - at(2) > UNEVEN;
    let deepest = begin.max(end);
    let is_table = deepest <= DEEPEST[usize::from(is_no_shadow)];
    (deepest <= DEEPEST[1] && begin.min(end) > -0.1).then_some(([begin, end], is_table))
}

/// The straight line that most of the depths lie on: its value at the first and behind the last.
fn line(depths: &[f32]) -> Option<Edge> {
    // At both ends of the side the table of the other sides lies, and there is no sheet to be seen.
    let sees_sheet = |&place: &usize| depths[place] < 0.5;
    let all = (0..depths.len()).step_by((depths.len() / 60).max(1));
    let count = all.clone().count();
    let places: Vec<usize> = all.filter(sees_sheet).collect();
    if 3 * places.len() < count {
        return None;
    }
    let mut best: (usize, Edge) = (0, [0.0; 2]);
    for (i, &a) in places.iter().enumerate() {
        for &b in places[i + 1..].iter().filter(|&&b| 5 * (b - a) >= depths.len()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of 300 x 240 in a light of 210 with a stroke in its middle, changed point by point.
    fn page(change: impl Fn(usize, usize, f32) -> f32) -> Vec<u8> {
        let light = |x: usize, y: usize| {
            let is_stroke = (140..148).contains(&x) && (80..160).contains(&y);
            change(x, y, if is_stroke { 60.0 } else { 210.0 }) as u8
        };
        (0..240).flat_map(|y| (0..300).map(move |x| (x, y))).map(|(x, y)| light(x, y)).collect()
    }

    fn cleared(mut light: Vec<u8>) -> Vec<u8> {
        clear_table(&mut light, 300);
        light
    }

    #[test]
    fn a_table_on_one_side_or_around_is_cleared_and_the_sheet_stays() {
        let texture = |x: usize, y: usize| if (x / 5 + y / 7).is_multiple_of(2) { 60.0 } else { 110.0 };
        let sheet = page(|_, _, light| light);
        for margins in [[30, 0, 0, 0], [0, 0, 0, 25], [20, 25, 15, 20]] {
            let [left, right, top, bottom] = margins;
            let is_sheet = |x, y| (left..300 - right).contains(&x) && (top..240 - bottom).contains(&y);
            let found = cleared(page(|x, y, light| if is_sheet(x, y) { light } else { texture(x, y) }));
            let off = found.iter().zip(&sheet).filter(|(a, b)| a.abs_diff(**b) > 10).count();
            assert!(off == 0, "{off} pixels, {margins:?}");
        }
    }

    #[test]
    fn a_table_as_light_as_a_shadow_is_cleared_around_a_sheet_with_a_frame() {
        let is_sheet = |x: usize, y: usize| (50..250).contains(&x) && (40..200).contains(&y);
        let is_frame = |x: usize, y: usize| is_sheet(x, y) && (x == 56 || x == 243 || y == 46 || y == 193);
        let sheet = |x, y, paper: f32| if is_frame(x, y) { 90.0 } else { paper };
        let found = cleared(page(|x, y, paper| if is_sheet(x, y) { sheet(x, y, paper) } else { 150.0 }));
        let around = (0..240).flat_map(|y| (0..300).map(move |x| (x, y))).filter(|&(x, y)| !is_sheet(x, y));
        let darkest = around.map(|(x, y)| found[y * 300 + x]).min();
        assert!(darkest > Some(200), "{darkest:?}");
        assert_eq!(found[100 * 300 + 56], 90, "the frame stays");
    }

    #[test]
    fn what_may_be_a_shadow_on_one_side_is_cleared_if_nothing_is_written_there() {
        let grain = |x: usize, y: usize| if (x / 3 + y / 7).is_multiple_of(3) { 145.0 } else { 155.0 };
        let found = cleared(page(|x, y, light| if x < 80 { grain(x, y) } else { light }));
        let off = found.iter().zip(&page(|_, _, light| light)).filter(|(a, b)| a.abs_diff(**b) > 10).count();
        assert!(off == 0, "{off} pixels");
    }

    #[test]
    fn shadows_and_a_bare_page_stay() {
        let shade = |is_shaded: bool, light: f32| if is_shaded { 0.7 * light } else { light };
        let is_written = |x: usize, y: usize| (40..44).contains(&x) && (90..150).contains(&y);
        for page in [
            page(|_, _, light| light),
            page(|x, y, light| shade(x < 80, if is_written(x, y) { 60.0 } else { light })),
            page(|x, y, light| shade(x + y > 330, light)),
            page(|x, _, light| light * (1.0 - 0.3 * x as f32 / 300.0)),
            page(|_, _, _| 210.0),
        ] {
            assert!(cleared(page.clone()) == page);
        }
    }
}
