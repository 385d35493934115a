//! Gray values as the network sees them.

/// Mean of MNIST's training pixels as a share of 255; images are normalized with it.
pub const MEAN: f32 = 0.1307;
/// Standard deviation of the same.
pub const STD: f32 = 0.3081;

/// [`normalize`] of each gray value.
const NORMALIZED: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut gray = 0;
    while gray < 256 {
        table[gray] = normalize_ink(gray as f32);
        gray += 1;
    }
    table
};

/// A gray value as the network sees it: (gray / 255 - [`MEAN`]) / [`STD`].
pub const fn normalize(gray: u8) -> f32 {
    NORMALIZED[gray as usize]
}

/// The gray value that [`normalize`] takes to `value`, or the nearest there is.
pub fn denormalize(value: f32) -> u8 {
    (255.0 * (value * STD + MEAN)).round() as u8
}

/// [`normalize`] of a value between two gray values.
pub(crate) const fn normalize_ink(ink: f32) -> f32 {
    (ink / 255.0 - MEAN) / STD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gray_value_comes_back() {
        assert!((0..=255).all(|gray| denormalize(normalize(gray)) == gray));
        assert_eq!([denormalize(-100.0), denormalize(100.0)], [0, 255]);
    }

    #[test]
    fn normalization_is_the_published_one() {
        let values = [normalize(0), normalize(128), normalize(255)];
        let published = [-0.1307 / 0.3081, (128.0 / 255.0 - 0.1307) / 0.3081, (1.0 - 0.1307) / 0.3081];
        assert!(values.iter().zip(published).all(|(x, y)| (f64::from(*x) - y).abs() < 1e-6), "{values:?}");
    }
}
