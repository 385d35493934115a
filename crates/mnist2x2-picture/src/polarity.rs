//! Whether a picture is dark ink on light paper or light ink on dark paper.

use image::GrayImage;

use crate::histogram::Histogram;
use crate::paper;
use crate::resample::resample;

/// Pixels at which narrow things are looked for, and how narrow they are: first those of fine pens.
const FINE: usize = 40_000;
const NARROW: [usize; 2] = [5, 9];
/// No stroke is so wide, and one part in so many of what is narrower is ink.
const WIDE: usize = 36;
const MUCH: u64 = 8;
/// Strokes of a fine pen have so much, in thirds, of what is as dark or as light as they are and no wider than the widest.
const FINE_PEN: u64 = 4;
/// Lines so narrow that are darker, or lighter, than all that is so broad are ink beside shadows too, if they are more than
/// grain is, and one part in so many of what is no wider than the widest; halos around broad strokes are less.
const NARROWEST: usize = 3;
const BROAD: usize = 18;
const MORE_THAN_GRAIN: u64 = 100_000;
const SOME: u64 = 300;
/// The margin, as a part of the picture, in which a table may lie around the sheet.
const MARGIN: usize = 5;
/// So many times as much must be narrow and dark as is narrow and light, or the other way round.
const CLEARLY: u64 = 2;
/// Pixels at which neighborhoods are looked at.
const COARSE: usize = 5_000;
/// The square of how many gray values a pixel of a blank page strays from its neighborhood at most: paper is light.
const GRAIN: u64 = 20;
/// A neighborhood, as a part of the picture's shorter side.
const PART: usize = 4;
/// Pixels from one neighborhood to the next.
const STEP: usize = 4;

/// Whether ink is darker than the paper: strokes are narrow, and most of any neighborhood is paper, whatever light falls
/// on it.
pub(crate) fn has_dark_ink(image: &GrayImage) -> bool {
    if let Some(is_dark) = on_one_level(image) {
        return is_dark;
    }
    let (grays, width) = reduced(image, FINE);
    let wide = narrow(&grays, width, WIDE, [u8::MAX; 2]);
    let widest = wide[0].max(wide[1]);
    for window in NARROW {
        let [dark, light] = narrow(&grays, width, window, [u8::MAX; 2]);
        let (most, of_its_kind) = (dark.max(light), wide[usize::from(light > dark)]);
        // With a pen that is wider than the window only the gaps between its strokes are narrow, and those are few.
        let is_pen = MUCH * most > widest || FINE_PEN * most > 3 * of_its_kind;
        if is_pen && most > CLEARLY * dark.min(light) {
            return dark > light;
        }
    }
    let [dark, light] = narrow(&grays, width, NARROWEST, extremes(&grays, width));
    let most = dark.max(light);
    if most > MORE_THAN_GRAIN && SOME * most > widest && most > CLEARLY * dark.min(light) {
        return dark > light;
    }
    let [darker, lighter] = strays(image);
    darker > lighter || lighter < GRAIN * grays.len().min(COARSE) as u64
}

/// Whether ink is darker on a page that a program drew, as some of its pixels tell: what is not its one level of paper.
fn on_one_level(image: &GrayImage) -> Option<bool> {
    let sides = [image.width(), image.height()].map(|side| side as usize);
    let step = (sides[0] * sides[1]).div_ceil(FINE).isqrt().max(1);
    let rows = image.as_raw().chunks_exact(sides[0]).step_by(step);
    let grays: Vec<u8> = rows.flat_map(|row| row.iter().step_by(step)).copied().collect();
    let level = usize::from(paper::flat_level(&grays, sides[0].div_ceil(step))?);
    let mut ink = [0, 0];
    for (gray, count) in Histogram::of(&grays).iter() {
        ink[usize::from(gray > level)] += gray.abs_diff(level) * count as usize;
    }
    (ink[0] != ink[1]).then_some(ink[0] > ink[1])
}

/// The picture with about so many pixels at most, and its width.
fn reduced(image: &GrayImage, most: usize) -> (Vec<u8>, usize) {
    let sides = [image.width(), image.height()].map(f64::from);
    let scale = (most as f64 / (sides[0] * sides[1])).sqrt().min(1.0);
    let [width, height] = sides.map(|side| (scale * side).ceil() as usize);
    (resample(image, width, height), width)
}

/// How much is narrow and dark, and how much narrow and light, within the margin: of pixels darker, or else lighter, than that.
fn narrow(grays: &[u8], width: usize, window: usize, than: [u8; 2]) -> [u64; 2] {
    both_ways(grays, width, window, |way, closed, grays| {
        let pixels = closed.iter().zip(grays).filter(|&(_, &gray)| gray < than[way]);
        pixels.map(|(closed, gray)| u64::from(closed - gray).pow(2)).sum()
    })
}

