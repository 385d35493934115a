//! Digits to token ids and back.
//!
//! The vocabulary is that of the published model: the digits are their own ids 0-9, then [`START`], [`FINISH`] and
//! [`PAD`]. A grid of digits `a b c d` becomes a teacher-forcing pair (Williams and Zipser, 1989):
//!
//! | position | 0 | 1 | 2 | 3 | 4 |
//! |---|---|---|---|---|---|
//! | decoder input  | `<start>` | a | b | c | d |
//! | target         | a | b | c | d | `<finish>` |
//!
//! Shorter sequences of a batch are filled up with [`PAD`], which the loss leaves out.
//!
//! ```
//! use mnist2x2_tokenizer::{FINISH, START, decode, teacher_forcing};
//!
//! let (input, target) = teacher_forcing(&[5, 5, 3, 5])?;
//! assert_eq!(input, [START, 5, 5, 3, 5]);
//! assert_eq!(target, [5, 5, 3, 5, FINISH]);
//! assert_eq!(decode(&target), [Some(5), Some(5), Some(3), Some(5)]);
//! # Ok::<(), mnist2x2_tokenizer::Error>(())
//! ```
#![forbid(unsafe_code)]

/// Number of token ids a model of this vocabulary gives logits for.
pub const VOCABULARY: usize = 13;
/// `<start>`: the first token that the decoder reads.
pub const START: u32 = 10;
/// `<finish>`: the token after the last digit.
pub const FINISH: u32 = 11;
/// `<pad>`: fills sequences up to a common length; part of the published vocabulary.
pub const PAD: u32 = 12;

/// What can be wrong with digits handed to this crate.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A value above 9.
    #[error("{value} at position {position} is not a digit: digits are 0 to 9")]
    NotADigit {
        /// The value found.
        value: u8,
        /// Where in the sequence, from 0.
        position: usize,
    },
}

/// The decoder's input and target for a sequence of digits, each one token longer than `digits`.
///
/// # Errors
/// [`Error::NotADigit`] if a value is above 9.
pub fn teacher_forcing(digits: &[u8]) -> Result<(Vec<u32>, Vec<u32>), Error> {
    let tokens = encode(digits)?;
    let input = [&[START], tokens.as_slice()].concat();
    let target = [tokens.as_slice(), &[FINISH]].concat();
    Ok((input, target))
}

/// As [`teacher_forcing`], both filled up with [`PAD`] to `tokens` tokens; longer ones stay as long as they are.
///
/// # Errors
/// [`Error::NotADigit`] if a value is above 9.
pub fn padded_teacher_forcing(digits: &[u8], tokens: usize) -> Result<(Vec<u32>, Vec<u32>), Error> {
    let (mut input, mut target) = teacher_forcing(digits)?;
    for sequence in [&mut input, &mut target] {
        sequence.resize(tokens.max(sequence.len()), PAD);
    }
    Ok((input, target))
}

/// The token ids of `digits`.
///
/// # Errors
/// [`Error::NotADigit`] if a value is above 9.
pub fn encode(digits: &[u8]) -> Result<Vec<u32>, Error> {
    let check = |(position, &value): (usize, &u8)| match value {
        0..=9 => Ok(u32::from(value)),
        _ => Err(Error::NotADigit { value, position }),
    };
    digits.iter().enumerate().map(check).collect()
}

/// What a sequence of token ids says: the digits before the first [`FINISH`], and `None` for any token that is no digit.
///
/// Never fails: a model may emit any token.
pub fn decode(tokens: &[u32]) -> Vec<Option<u8>> {
    tokens.iter().take_while(|&&token| token != FINISH).map(|&token| digit(token)).collect()
}

/// The digit that a token stands for, if it does.
pub fn digit(token: u32) -> Option<u8> {
    u8::try_from(token).ok().filter(|&digit| digit <= 9)
}

/// The name of a token as people read it: `7`, `<start>`; `<13>` for an id outside the vocabulary.
pub fn name(token: u32) -> String {
    match token {
        0..=9 => token.to_string(),
        START => "<start>".into(),
        FINISH => "<finish>".into(),
        PAD => "<pad>".into(),
        _ => format!("<{token}>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_survive_the_round_trip_at_any_length() {
        for digits in [vec![], vec![0], vec![9, 0, 4], (0..=9).collect::<Vec<u8>>()] {
            let (input, target) = teacher_forcing(&digits).unwrap();
            assert_eq!(input.len(), digits.len() + 1);
            assert_eq!(input[1..], target[..digits.len()], "the input is the target, one step later");
            assert_eq!(decode(&target), digits.iter().copied().map(Some).collect::<Vec<_>>());
        }
    }

    #[test]
    fn shorter_sequences_are_padded_after_their_finish() {
        let (input, target) = padded_teacher_forcing(&[4, 2], 5).unwrap();
        assert_eq!((input, target), (vec![START, 4, 2, PAD, PAD], vec![4, 2, FINISH, PAD, PAD]));
        assert_eq!(padded_teacher_forcing(&[4, 2], 0).unwrap(), teacher_forcing(&[4, 2]).unwrap());
        assert_eq!(padded_teacher_forcing(&[], 2).unwrap(), (vec![START, PAD], vec![FINISH, PAD]));
    }

    #[test]
    fn what_is_no_digit_is_refused_with_its_place() {
        assert_eq!(teacher_forcing(&[1, 2, 10]), Err(Error::NotADigit { value: 10, position: 2 }));
    }

    #[test]
    fn decoding_stops_at_finish_and_marks_what_is_no_digit() {
        assert_eq!(decode(&[3, START, PAD, 99, 4, FINISH, 5]), [Some(3), None, None, None, Some(4)]);
        assert_eq!(decode(&[FINISH]), []);
    }

    #[test]
    fn every_id_of_the_vocabulary_has_its_own_name() {
        let mut names: Vec<String> = (0..VOCABULARY as u32).map(name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), VOCABULARY);
        assert_eq!((name(START).as_str(), name(77).as_str()), ("<start>", "<77>"));
    }
}
