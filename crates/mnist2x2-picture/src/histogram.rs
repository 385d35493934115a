//! How often each gray value occurs, and what that tells of paper and ink.

use std::ops::RangeInclusive;

/// The count of each of the 256 gray values of a picture.
pub(crate) struct Histogram([u32; 256]);

impl Histogram {
    /// The gray values of a picture, counted.
    pub(crate) fn of(grays: &[u8]) -> Self {
        let mut counts = [[0_u32; 256]; 4];
        // Four tables, so that equal neighbors, the usual case, do not wait for one another.
        let mut fours = grays.chunks_exact(4);
        for four in &mut fours {
            for (counts, &gray) in counts.iter_mut().zip(four) {
                counts[usize::from(gray)] += 1;
            }
        }
        fours.remainder().iter().for_each(|&gray| counts[0][usize::from(gray)] += 1);
        let [mut all, others @ ..] = counts;
        for counts in others {
            // No picture has so many pixels that they wrap, and checks would cost more than the counting.
            all.iter_mut().zip(counts).for_each(|(all, count)| *all = all.wrapping_add(count));
        }
        Self(all)
    }

    /// Each gray value with its count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, u32)> {
        self.0.iter().copied().enumerate()
    }

    /// How often this gray value occurs.
    pub(crate) fn count(&self, gray: u8) -> u32 {
        self.0[usize::from(gray)]
    }

    /// The pixels of this gray value and of lighter ones alone.
    pub(crate) fn from(&self, gray: u8) -> Self {
        Self(std::array::from_fn(|at| if at >= usize::from(gray) { self.0[at] } else { 0 }))
    }

    /// The mean of the gray values in a range; no number without any.
    pub(crate) fn mean(&self, grays: RangeInclusive<u8>) -> f64 {
        let within = || self.iter().filter(|&(gray, _)| grays.contains(&(gray as u8)));
        let sum: f64 = within().map(|(gray, count)| gray as f64 * f64::from(count)).sum();
        sum / within().map(|(_, count)| f64::from(count)).sum::<f64>()
    }

    /// The gray value at `rank`, were all pixels sorted from dark to light; 255 beyond the last.
    pub(crate) fn ranked(&self, rank: u32) -> usize {
        let mut below = 0;
        let is_reached = |(_, count): &(usize, u32)| {
            below += count;
            below > rank
        };
        self.iter().find(is_reached).map_or(255, |(gray, _)| gray)
    }

    /// The median: of a picture of digits the paper's gray value, since most of it is paper.
    pub(crate) fn median(&self) -> usize {
        self.ranked(self.0.iter().sum::<u32>() / 2)
    }

    /// The least value of the lighter of two kinds of pixels: the threshold at which the variance between the two is
    /// greatest (N. Otsu, *A threshold selection method from gray-level histograms*, 1979).
    pub(crate) fn otsu_threshold(&self) -> u8 {
        let weighted = |(gray, count): (usize, u32)| gray as f64 * f64::from(count);
        let total: f64 = self.iter().map(|(_, count)| f64::from(count)).sum();
        let mass: f64 = self.iter().map(weighted).sum();
        let (mut best, mut dark, mut dark_mass) = ((0.0, 128), 0.0, 0.0);
        for (gray, count) in self.iter() {
            dark += f64::from(count);
            dark_mass += weighted((gray, count));
            let light = total - dark;
            if dark == 0.0 || light == 0.0 {
                continue;
            }
            let apart = dark_mass / dark - (mass - dark_mass) / light;
            let variance = dark * light * apart * apart;
            if variance > best.0 {
                best = (variance, gray + 1);
            }
        }
        best.1 as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_heaps_are_parted_between_them() {
        let mut counts = [0; 256];
        for (gray, count) in [(10, 900), (20, 700), (180, 30), (200, 60)] {
            counts[gray] = count;
        }
        let threshold = Histogram(counts).otsu_threshold();
        assert!((21..=180).contains(&threshold), "{threshold}");
    }
}