/// The darkest gray value of what is broad, within the margin, and the lightest.
fn extremes(grays: &[u8], width: usize) -> [u8; 2] {
    both_ways(grays, width, BROAD, |_, closed, _| closed.iter().copied().min().unwrap_or(0))
}

/// What `of` makes of the pixels within the margin, closed and as they are: first so, then with dark and light swapped.
fn both_ways<T>(grays: &[u8], width: usize, window: usize, of: impl Fn(usize, &[u8], &[u8]) -> T) -> [T; 2] {
    let mut grays = grays.to_vec();
    [0, 1].map(|way| {
        let closed = paper::close(&grays, width, window, window / 2);
        let found = of(way, &within(&closed, width), &within(&grays, width));
        for gray in &mut grays {
            *gray = u8::MAX - *gray;
        }
        found
    })
}

/// The pixels within the margin.
fn within(grays: &[u8], width: usize) -> Vec<u8> {
    let inside = |side: usize| side / MARGIN..side - side / MARGIN;
    let rows = inside(grays.len() / width).map(|y| &grays[y * width..][inside(width)]);
    rows.flatten().copied().collect()
}

/// How much strays from the median of its neighborhood to dark, and how much to light.
fn strays(image: &GrayImage) -> [u64; 2] {
    let (grays, width) = reduced(image, COARSE);
    let height = grays.len() / width;
    let radius = (width.min(height) / PART / 2).max(1);
    let (mut darker, mut lighter) = (0, 0);
    for top in (0..height).step_by(STEP) {
        for left in (0..width).step_by(STEP) {
            let part = |reach: usize| {
                let rows = top.saturating_sub(reach)..(top + STEP + reach).min(height);
                let columns = left.saturating_sub(reach)..(left + STEP + reach).min(width);
                let mut part = Vec::new();
                rows.for_each(|y| part.extend_from_slice(&grays[y * width..][columns.clone()]));
                part
            };
            let paper = Histogram::of(&part(radius)).median();
            for gray in part(0).into_iter().map(usize::from) {
                let strays = gray.abs_diff(paper).pow(2) as u64;
                *if gray < paper { &mut darker } else { &mut lighter } += strays;
            }
        }
    }
    [darker, lighter]
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    /// A page of 240 x 180 in this light, with strokes that leave that share of it.
    fn page(light: impl Fn(u32) -> f32, ink: f32) -> GrayImage {
        GrayImage::from_fn(240, 180, |x, y| {
            let is_ink =
                (30..150).contains(&y) && [60, 150].iter().any(|left| (*left..left + 6).contains(&x));
            Luma([if is_ink { light(x) * ink } else { light(x) } as u8])
        })
    }

    #[test]
    fn ink_is_what_is_narrow_whether_dark_or_light_and_also_in_a_shadow() {
        assert!(has_dark_ink(&page(|_| 200.0, 0.4)));
        assert!(!has_dark_ink(&page(|_| 40.0, 4.0)));
        let half = |light: f32| move |x: u32| if x < 120 { light } else { 0.5 * light };
        assert!(has_dark_ink(&page(half(220.0), 0.5)));
        assert!(!has_dark_ink(&page(half(80.0), 3.0)));
    }

    #[test]
    fn on_a_page_of_one_level_ink_is_what_is_not_that_level_however_broad() {
        let page = |paper: u8, ink: u8| {
            GrayImage::from_fn(240, 180, |x, y| {
                let is_ink =
                    [60, 120].iter().any(|left| (*left..left + 30).contains(&x)) && (90..150).contains(&y);
                Luma([if is_ink { ink } else { paper }])
            })
        };
        assert!(has_dark_ink(&page(200, 90)));
        assert!(!has_dark_ink(&page(90, 200)));
    }

    #[test]
    fn ink_is_what_is_darkest_and_narrow_between_the_shadows_of_a_blind() {
        let slats = |to: f32| move |x: u32| if x % 60 < 30 { 200.0 } else { 200.0 * to };
        let thin = |light: &dyn Fn(u32) -> f32, ink: f32| {
            let mut page = page(light, 1.0);
            (40..140).for_each(|y| {
                (0..2).for_each(|k| page.put_pixel(72 + k, y, Luma([(light(72) * ink) as u8])));
            });
            has_dark_ink(&page)
        };
        assert!(thin(&slats(0.6), 0.4));
        assert!(!thin(&slats(0.6), 1.25));
    }

    #[test]
    fn a_blank_page_is_paper_also_in_a_shadow() {
        assert!(has_dark_ink(&page(|_| 180.0, 1.0)));
        assert!(has_dark_ink(&page(|x| 220.0 - 0.4 * x as f32, 1.0)));
    }
}
