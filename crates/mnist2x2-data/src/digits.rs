//! Handwritten digits in memory, and who wrote them.

use std::collections::{BTreeMap, BTreeSet};

use mnist2x2_random::Random;

use crate::error::Error;

/// Height and width of one digit, in pixels.
pub const SIDE: usize = 28;
/// Pixels of one digit.
pub const PIXELS: usize = SIDE * SIDE;

/// Gray digits of 28 x 28 pixels with their labels, and with their writers where those are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits {
    pixels: Vec<u8>,
    labels: Vec<u8>,
    writers: Option<Vec<u32>>,
}

/// Training digits in three parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigitSplit {
    /// To learn from.
    pub training: Digits,
    /// By which epochs are judged, and to which the temperature is fitted.
    pub validation: Digits,
    /// By which nothing is chosen.
    pub unseen: Digits,
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
            None => Ok(Self { pixels, labels, writers: None }),
        }
    }

    /// The same digits, of which number `i` was written by `writers[i]`; only whether two are the same counts.
    ///
    /// # Errors
    /// [`Error::WriterCount`] if there is not one writer for each digit.
    pub fn with_writers(self, writers: Vec<u32>) -> Result<Self, Error> {
        if writers.len() != self.len() {
            return Err(Error::WriterCount { writers: writers.len(), digits: self.len() });
        }
        Ok(Self { writers: Some(writers), ..self })
    }

    /// The same digits, as if nobody knew who wrote them.
    #[must_use]
    pub fn without_writers(self) -> Self {
        Self { writers: None, ..self }
    }

    /// Who wrote each digit; `None` if that is not known.
    pub fn writers(&self) -> Option<&[u32]> {
        self.writers.as_deref()
    }

    /// The indices of each writer's digits, in the order of the writers' numbers; `None` if the writers are not known.
    pub(crate) fn by_writer(&self) -> Option<Vec<Vec<u32>>> {
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        (0..).zip(self.writers()?).for_each(|(index, &writer)| groups.entry(writer).or_default().push(index));
        Some(groups.into_values().collect())
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
        let writers = self.writers.as_mut().map(|writers| writers.split_off(self.labels.len()));
        (self, Self { pixels, labels, writers })
    }

    /// These digits, and `others` after them. Their writers are not kept: two sets may count differently.
    #[must_use]
    pub fn chain(mut self, others: &Self) -> Self {
        self.pixels.extend_from_slice(&others.pixels);
        self.labels.extend_from_slice(&others.labels);
        self.without_writers()
    }

    /// The digits at these places, in this order.
    ///
    /// # Panics
    /// If one is not below [`len`](Self::len).
    #[must_use]
    pub fn select(&self, places: &[usize]) -> Self {
        Self {
            pixels: places.iter().flat_map(|&i| self.image(i)).copied().collect(),
            labels: places.iter().map(|&i| self.labels[i]).collect(),
            writers: self.writers.as_ref().map(|writers| places.iter().map(|&i| writers[i]).collect()),
        }
    }

    /// The same digits in an order that depends on `seed` and on their number alone.
    #[must_use]
    pub fn shuffled(&self, seed: u64) -> Self {
        let order = Random::keyed(seed, "digits", 0, 0).permutation(self.len() as u32);
        self.select(&order.into_iter().map(|i| i as usize).collect::<Vec<_>>())
    }

    /// These digits in three parts by whole writers: of each `one_in` writers, in the order of their numbers, one goes to
    /// validation, and one is unseen. Each part keeps the order of its digits.
    ///
    /// `None` if the writers are not known, or if they are fewer than `one_in`, or `one_in` is below 3.
    pub fn split_writers(&self, one_in: usize) -> Option<DigitSplit> {
        let writers = self.writers()?;
        let order: Vec<u32> = writers.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        if one_in < 3 || order.len() < one_in {
            return None;
        }
        // The middle and the last of each `one_in`, for neighboring numbers wrote in the same place and time.
        let part = |i: usize| order.binary_search(&writers[i]).unwrap_or_default() % one_in;
        let (validation, unseen) = (one_in / 2 - 1, one_in - 1);
        let places = |wanted: &dyn Fn(usize) -> bool| -> Vec<usize> {
            (0..self.len()).filter(|&i| wanted(part(i))).collect()
        };
        Some(DigitSplit {
            training: self.select(&places(&|part| part != validation && part != unseen)),
            validation: self.select(&places(&|part| part == validation)),
            unseen: self.select(&places(&|part| part == unseen)),
        })
    }

    /// The same digits with rows and columns swapped.
    pub(crate) fn transposed(mut self) -> Self {
        for image in self.pixels.chunks_exact_mut(PIXELS) {
            for (y, x) in (0..SIDE).flat_map(|y| (0..y).map(move |x| (y, x))) {
                image.swap(y * SIDE + x, x * SIDE + y);
            }
        }
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
        let picked = first.select(&[2, 0]);
        assert_eq!((picked.len(), picked.label(0), picked.image(0)[3], picked.image(1)[3]), (2, 2, 2, 0));
        let turned = last.chain(&first);
        assert_eq!((turned.len(), turned.label(2), turned.image(2)[5], turned.image(0)[5]), (5, 0, 0, 3));
    }

    /// Digits of writers with these numbers; the label says which digit it is.
    fn of_writers(writers: Vec<u32>) -> Digits {
        let labels: Vec<u8> = (0..writers.len()).map(|i| (i % 10) as u8).collect();
        let pixels = labels.iter().flat_map(|&label| [label; PIXELS]).collect();
        Digits::new(pixels, labels).unwrap().with_writers(writers).unwrap()
    }

    #[test]
    fn no_writer_is_in_two_parts_and_no_digit_is_lost() {
        let writers: Vec<u32> = (0..400).map(|i| 7 * (i / 5 % 40) + 3).collect();
        let digits = of_writers(writers);
        let split = digits.split_writers(12).unwrap();
        let parts = [&split.training, &split.validation, &split.unseen];
        let own: Vec<BTreeSet<u32>> =
            parts.iter().map(|part| part.writers().unwrap().iter().copied().collect()).collect();
        assert_eq!(own.iter().map(BTreeSet::len).collect::<Vec<_>>(), [34, 3, 3]);
        assert_eq!(own.iter().flatten().collect::<BTreeSet<_>>().len(), 40, "each in one part");
        assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), 400);
        assert!(parts.iter().all(|part| (0..part.len()).all(|i| part.image(i)[9] == part.label(i))));
        assert_eq!(own[1], BTreeSet::from([5, 17, 29].map(|place| 7 * place + 3)));
        assert_eq!(own[2], BTreeSet::from([11, 23, 35].map(|place| 7 * place + 3)));
        assert_eq!(digits.split_writers(12).unwrap(), split);
    }

    #[test]
    fn unknown_or_few_writers_are_not_split() {
        assert_eq!(of_writers(vec![1, 2, 3, 4]).split_writers(5), None);
        assert_eq!(of_writers(vec![1, 2, 3, 4]).split_writers(2), None);
        assert!(of_writers(vec![1, 2, 3, 4]).split_writers(4).is_some());
        assert_eq!(of_writers(vec![1, 2, 3, 4]).without_writers().split_writers(4), None);
        let error = Digits::new(vec![0; PIXELS], vec![1]).unwrap().with_writers(vec![]).unwrap_err();
        assert_eq!(error.to_string(), "there are 0 writers for 1 digits; pass one for each digit");
        let (first, last) = of_writers(vec![5, 6, 7]).split_last(1);
        assert_eq!((first.writers(), last.writers()), (Some([5, 6].as_slice()), Some([7].as_slice())));
        assert_eq!(first.chain(&last).writers(), None);
    }

    #[test]
    fn transposing_twice_changes_nothing() {
        let pixels: Vec<u8> = (0..2 * PIXELS).map(|i| (i * 7 % 251) as u8).collect();
        let digits = Digits::new(pixels, vec![1, 2]).unwrap();
        let turned = digits.clone().transposed();
        assert_eq!(turned.image(1)[3 * SIDE + 5], digits.image(1)[5 * SIDE + 3]);
        assert_eq!(turned.transposed(), digits);
    }
}
