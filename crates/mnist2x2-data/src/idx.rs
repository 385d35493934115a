//! The IDX format of MNIST's files (Y. Le Cun, C. Cortes, C. Burges, *The MNIST database*, 1998): a magic number, the
//! dimensions as big-endian `u32`, then one byte for each pixel or label.
//!
//! A header is a claim by whoever made the file. It is held against the length before anything is allocated or read
//! by it.

use crate::digits::{PIXELS, SIDE};

/// The two kinds of file that MNIST has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `idx3-ubyte`: count x 28 x 28 grey values.
    Images,
    /// `idx1-ubyte`: count labels.
    Labels,
}

impl Kind {
    /// The first four bytes of such a file: data type 8 (`u8`) and the number of dimensions.
    pub const fn magic(self) -> u32 {
        match self {
            Self::Images => 0x0000_0803,
            Self::Labels => 0x0000_0801,
        }
    }

    /// Bytes before the first item: the magic number and the dimensions.
    pub const fn header_len(self) -> usize {
        match self {
            Self::Images => 16,
            Self::Labels => 8,
        }
    }

    /// Bytes of one item.
    const fn item_len(self) -> u64 {
        match self {
            Self::Images => PIXELS as u64,
            Self::Labels => 1,
        }
    }

    /// What people call it.
    const fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
        }
    }
}

/// What is wrong with the content of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Not even a header.
    #[error("its {found} bytes are too few for the header of {needed}")]
    Header {
        /// Bytes there are.
        found: usize,
        /// Bytes a header has.
        needed: usize,
    },
    /// Another format.
    #[error("it begins with {found:#010x}, but a file of {} begins with {:#010x}", kind.name(), kind.magic())]
    Magic {
        /// The first four bytes.
        found: u32,
        /// What was expected.
        kind: Kind,
    },
    /// Labels in place of images or the reverse.
    #[error("it holds {}, not {}; two files were swapped", found.name(), expected.name())]
    Swapped {
        /// What it holds.
        found: Kind,
        /// What was expected.
        expected: Kind,
    },
    /// Images of another size.
    #[error("its header says that images have {rows} x {cols} pixels, but MNIST's have 28 x 28")]
    Side {
        /// Height.
        rows: u32,
        /// Width.
        cols: u32,
    },
    /// More than this crate reads.
    #[error("its header announces {declared} bytes, more than this program reads of one file")]
    TooLong {
        /// Bytes by the header, itself included.
        declared: u64,
    },
    /// Not as long as the header says.
    #[error("its header announces {declared} bytes, but it has {found}")]
    Length {
        /// Bytes by the header, itself included.
        declared: u64,
        /// Bytes there are.
        found: u64,
    },
    /// It goes on where the header says it ends.
    #[error("its header announces {declared} bytes, but it has more")]
    Longer {
        /// Bytes by the header, itself included.
        declared: u64,
    },
    /// A label above 9.
    #[error("label {index} is {value}, but digits are 0 to 9")]
    Label {
        /// Its place, from 0.
        index: usize,
        /// The label.
        value: u8,
    },
    /// The compression is damaged or cut off.
    #[error("its gzip stream is damaged or cut off ({0})")]
    Gzip(String),
    /// The content of another of the four official files.
    #[error("its content is that of {0}; two files were swapped")]
    Other(&'static str),
}

/// The pixels of a whole file of images: count x 784 bytes, image by image, row by row.
///
/// # Errors
/// A [`Fault`] if the header, the image size or the length is wrong.
pub fn images(bytes: &[u8]) -> Result<&[u8], Fault> {
    payload(Kind::Images, bytes)
}

/// The labels of a whole file of labels, each 0 to 9.
///
/// # Errors
/// A [`Fault`] if the header, the length or a label is wrong.
pub fn labels(bytes: &[u8]) -> Result<&[u8], Fault> {
    let labels = payload(Kind::Labels, bytes)?;
    match labels.iter().position(|&label| label > 9) {
        Some(index) => Err(Fault::Label { index, value: labels[index] }),
        None => Ok(labels),
    }
}

