//! The IDX format of MNIST's files (Y. Le Cun, C. Cortes, C. Burges, *The MNIST database*, 1998): a magic number, the
//! dimensions as big-endian `u32`, then one byte for each pixel or label. Files that name writers have big-endian `i32`
//! instead of bytes.
//!
//! A header is a claim by whoever made the file. It is held against the length before anything is allocated or read
//! by it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::digits::SIDE;
use crate::error::Error;
use crate::gzip;

/// The longest file of images that is read, unpacked, in bytes: four times MNIST's, room for larger sets of the same form.
const MAX_LEN: u64 = 192 << 20;
/// The same of other files: what so many images can need.
const MAX_OTHER_LEN: u64 = 16 << 20;

/// The kinds of file that MNIST has, and the one that was made for it later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `idx3-ubyte`: count x 28 x 28 gray values.
    Images,
    /// `idx1-ubyte`: count labels.
    Labels,
    /// `idx2-int`: count x 8 numbers that tell where a digit comes from.
    Writers,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Images, Self::Labels, Self::Writers];

    /// The first four bytes of such a file: data type (8 is `u8`, 12 is `i32`) and the number of dimensions.
    pub const fn magic(self) -> u32 {
        (if self.number_len() == 4 { 0x0c00 } else { 0x0800 }) + 1 + self.item_shape().len() as u32
    }

    /// The header of a file of `count` items: the magic number and the dimensions.
    pub fn header(self, count: u32) -> Vec<u8> {
        let words = [self.magic(), count].into_iter().chain(self.item_shape().iter().copied());
        words.flat_map(u32::to_be_bytes).collect()
    }

    /// Bytes before the first item.
    pub(crate) const fn header_len(self) -> usize {
        8 + 4 * self.item_shape().len()
    }

    /// Bytes of one item.
    pub(crate) fn item_len(self) -> usize {
        self.item_shape().iter().product::<u32>() as usize * self.number_len()
    }

    /// Bytes of one number.
    const fn number_len(self) -> usize {
        if matches!(self, Self::Writers) { 4 } else { 1 }
    }

    /// Height and width of an image, numbers of a row about a writer; a label has no dimensions.
    const fn item_shape(self) -> &'static [u32] {
        match self {
            Self::Images => &[SIDE as u32; 2],
            Self::Labels => &[],
            Self::Writers => &[8],
        }
    }

    /// What people call it.
    const fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
            Self::Writers => "writers",
        }
    }
}

/// The items of the file at `path`, gzipped or not, exactly as many as its header announces: of images, count x 784
/// bytes, image by image, row by row; of writers, count x 32 bytes.
///
/// # Errors
/// [`Error::Read`] if it cannot be read, [`Error::BadFile`] if its gzip stream, header, image size or length is wrong.
pub fn read(path: &Path, kind: Kind) -> Result<Vec<u8>, Error> {
    let bad = |problem| Error::BadFile { path: path.into(), problem };
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            bad(format!("its gzip stream is damaged or cut off ({source})"))
        }
        _ => Error::Read { path: path.into(), source },
    };
    let file = File::open(path).map_err(failed)?;
    let packed_len = file.metadata().map_err(failed)?.len();
    let mut reader = gzip::unpack(file).map_err(failed)?;
    let (mut header, mut items) = (Vec::new(), Vec::new());
    reader.by_ref().take(kind.header_len() as u64).read_to_end(&mut header).map_err(failed)?;
    let items_len = count(kind, &header).map_err(bad)? * kind.item_len() as u64;
    let announced = format!("its header announces {} bytes", header.len() as u64 + items_len);
    if items_len > if kind == Kind::Images { MAX_LEN } else { MAX_OTHER_LEN } {
        return Err(bad(format!("{announced}, more than this program reads of one file")));
    }
    // Memory for what is announced, once and exactly, but no more than this file can hold.
    items.reserve_exact(items_len.min(packed_len.saturating_mul(gzip::MAX_EXPANSION)) as usize + 1);
    // One byte more than there should be: it shows a file that goes on, and at the end gzip's checksum is verified.
    reader.take(items_len + 1).read_to_end(&mut items).map_err(failed)?;
    match items.len() as u64 {
        found if found > items_len => Err(bad(format!("{announced}, but it has more"))),
        found if found < items_len => {
            Err(bad(format!("{announced}, but it has {}", header.len() + items.len())))
        }
        _ => Ok(items),
    }
}

