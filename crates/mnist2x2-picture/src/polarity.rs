//! Whether a picture is dark ink on light paper or light ink on dark paper.

use image::GrayImage;

use crate::histogram::Histogram;
use crate::resample::resample;

/// Pixels along the longer side at which it is decided.
const SIDE: u32 = 72;
/// The neighborhood that a pixel is compared with, as a part of the picture's shorter side.
const PART: usize = 4;
/// Pixels from one neighborhood to the next.
const STEP: usize = 4;

/// Whether ink is darker than the paper: most of any neighborhood is paper, whatever light falls on it, and ink strays
/// far from it.
pub(crate) fn has_dark_ink(image: &GrayImage) -> bool {
    let longer = image.width().max(image.height());
    let [width, height] = [image.width(), image.height()]
        .map(|side| ((u64::from(side) * u64::from(SIDE.min(longer)) / u64::from(longer)) as usize).max(1));
    let grays = resample(image, width, height);
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
                let strays = gray.abs_diff(paper).pow(2);
                *if gray < paper { &mut darker } else { &mut lighter } += strays;
            }
        }
    }
    darker > lighter
}
