//! MNIST's four files: the table of them, and a split read from a folder.
//!
//! Any files of the same form are read (Fashion-MNIST, KMNIST, EMNIST's digits), so [`load`] does not ask for the
//! official content; it only refuses one official file in the place of another. [`Digests`] tell what was read.

use std::path::{Path, PathBuf};

use crate::idx::{self, Fault, Kind};
use crate::{Digits, Error, packed};

/// One of the four files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MnistFile {
    /// Official name without `.gz`.
    pub name: &'static str,
    /// Images or labels.
    pub kind: Kind,
    /// Length when unpacked, in bytes.
    pub len: u64,
    /// SHA-256 of the unpacked file in lower-case hexadecimal; the gzipped form may be packed in any way.
    pub sha256: &'static str,
}

/// The four official files: training images and labels, test images and labels.
pub const FILES: [MnistFile; 4] = [
    MnistFile {
        name: "train-images-idx3-ubyte",
        kind: Kind::Images,
        len: 47_040_016,
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    },
    MnistFile {
        name: "train-labels-idx1-ubyte",
        kind: Kind::Labels,
        len: 60_008,
        sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    },
    MnistFile {
        name: "t10k-images-idx3-ubyte",
        kind: Kind::Images,
        len: 7_840_016,
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    },
    MnistFile {
        name: "t10k-labels-idx1-ubyte",
        kind: Kind::Labels,
        len: 10_008,
        sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
];

/// Which half of MNIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// 60,000 digits to learn from.
    Train,
    /// 10,000 digits by other writers, to measure with.
    Test,
}

impl Split {
    /// Its files: images, labels.
    pub const fn files(self) -> [MnistFile; 2] {
        let [train_images, train_labels, test_images, test_labels] = FILES;
        match self {
            Self::Train => [train_images, train_labels],
            Self::Test => [test_images, test_labels],
        }
    }
}

/// SHA-256 of the unpacked files that a split was read from, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the file of images.
    pub images: String,
    /// Of the file of labels.
    pub labels: String,
}

impl Digests {
    /// Those of the files that would hold `digits`: what tells two sets of digits apart, files or none.
    pub fn of(digits: &Digits) -> Self {
        let file = |kind: Kind, sides: &[u32], content: &[u8]| {
            let words = [&[kind.magic(), digits.len() as u32], sides].concat();
            let header = words.into_iter().flat_map(u32::to_be_bytes).collect::<Vec<u8>>();
            packed::sha256(&[header.as_slice(), content].concat())
        };
        let side = crate::SIDE as u32;
        Self {
            images: file(Kind::Images, &[side, side], digits.pixels()),
            labels: file(Kind::Labels, &[], digits.labels()),
        }
    }

    /// Whether these are the official files of `split`.
    pub fn are_official(&self, split: Split) -> bool {
        let [images, labels] = split.files();
        self.images == images.sha256 && self.labels == labels.sha256
    }
}

/// Whether `dir` has all four files in some form, whatever their content.
pub fn is_present(dir: &Path) -> bool {
    FILES.iter().all(|file| packed::find(dir, file.name).is_some())
}

/// The digits of `split` in the folder `dir`, from gzipped or unpacked files.
///
/// # Errors
/// [`Error::Missing`] if a file is not there, [`Error::Read`] if it cannot be read, [`Error::BadFile`] if its content
/// is not what its name says, [`Error::Counts`] if there are not as many images as labels.
pub fn load(dir: &Path, split: Split) -> Result<Digits, Error> {
    load_with_digests(dir, split).map(|(digits, _)| digits)
}

/// The same as [`load`], with the digests of what was read.
///
/// # Errors
/// As [`load`].
pub fn load_with_digests(dir: &Path, split: Split) -> Result<(Digits, Digests), Error> {
    let [images, labels] = split.files().map(|file| Content::read(dir, &file));
    let (mut images, mut labels) = (images?, labels?);
    idx::labels(&labels.bytes).map_err(|fault| Error::BadFile { path: labels.path.clone(), fault })?;
    // In place: a copy would need the memory twice.
    images.bytes.drain(..Kind::Images.header_len());
    labels.bytes.drain(..Kind::Labels.header_len());
    let (pixels, digits) = (images.bytes, labels.bytes);
    let image_count = pixels.len() / crate::PIXELS;
    if image_count != digits.len() {
        let label_count = digits.len();
        return Err(Error::Counts { images: images.path, image_count, labels: labels.path, label_count });
    }
    let digests = Digests { images: images.sha256, labels: labels.sha256 };
    Ok((Digits::new(pixels, digits)?, digests))
}

/// A file's unpacked bytes, whose header and length are right.
struct Content {
    path: PathBuf,
    bytes: Vec<u8>,
    sha256: String,
}

impl Content {
    /// Reads `file` from `dir` and makes sure that it is not one of the other three.
    fn read(dir: &Path, file: &MnistFile) -> Result<Self, Error> {
        let path = packed::find(dir, file.name)
            .ok_or_else(|| Error::Missing { dir: dir.into(), name: file.name })?;
        let bytes = packed::read(&path, file.kind)?;
        let sha256 = packed::sha256(&bytes);
        match other_than(file, &sha256) {
            Some(other) => Err(Error::BadFile { path, fault: Fault::Other(other) }),
            None => Ok(Self { path, bytes, sha256 }),
        }
    }
}

/// The official file that has this digest, if it is not `file` itself.
fn other_than(file: &MnistFile, sha256: &str) -> Option<&'static str> {
    FILES.iter().find(|other| other.sha256 == sha256 && other.name != file.name).map(|other| other.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn official_files_are_known_in_each_others_places() {
        let [train_images, _, test_images, test_labels] = FILES;
        assert_eq!(other_than(&train_images, train_images.sha256), None);
        assert_eq!(other_than(&train_images, test_images.sha256), Some("t10k-images-idx3-ubyte"));
        assert_eq!(other_than(&train_images, "no file's digest"), None);
        let digests = Digests { images: test_images.sha256.into(), labels: test_labels.sha256.into() };
        assert!(digests.are_official(Split::Test) && !digests.are_official(Split::Train));
    }
}