/// The bytes that a file has, itself included, by the header at the front of `bytes`.
///
/// # Errors
/// A [`Fault`] if this is no header of that kind.
pub fn declared_len(kind: Kind, bytes: &[u8]) -> Result<u64, Fault> {
    let too_short = Fault::Header { found: bytes.len(), needed: kind.header_len() };
    let (words, _) = bytes.as_chunks::<4>();
    let word = |i: usize| words.get(i).map(|word| u32::from_be_bytes(*word)).ok_or(too_short.clone());
    check_magic(kind, word(0)?)?;
    if kind == Kind::Images {
        check_side(word(2)?, word(3)?)?;
    }
    let count = word(1)?;
    u64::from(count)
        .checked_mul(kind.item_len())
        .and_then(|items| items.checked_add(kind.header_len() as u64))
        .ok_or(Fault::TooLong { declared: u64::MAX })
}

/// Refuses other kinds and other formats.
fn check_magic(kind: Kind, found: u32) -> Result<(), Fault> {
    match [Kind::Images, Kind::Labels].into_iter().find(|other| other.magic() == found) {
        Some(same) if same == kind => Ok(()),
        Some(other) => Err(Fault::Swapped { found: other, expected: kind }),
        None => Err(Fault::Magic { found, kind }),
    }
}

/// Refuses images that are not 28 x 28.
fn check_side(rows: u32, cols: u32) -> Result<(), Fault> {
    if (rows, cols) == (SIDE as u32, SIDE as u32) { Ok(()) } else { Err(Fault::Side { rows, cols }) }
}

/// What follows the header, if it is exactly as long as announced.
fn payload(kind: Kind, bytes: &[u8]) -> Result<&[u8], Fault> {
    let (declared, found) = (declared_len(kind, bytes)?, bytes.len() as u64);
    if declared != found {
        return Err(Fault::Length { declared, found });
    }
    Ok(&bytes[kind.header_len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of the given header words and items.
    fn file(words: &[u32], items: &[u8]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).chain(items.iter().copied()).collect()
    }

    #[test]
    fn whole_files_give_their_items() {
        let pixels: Vec<u8> = (0..3 * PIXELS).map(|i| (i % 251) as u8).collect();
        assert_eq!(images(&file(&[0x803, 3, 28, 28], &pixels)), Ok(pixels.as_slice()));
        assert_eq!(labels(&file(&[0x801, 4], &[7, 0, 9, 3])), Ok([7, 0, 9, 3].as_slice()));
        assert_eq!(labels(&file(&[0x801, 0], &[])), Ok([].as_slice()));
    }

    #[test]
    fn one_byte_less_or_more_is_refused() {
        let whole = file(&[0x803, 2, 28, 28], &[0; 2 * PIXELS]);
        let length = |found| Err(Fault::Length { declared: whole.len() as u64, found });
        assert_eq!(images(&whole[..whole.len() - 1]), length(whole.len() as u64 - 1));
        assert_eq!(images(&[&whole[..], &[0]].concat()), length(whole.len() as u64 + 1));
        assert_eq!(labels(&file(&[0x801, 2], &[1])), Err(Fault::Length { declared: 10, found: 9 }));
    }

    #[test]
    fn every_cut_through_a_header_is_refused() {
        let whole = file(&[0x803, 0, 28, 28], &[]);
        for found in 0..whole.len() {
            assert_eq!(images(&whole[..found]), Err(Fault::Header { found, needed: 16 }));
        }
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let cases = [
            (file(&[0x802, 1, 28, 28], &[0; PIXELS]), Fault::Magic { found: 0x802, kind: Kind::Images }),
            (file(&[0x803, 1, 27, 28], &[0; PIXELS]), Fault::Side { rows: 27, cols: 28 }),
            (file(&[0x803, 1, u32::MAX, 28], &[]), Fault::Side { rows: u32::MAX, cols: 28 }),
            (
                file(&[0x803, u32::MAX, 28, 28], &[]),
                Fault::Length { declared: u64::from(u32::MAX) * 784 + 16, found: 16 },
            ),
        ];
        for (bytes, fault) in cases {
            assert_eq!(images(&bytes), Err(fault));
        }
    }

    #[test]
    fn swapped_kinds_and_labels_that_are_no_digits_are_told_apart() {
        let swapped = labels(&file(&[0x803, 1, 28, 28], &[0; PIXELS])).unwrap_err();
        assert_eq!(swapped, Fault::Swapped { found: Kind::Images, expected: Kind::Labels });
        assert_eq!(swapped.to_string(), "it holds images, not labels; two files were swapped");
        assert_eq!(labels(&file(&[0x801, 3], &[1, 9, 10])), Err(Fault::Label { index: 2, value: 10 }));
    }
}
