//! What is wrong in a reading: digits that are missing, too many, or others.

use serde::Serialize;

/// The fewest single changes that make a reading of the digits that are there (V. Levenshtein, *Binary codes capable of
/// correcting deletions, insertions, and reversals*, 1966), by their kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Edits {
    /// Digits that were read where none is.
    pub insertions: u64,
    /// Digits that are there and were not read.
    pub deletions: u64,
    /// Digits that were read as others.
    pub substitutions: u64,
}

impl Edits {
    /// What is wrong in `read`, of a picture that shows `labels`.
    pub fn between(labels: &[u8], read: &[u8]) -> Self {
        let mut edits = Self::default();
        for pair in align(labels, read) {
            match pair {
                (None, _) => edits.insertions += 1,
                (_, None) => edits.deletions += 1,
                (label, read) => edits.substitutions += u64::from(label != read),
            }
        }
        edits
    }

    /// All of them.
    pub fn count(self) -> u64 {
        self.insertions + self.deletions + self.substitutions
    }

    /// The two together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            insertions: self.insertions + other.insertions,
            deletions: self.deletions + other.deletions,
            substitutions: self.substitutions + other.substitutions,
        }
    }
}

/// The labels beside what was read for them, and what was read beside no label, in order and with the fewest differences. Of
/// several ways that with the most pairs is taken.
pub(crate) fn align(labels: &[u8], read: &[u8]) -> Vec<(Option<u8>, Option<u8>)> {
    let columns = read.len() + 1;
    // The fewest changes between the rest of the labels and the rest of the reading.
    let mut fewest = vec![0; (labels.len() + 1) * columns];
    for i in (0..=labels.len()).rev() {
        for j in (0..=read.len()).rev() {
            let rest = |di, dj| fewest[(i + di) * columns + j + dj];
            fewest[i * columns + j] = match (labels.get(i), read.get(j)) {
                (Some(label), Some(digit)) => {
                    (rest(1, 1) + usize::from(label != digit)).min(1 + rest(1, 0)).min(1 + rest(0, 1))
                }
                (label, digit) => {
                    usize::from(label.is_some()) * (labels.len() - i)
                        + usize::from(digit.is_some()) * (read.len() - j)
                }
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < labels.len() || j < read.len() {
        let (label, digit) = (labels.get(i).copied(), read.get(j).copied());
        let (here, at) = (fewest[i * columns + j], |di, dj| fewest[(i + di) * columns + j + dj]);
        let pair = match (label, digit) {
            (Some(a), Some(b)) if here == at(1, 1) + usize::from(a != b) => (label, digit),
            (Some(_), Some(_)) if here == 1 + at(1, 0) => (label, None),
            (Some(_), None) => (label, None),
            _ => (None, digit),
        };
        (i, j) = (i + usize::from(pair.0.is_some()), j + usize::from(pair.1.is_some()));
        pairs.push(pair);
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_mistake_is_counted_as_such() {
        for (labels, read, [insertions, deletions, substitutions]) in [
            ("1234", "1234", [0, 0, 0]),
            ("1234", "1284", [0, 0, 1]),
            ("1234", "134", [0, 1, 0]),
            ("1234", "12234", [1, 0, 0]),
            ("1234", "2345", [1, 1, 0]),
            ("", "77", [2, 0, 0]),
            ("77", "", [0, 2, 0]),
            ("", "", [0, 0, 0]),
            ("12", "34", [0, 0, 2]),
            ("5512345", "512346", [0, 1, 1]),
        ] {
            let expected = Edits { insertions, deletions, substitutions };
            assert_eq!(Edits::between(labels.as_bytes(), read.as_bytes()), expected, "{labels} {read}");
        }
    }

    #[test]
    fn a_missing_digit_does_not_move_those_after_it() {
        let pairs = align(&[1, 2, 3, 4], &[1, 3, 7]);
        assert_eq!(pairs, [(Some(1), Some(1)), (Some(2), None), (Some(3), Some(3)), (Some(4), Some(7))]);
        assert_eq!(align(&[5], &[4, 5]), [(None, Some(4)), (Some(5), Some(5))]);
    }
}
