//! The grey value that parts two kinds of pixels (N. Otsu, *A threshold selection method from gray-level histograms*,
//! 1979): where the variance between the two is greatest.

/// The least value of the lighter kind.
pub(crate) fn otsu(counts: &[u32; 256]) -> u8 {
    let weighted = |(value, &count): (usize, &u32)| value as f64 * f64::from(count);
    let total: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    let mass: f64 = counts.iter().enumerate().map(weighted).sum();
    let (mut best, mut dark, mut dark_mass) = ((0.0, 128), 0.0, 0.0);
    for pair @ (value, &count) in counts.iter().enumerate() {
        dark += f64::from(count);
        dark_mass += weighted(pair);
        let light = total - dark;
        if dark == 0.0 || light == 0.0 {
            continue;
        }
        let apart = dark_mass / dark - (mass - dark_mass) / light;
        let variance = dark * light * apart * apart;
        if variance > best.0 {
            best = (variance, value + 1);
        }
    }
    best.1 as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_heaps_are_parted_between_them() {
        let mut counts = [0; 256];
        for (value, count) in [(10, 900), (20, 700), (180, 30), (200, 60)] {
            counts[value] = count;
        }
        assert!((21..=180).contains(&otsu(&counts)), "{}", otsu(&counts));
    }
}
