//! MNIST's four files: the table of them, and a split read from a folder.
//!
//! Any files of the same form are read (Fashion-MNIST, KMNIST, EMNIST's digits), so [`load`] does not ask for the
//! official content; it only refuses one official file in the place of another. [`Digests`] tell one set from another.

use std::path::{Path, PathBuf};

use crate::digits::{Digits, PIXELS};
use crate::error::Error;
use crate::gzip;
use crate::idx::{self, Kind};
use crate::sha256::sha256;

/// One of the four files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
        match self {
            Self::Train => [FILES[0], FILES[1]],
            Self::Test => [FILES[2], FILES[3]],
        }
    }
}

/// SHA-256 of the unpacked files of a split, in lower-case hexadecimal: what tells two sets of digits apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the file of images.
    pub images: String,
    /// Of the file of labels.
    pub labels: String,
}

impl Digests {
    /// Those of the files that hold `digits`, or would if there were any.
    pub fn of(digits: &Digits) -> Self {
        Self {
            images: file_sha256(Kind::Images, digits.pixels()),
            labels: file_sha256(Kind::Labels, digits.labels()),
        }
    }

    /// Whether these are the official files of `split`.
    pub fn are_official(&self, split: Split) -> bool {
        let [images, labels] = split.files();
        self.images == images.sha256 && self.labels == labels.sha256
    }
}

/// The digest of the file that holds `items`.
fn file_sha256(kind: Kind, items: &[u8]) -> String {
    sha256(&[&kind.header((items.len() / kind.item_len()) as u32), items])
}

/// Whether `dir` has all four files in some form, whatever their content.
pub fn is_present(dir: &Path) -> bool {
    FILES.iter().all(|file| gzip::find(dir, file.name).is_some())
}

/// The digits of `split` in the folder `dir`, from gzipped or unpacked files.
///
/// # Errors
/// [`Error::Missing`] if a file is not there, [`Error::Read`] if it cannot be read, [`Error::BadFile`] if its content
/// is not what its name says, or if there are not as many images as labels.
pub fn load(dir: &Path, split: Split) -> Result<Digits, Error> {
    let [images, labels] = split.files().map(|file| read(dir, &file));
    let ((images_path, pixels), (labels_path, labels)) = (images?, labels?);
    let (image_count, label_count) = (pixels.len() / PIXELS, labels.len());
    if image_count != label_count {
        let labels = labels_path.display();
        let problem = format!("it holds {image_count} images, but {labels} holds {label_count} labels");
        return Err(Error::BadFile { path: images_path, problem });
    }
    let bad_label = |error: Error| Error::BadFile { path: labels_path, problem: error.to_string() };
    Digits::new(pixels, labels).map_err(bad_label)
}

/// The path of `file` in `dir` and its items; refuses the content of another of the four.
fn read(dir: &Path, file: &MnistFile) -> Result<(PathBuf, Vec<u8>), Error> {
    let name = file.name;
    let path = gzip::find(dir, name).ok_or_else(|| Error::Missing { dir: dir.into(), name })?;
    let items = idx::read(&path, file.kind)?;
    // Their lengths all differ, so that a file in its place need not be digested here.
    let len = (file.kind.header_len() + items.len()) as u64;
    let other = if len == file.len { None } else { other_than(file, &file_sha256(file.kind, &items)) };
    match other {
        Some(other) => {
            let problem = format!("its content is that of {other}; two files were swapped");
            Err(Error::BadFile { path, problem })
        }
        None => Ok((path, items)),
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
