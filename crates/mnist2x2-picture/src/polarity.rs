//! Whether a picture is dark ink on light paper or light ink on dark paper.

use image::GrayImage;

use crate::histogram::Histogram;

/// Whether ink is darker than the paper: most of a picture is paper, and ink strays far from it.
pub(crate) fn has_dark_ink(image: &GrayImage) -> bool {
    let histogram = Histogram::of(image.as_raw());
    let paper = histogram.median();
    let (mut darker, mut lighter) = (0, 0);
    for (gray, count) in histogram.iter() {
        let strays = u64::from(count) * (gray.abs_diff(paper) as u64).pow(2);
        *if gray < paper { &mut darker } else { &mut lighter } += strays;
    }
    darker > lighter
}
