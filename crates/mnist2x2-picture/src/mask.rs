//! Which pixels are ink, and which of them hang together.
//!
//! One threshold for a whole picture loses a faint digit beside a bold one. Here connected ink is found above the paper's
//! grain, and each piece is then cut off at a share of its own strength.

use std::ops::Range;

use crate::ink::Ink;

/// A piece must be so many times as strong as what is just no grain.
const STRENGTH: f32 = 1.5;

/// The share of its strength from which on a pixel of a piece is ink: half of it, and a little more, which keeps small
/// loops open.
const CUT: f32 = 0.55;
/// The share of a piece that must certainly be ink.
const CERTAIN: f32 = 0.35;

/// The column and the row of a pixel of a picture.
pub(crate) type Pixel = [u16; 2];

/// Whether each pixel is ink, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Mask {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) inked: Vec<bool>,
}

impl Mask {
    /// A mask without ink.
    pub(crate) fn blank(width: usize, height: usize) -> Self {
        Self { width, height, inked: vec![false; width * height] }
    }

    /// All ink of at least this value.
    pub(crate) fn open(ink: &Ink, least: u8) -> Self {
        let inked = ink.values.iter().map(|&value| value >= least).collect();
        Self { inked, ..Self::blank(ink.width, ink.height) }
    }

    /// All pixels that with those around them, so many in a column, have at least this value in the mean.
    pub(crate) fn averaged(ink: &Ink, count: usize, least: u8) -> Self {
        let (half, mut inked) = (count / 2, Vec::with_capacity(ink.values.len()));
        let least = (2 * half + 1) as f32 * f32::from(least);
        // Whole numbers, which are exact as long as they are that small.
        let mut sums = vec![0.0_f32; ink.width];
        let row = |y: usize| ink.values[y * ink.width..][..ink.width].iter().copied().map(f32::from);
        for y in 0..ink.height + half {
            if y < ink.height {
                sums.iter_mut().zip(row(y)).for_each(|(sum, value)| *sum += value);
            }
            if y > 2 * half {
                sums.iter_mut().zip(row(y - 2 * half - 1)).for_each(|(sum, value)| *sum -= value);
            }
            if y >= half {
                inked.extend(sums.iter().map(|&sum| sum >= least));
            }
        }
        Self { width: ink.width, height: ink.height, inked }
    }

    /// Of a picture's ink.
    pub(crate) fn of(ink: &Ink) -> Self {
        let open = Self::open(ink, ink.faintest);
        let mut mask = Self::blank(ink.width, ink.height);
        for pixels in open.pieces() {
            let at = |[x, y]: Pixel| usize::from(y) * ink.width + usize::from(x);
            let mut values: Vec<u8> = pixels.iter().map(|&pixel| ink.values[at(pixel)]).collect();
            let strength = f32::from(*values.select_nth_unstable(pixels.len() * 9 / 10).1);
            if strength >= STRENGTH * f32::from(ink.faintest) {
                let inked = |&pixel: &Pixel| f32::from(ink.values[at(pixel)]) >= CUT * strength;
                pixels.into_iter().filter(inked).for_each(|pixel| mask.inked[at(pixel)] = true);
            }
        }
        for pixels in mask.pieces() {
            let at = |&[x, y]: &Pixel| usize::from(y) * ink.width + usize::from(x);
            let certain = pixels.iter().map(at).filter(|&at| ink.certain[at] >= ink.faintest).count();
            if (certain as f32) < CERTAIN * pixels.len() as f32 {
                pixels.iter().map(at).for_each(|at| mask.inked[at] = false);
            }
        }
        mask
    }

    /// The same with its axes swapped.
    pub(crate) fn turned(&self) -> Self {
        let mut turned = Self::blank(self.height, self.width);
        for (y, row) in self.inked.chunks_exact(self.width).enumerate() {
            for x in runs(row).flatten() {
                turned.inked[x * self.height + y] = true;
            }
        }
        turned
    }

