//! MNIST's four files, and the two that name the writers of its digits: the tables of them, and a split read from a folder.
//!
//! Any files of the same form are read, of any number of digits (Fashion-MNIST, KMNIST, one's own), so [`load`] does not
//! ask for the official content; it only refuses one official file in the place of another. [`Digests`] tell one set from
//! another. EMNIST's digits have names of their own ([`load_emnist`]).

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
    /// Images, labels or writers.
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

/// The two files that name the writers, of training and test digits (C. Yadav and L. Bottou, *Cold Case: The Lost MNIST
/// Digits*, 2019). The second goes on after MNIST's 10,000 test digits with those that MNIST lost.
pub const WRITERS: [MnistFile; 2] = [
    MnistFile {
        name: "qmnist-train-labels-idx2-int",
        kind: Kind::Writers,
        len: 1_920_012,
        sha256: "bb1b6e1ec7b04fd5696f1ed50b5f58f8ef195118edd5c93c81783df9740b8ac5",
    },
    MnistFile {
        name: "qmnist-test-labels-idx2-int",
        kind: Kind::Writers,
        len: 1_920_012,
        sha256: "92d0ccb8c25f9c6534270fb4be7e1d24a1c6d315edfc8a638bfbd31c70f362dd",
    },
];

/// The names of EMNIST's digits (G. Cohen and others, *EMNIST: an extension of MNIST to handwritten letters*, 2017): for
/// each of two sets and each split its images and its labels.
const EMNIST: [[[&str; 2]; 2]; 2] = [
    [
        ["emnist-digits-train-images-idx3-ubyte", "emnist-digits-train-labels-idx1-ubyte"],
        ["emnist-digits-test-images-idx3-ubyte", "emnist-digits-test-labels-idx1-ubyte"],
    ],
    [
        ["emnist-mnist-train-images-idx3-ubyte", "emnist-mnist-train-labels-idx1-ubyte"],
        ["emnist-mnist-test-images-idx3-ubyte", "emnist-mnist-test-labels-idx1-ubyte"],
    ],
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

    /// The file that names its writers.
    pub const fn writers(self) -> MnistFile {
        WRITERS[self as usize]
    }
}

/// SHA-256 of the unpacked files of a split, in lower-case hexadecimal: what tells two sets of digits apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the file of images.
    pub images: String,
    /// Of the file of labels.
    pub labels: String,
    /// Of the writers' numbers as little-endian 32-bit words, if the writers are known.
    pub writers: Option<String>,
}

impl Digests {
    /// Those of the files that hold `digits`, or would if there were any.
    pub fn of(digits: &Digits) -> Self {
        Self {
            images: file_sha256(Kind::Images, digits.pixels()),
            labels: file_sha256(Kind::Labels, digits.labels()),
            writers: digits.writers().map(|writers| {
                sha256(&[&writers.iter().flat_map(|writer| writer.to_le_bytes()).collect::<Vec<_>>()])
            }),
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

/// Whether `dir` has one of the four files at least, in some form.
pub fn is_begun(dir: &Path) -> bool {
    FILES.iter().any(|file| gzip::find(dir, file.name).is_some())
}

/// Whether `dir` has the two files of `split` in some form, whatever their content.
pub fn has(dir: &Path, split: Split) -> bool {
    split.files().iter().all(|file| gzip::find(dir, file.name).is_some())
}

/// The digits of `split` in the folder `dir`, from gzipped or unpacked files; with their writers, if the file that names
/// those is there too.
///
/// # Errors
/// [`Error::Missing`] if a file is not there, [`Error::Read`] if it cannot be read, [`Error::BadFile`] if its content
/// is not what its name says, or if there are not as many images as labels, or if the writers are those of other digits.
pub fn load(dir: &Path, split: Split) -> Result<Digits, Error> {
    let [images, labels] = split.files().map(|file| read(dir, &file));
    let digits = pair(images?, labels?)?;
    match gzip::find(dir, split.writers().name) {
        Some(path) => {
            let writers = writers(&path, &digits)?;
            digits.with_writers(writers)
        }
        None => Ok(digits),
    }
}

/// Whether `dir` has EMNIST's digits of `split`.
pub fn has_emnist(dir: &Path, split: Split) -> bool {
    emnist(dir, split).is_some()
}

/// EMNIST's digits of `split` in the folder `dir`, turned upright: its files have them with rows and columns swapped.
///
/// # Errors
/// As [`load`].
pub fn load_emnist(dir: &Path, split: Split) -> Result<Digits, Error> {
    let names = emnist(dir, split).unwrap_or(EMNIST[0][split as usize]);
    let [images, labels] = [Kind::Images, Kind::Labels].map(|kind| {
        let name = names[kind as usize];
        let path = gzip::find(dir, name).ok_or_else(|| Error::Missing { dir: dir.into(), name })?;
        let items = idx::read(&path, kind)?;
        Ok((path, items))
    });
    Ok(pair(images?, labels?)?.transposed())
}

/// The names of EMNIST's files of `split`, of the larger set that `dir` has.
fn emnist(dir: &Path, split: Split) -> Option<[&'static str; 2]> {
    let sets = EMNIST.map(|set| set[split as usize]).into_iter();
    sets.into_iter().find(|names| names.iter().all(|name| gzip::find(dir, name).is_some()))
}

/// The digits of a file of images and one of labels.
fn pair((images_path, pixels): Items, (labels_path, labels): Items) -> Result<Digits, Error> {
    let (image_count, label_count) = (pixels.len() / PIXELS, labels.len());
    if image_count != label_count {
        let labels = labels_path.display();
        let problem = format!("it holds {image_count} images, but {labels} holds {label_count} labels");
        return Err(Error::BadFile { path: images_path, problem });
    }
    let bad_label = |error: Error| Error::BadFile { path: labels_path, problem: error.to_string() };
    Digits::new(pixels, labels).map_err(bad_label)
}

/// The writers of `digits` by the file at `path`, whose rows may go on after them: for each digit its class, a part of
/// NIST's collection, its writer, and five numbers more.
fn writers(path: &Path, digits: &Digits) -> Result<Vec<u32>, Error> {
    let bad = |problem| Error::BadFile { path: path.into(), problem };
    let items = idx::read(path, Kind::Writers)?;
    let (numbers, _) = items.as_chunks::<4>();
    let (rows, _) = numbers.as_chunks::<8>();
    if rows.len() < digits.len() {
        return Err(bad(format!("it names {} writers, but there are {} digits", rows.len(), digits.len())));
    }
    let writer = |(i, [class, _, writer, ..]): (usize, &[[u8; 4]; 8])| {
        let [class, writer] = [class, writer].map(|number| u32::from_be_bytes(*number));
        if class == u32::from(digits.label(i)) {
            return Ok(writer);
        }
        let label = digits.label(i);
        Err(bad(format!(
            "row {i} is of a {class}, but digit {i} is a {label}; it names the writers of other digits"
        )))
    };
    rows.iter().take(digits.len()).enumerate().map(writer).collect()
}

/// A file's path, and the items in it.
type Items = (PathBuf, Vec<u8>);

/// The path of `file` in `dir` and its items; refuses the content of another of the four.
fn read(dir: &Path, file: &MnistFile) -> Result<Items, Error> {
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
        let (images, labels) = (test_images.sha256.into(), test_labels.sha256.into());
        let digests = Digests { images, labels, writers: None };
        assert!(digests.are_official(Split::Test) && !digests.are_official(Split::Train));
    }
}