/// The number of items by the header of a file, or what is wrong with the header.
fn count(kind: Kind, header: &[u8]) -> Result<u64, String> {
    let (words, _) = header.as_chunks::<4>();
    let word = |i: usize| {
        let too_few =
            || format!("its {} bytes are too few for the header of {}", header.len(), kind.header_len());
        words.get(i).map(|word| u32::from_be_bytes(*word)).ok_or_else(too_few)
    };
    check_magic(kind, word(0)?)?;
    let shape = kind.item_shape();
    let found = (0..shape.len()).map(|axis| word(2 + axis)).collect::<Result<Vec<_>, _>>()?;
    if found != shape {
        let (name, unit) = (kind.name(), if kind == Kind::Images { "pixels" } else { "numbers" });
        let sides = |shape: &[u32]| shape.iter().map(u32::to_string).collect::<Vec<_>>().join(" x ");
        let (found, needed) = (sides(&found), sides(shape));
        return Err(format!("its header says that {name} have {found} {unit}, but MNIST's have {needed}"));
    }
    word(1).map(u64::from)
}

/// Refuses other kinds and other formats.
fn check_magic(kind: Kind, found: u32) -> Result<(), String> {
    let (name, magic) = (kind.name(), kind.magic());
    match Kind::ALL.into_iter().find(|other| other.magic() == found) {
        Some(same) if same == kind => Ok(()),
        Some(other) => Err(format!("it holds {}, not {name}; two files were swapped", other.name())),
        None => Err(format!("it begins with {found:#010x}, but a file of {name} begins with {magic:#010x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::PIXELS;

    /// A file of the given header words and items.
    fn file(words: &[u32], items: &[u8]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).chain(items.iter().copied()).collect()
    }

    /// The items of a file with this content.
    fn items(kind: Kind, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&path, bytes).unwrap();
        read(&path, kind).map_err(|error| match error {
            Error::BadFile { problem, .. } => problem,
            other => panic!("{other}"),
        })
    }

    fn images(bytes: &[u8]) -> Result<Vec<u8>, String> {
        items(Kind::Images, bytes)
    }

    fn labels(bytes: &[u8]) -> Result<Vec<u8>, String> {
        items(Kind::Labels, bytes)
    }

    #[test]
    fn whole_files_give_their_items() {
        let pixels: Vec<u8> = (0..3 * PIXELS).map(|i| (i % 251) as u8).collect();
        assert_eq!(images(&file(&[0x803, 3, 28, 28], &pixels)).as_ref(), Ok(&pixels));
        assert_eq!(labels(&file(&[0x801, 4], &[7, 0, 9, 3])), Ok(vec![7, 0, 9, 3]));
        assert_eq!(labels(&file(&[0x801, 0], &[])), Ok(vec![]));
    }

    #[test]
    fn headers_are_those_of_the_files() {
        assert_eq!(Kind::Images.header(3), file(&[0x803, 3, 28, 28], &[]));
        assert_eq!(Kind::Labels.header(7), file(&[0x801, 7], &[]));
    }

    #[test]
    fn one_byte_less_or_more_is_refused() {
        let whole = file(&[0x803, 2, 28, 28], &[0; 2 * PIXELS]);
        let announces = |found: &str| Err(format!("its header announces 1584 bytes, but it has {found}"));
        assert_eq!(images(&whole[..whole.len() - 1]), announces("1583"));
        assert_eq!(images(&[&whole[..], &[0]].concat()), announces("more"));
        let problem = labels(&file(&[0x801, 2], &[1])).unwrap_err();
        assert_eq!(problem, "its header announces 10 bytes, but it has 9");
    }

    #[test]
    fn every_cut_through_a_header_is_refused() {
        let whole = file(&[0x803, 0, 28, 28], &[]);
        for found in 0..whole.len() {
            let problem = format!("its {found} bytes are too few for the header of 16");
            assert_eq!(images(&whole[..found]), Err(problem));
        }
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let cases = [
            (
                file(&[0x802, 1, 28, 28], &[0; PIXELS]),
                "begins with 0x00000802, but a file of images begins with 0x00000803",
            ),
            (file(&[0x803, 1, 27, 28], &[0; PIXELS]), "27 x 28 pixels"),
            (file(&[0x803, 1, u32::MAX, 28], &[]), "4294967295 x 28 pixels"),
            (
                file(&[0x803, u32::MAX, 28, 28], &[]),
                "announces 3367254359296 bytes, more than this program reads",
            ),
        ];
        for (bytes, expected) in cases {
            let problem = images(&bytes).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn swapped_kinds_are_told_apart() {
        let swapped = labels(&file(&[0x803, 1, 28, 28], &[0; PIXELS])).unwrap_err();
        assert_eq!(swapped, "it holds images, not labels; two files were swapped");
    }
}