    /// The pixels of each piece of connected ink; pixels touch at sides and corners.
    pub(crate) fn pieces(&self) -> Vec<Vec<Pixel>> {
        let (mut all, mut owner): (Vec<(usize, Range<usize>)>, Vec<usize>) = (Vec::new(), Vec::new());
        // The runs of the row above that the next run may touch.
        let mut above = 0..0;
        for (y, row) in self.inked.chunks_exact(self.width).enumerate() {
            let first = all.len();
            for run in runs(row) {
                owner.push(all.len());
                above.start +=
                    all[above.clone()].iter().take_while(|(_, other)| other.end < run.start).count();
                let touched =
                    all[above.clone()].iter().take_while(|(_, other)| other.start <= run.end).count();
                for other in above.start..above.start + touched {
                    unite(&mut owner, other, all.len());
                }
                all.push((y, run));
            }
            above = first..all.len();
        }
        let mut pieces: Vec<Vec<Pixel>> = Vec::new();
        let mut place = vec![0; all.len()];
        for (at, (y, run)) in all.into_iter().enumerate() {
            let first = root(&mut owner, at);
            if first == at {
                place[at] = pieces.len();
                pieces.push(Vec::new());
            }
            pieces[place[first]].extend(run.map(|x| [x as u16, y as u16]));
        }
        pieces
    }
}

/// The first of the group that one is of, such as the runs of a piece of ink, as far as is known.
pub(crate) fn root(owner: &mut [usize], mut at: usize) -> usize {
    while owner[at] != at {
        owner[at] = owner[owner[at]];
        at = owner[at];
    }
    at
}

/// Makes one group of those of two, and says whether they were two.
pub(crate) fn unite(owner: &mut [usize], a: usize, b: usize) -> bool {
    let [a, b] = [a, b].map(|member| root(owner, member));
    owner[a.max(b)] = a.min(b);
    a != b
}

/// The runs of ink of one row.
pub(crate) fn runs(row: &[bool]) -> impl Iterator<Item = Range<usize>> {
    /// Most of a page is blank, and blocks without ink are passed over.
    const BLANK: [bool; 32] = [false; 32];
    let mut end = 0;
    std::iter::from_fn(move || {
        let mut rest = &row[end..];
        while rest.first_chunk() == Some(&BLANK) {
            rest = &rest[BLANK.len()..];
        }
        let start = row.len() - rest.len() + rest.iter().position(|&inked| inked)?;
        end = row[start..].iter().position(|&inked| !inked).map_or(row.len(), |length| start + length);
        Some(start..end)
    })
}

/// The columns and the rows that something spans.
pub(crate) type Sides = [Range<usize>; 2];

/// The columns and the rows between which pixels lie.
pub(crate) fn spans(pixels: &[Pixel]) -> Sides {
    [0, 1].map(|axis| {
        let places = || pixels.iter().map(|pixel| usize::from(pixel[axis]));
        places().min().unwrap_or(0)..places().max().map_or(0, |last| last + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(inked: &[(Range<usize>, Range<usize>, u8)]) -> Ink {
        Ink::page([60, 40], inked)
    }

    #[test]
    fn a_faint_digit_stays_beside_a_bold_one_whose_rim_goes() {
        let (bold, faint) = ((10..16, 5..35, 250), (40..44, 5..35, 60));
        let rim = (9..17, 4..36, 90);
        let mask = Mask::of(&page(&[rim, bold.clone(), faint.clone(), (50..52, 20..22, 25)]));
        assert!(mask.inked == Mask::open(&page(&[bold, faint]), 60).inked);
    }

    #[test]
    fn ink_that_may_be_the_tip_of_a_shadow_goes() {
        let mut ink = page(&[(0..8, 0..8, 120), (30..34, 5..35, 120)]);
        ink.certain[..10 * 60].fill(0);
        assert!(Mask::of(&ink).pieces().iter().all(|piece| piece[0][0] >= 30));
    }

    #[test]
    fn pieces_hang_together_at_sides_and_corners_and_come_in_the_order_of_their_first_pixels() {
        // A fork that closes below, a pixel at its foot's corner, and a dot beside it.
        let ink = page(&[
            (5..6, 2..9, 99),
            (9..10, 1..9, 99),
            (5..10, 9..10, 99),
            (10..11, 10..11, 99),
            (7..8, 4..5, 99),
        ]);
        let pieces = Mask::open(&ink, 50).pieces();
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [7 + 8 + 5 + 1, 1]);
        assert_eq!((pieces[0][0], pieces[1][0]), ([9, 1], [7, 4]));
        let turned = Mask::open(&ink, 50).turned();
        assert!(turned.turned().inked == Mask::open(&ink, 50).inked && turned.inked[9 * 40 + 1]);
    }
}
