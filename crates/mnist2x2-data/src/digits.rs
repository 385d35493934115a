//! Handwritten digits in memory.

use crate::error::Error;

/// Height and width of one digit, in pixels.
pub const SIDE: usize = 28;
/// Pixels of one digit.
pub const PIXELS: usize = SIDE * SIDE;

/// Gray digits of 28 x 28 pixels with their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits {
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Digits {
    /// `labels.len()` digits; `pixels` are theirs, digit by digit and row by row, 0 background and 255 ink.
    ///
    /// # Errors
    /// [`Error::PixelCount`] if there are not 784 pixels for each label, [`Error::NotADigit`] if a label is above 9.
    pub fn new(pixels: Vec<u8>, labels: Vec<u8>) -> Result<Self, Error> {
        if labels.len().checked_mul(PIXELS) != Some(pixels.len()) {
            return Err(Error::PixelCount { pixels: pixels.len(), labels: labels.len() });
        }
        match labels.iter().position(|&label| label > 9) {
            Some(index) => Err(Error::NotADigit { value: labels[index], index }),
            None => Ok(Self { pixels, labels }),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// All but the last `n` digits, and those.
    ///
    /// # Panics
    /// If there are fewer than `n`.
    #[must_use]
    pub fn split_last(mut self, n: usize) -> (Self, Self) {
        let labels = self.labels.split_off(self.labels.len() - n);
        let pixels = self.pixels.split_off(self.labels.len() * PIXELS);
        (self, Self { pixels, labels })
    }

    /// These digits, and `others` after them.
    #[must_use]
    pub fn chain(mut self, others: &Self) -> Self {
        self.pixels.extend_from_slice(&others.pixels);
        self.labels.extend_from_slice(&others.labels);
        self
    }

    /// The 28 x 28 pixels of digit `i`, row by row.
    ///
    /// # Panics
    /// If `i` is not below [`len`](Self::len).
    pub fn image(&self, i: usize) -> &[u8] {
        &self.pixels[i * PIXELS..(i + 1) * PIXELS]
    }

    /// The label of digit `i`, 0 to 9.
    ///
    /// # Panics
    /// If `i` is not below [`len`](Self::len).
    pub fn label(&self, i: usize) -> u8 {
        self.labels[i]
    }

    /// All pixels, digit by digit.
    pub(crate) fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All labels.
    pub(crate) fn labels(&self) -> &[u8] {
        &self.labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_digit_has_its_own_pixels_and_label() {
        let pixels = [[3; PIXELS], [5; PIXELS]].concat();
        let digits = Digits::new(pixels, vec![7, 1]).unwrap();
        assert_eq!((digits.len(), digits.is_empty()), (2, false));
        assert!(digits.image(1).iter().all(|&x| x == 5) && digits.image(1).len() == PIXELS);
        assert_eq!((digits.label(0), digits.label(1)), (7, 1));
    }

    #[test]
    fn pixels_and_labels_must_agree() {
        assert!(matches!(Digits::new(vec![0; PIXELS], vec![1, 2]), Err(Error::PixelCount { labels: 2, .. })));
        assert!(matches!(Digits::new(vec![0; PIXELS + 1], vec![1]), Err(Error::PixelCount { .. })));
        assert!(matches!(
            Digits::new(vec![0; PIXELS], vec![10]),
            Err(Error::NotADigit { value: 10, index: 0 })
        ));
    }

    #[test]
    fn the_last_digits_are_split_off() {
        let digits =
            Digits::new((0..5 * PIXELS).map(|i| (i / PIXELS) as u8).collect(), vec![0, 1, 2, 3, 4]).unwrap();
        let (first, last) = digits.split_last(2);
        assert_eq!((first.len(), last.len()), (3, 2));
        assert_eq!([first.label(2), last.label(0), first.image(2)[0], last.image(1)[783]], [2, 3, 2, 4]);
        let turned = last.chain(&first);
        assert_eq!((turned.len(), turned.label(2), turned.image(2)[5], turned.image(0)[5]), (5, 0, 0, 3));
    }
}
