//! MNIST's files as people have them: in every form, and broken in every way. Each refusal names the file and the
//! next step.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use mnist2x2_data::mnist::{self, Digests, FILES, Split};
use mnist2x2_data::{Digits, PIXELS};
use tempfile::TempDir;

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

/// A file of the given header words and items.
fn idx(words: &[u32], items: &[u8]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).chain(items.iter().copied()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Five images that no compression shortens to nothing.
fn images() -> Vec<u8> {
    idx(&[0x803, 5, 28, 28], &pixels())
}

fn pixels() -> Vec<u8> {
    (0..5 * PIXELS as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn labels() -> Vec<u8> {
    idx(&[0x801, 5], &[3, 1, 4, 1, 9])
}

/// A folder with these two files.
fn folder(images: (&str, &[u8]), labels: (&str, &[u8])) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, bytes) in [images, labels] {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

/// Asserts that the training split is refused by one line that names `file`, says `what` and tells the next step.
#[track_caller]
fn assert_refused(dir: &Path, file: &str, what: &str) {
    let message = mnist::load(dir, Split::Train).unwrap_err().to_string();
    let step = format!("with `cargo xtask download-mnist --to {}`", dir.display());
    for part in [file, what, &step] {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
    assert!(!message.contains('\n'));
}

#[test]
fn every_form_gives_the_same_digits() {
    let expected = Digits::new(pixels(), vec![3, 1, 4, 1, 9]).unwrap();
    let (images, labels) = (images(), labels());
    let forms = [
        folder((IMAGES, &images), (LABELS, &labels)),
        folder(("train-images-idx3-ubyte.gz", &gzip(&images)), (LABELS, &labels)),
        folder(("train-images.idx3-ubyte", &images), ("train-labels.idx1-ubyte.gz", &gzip(&labels))),
        folder(("train-images-idx3-ubyte.gz", &images), (LABELS, &gzip(&labels))),
    ];
    for dir in &forms {
        let digits = mnist::load(dir.path(), Split::Train).unwrap();
        assert_eq!(digits, expected);
        let digests = Digests::of(&digits);
        assert!(!digests.are_official(Split::Train) && !mnist::is_present(dir.path()));
    }
}

#[test]
fn missing_folders_and_files_are_named() {
    let dir = folder((IMAGES, &images()), ("other", &[]));
    assert_refused(dir.path(), LABELS, "packed or unpacked; fetch it");
    assert_refused(&dir.path().join("nowhere"), "nowhere has no train-images-idx3-ubyte", "fetch it");
}

#[test]
fn damaged_gzip_streams_are_refused() {
    let name = "train-images-idx3-ubyte.gz";
    let whole = gzip(&images());
    for cut in [11, whole.len() / 2, whole.len() - 1] {
        let dir = folder((name, &whole[..cut]), (LABELS, &labels()));
        assert_refused(dir.path(), name, "its gzip stream is damaged or cut off");
    }
    // One bit in the last third of the data, and one in the checksum.
    for place in [whole.len() * 2 / 3, whole.len() - 6] {
        let mut flipped = whole.clone();
        flipped[place] ^= 4;
        let dir = folder((name, &flipped), (LABELS, &labels()));
        assert_refused(dir.path(), name, "download it again");
    }
}

#[test]
fn wrong_lengths_and_headers_are_refused() {
    let whole = images();
    let huge = idx(&[0x803, u32::MAX, 28, 28], &[0; 99]);
    let cases: [(&[u8], &str); 7] = [
        (&whole[..whole.len() - 1], "announces 3936 bytes, but it has 3935"),
        (&[&whole[..], &[0]].concat(), "announces 3936 bytes, but it has more"),
        (&whole[..9], "9 bytes are too few"),
        (b"<!doctype html><title>404</title>", "begins with 0x3c21646f"),
        (&idx(&[0x803, 5, u32::MAX, 28], &pixels()), "4294967295 x 28 pixels"),
        (&huge, "more than this program reads"),
        (&gzip(&huge), "more than this program reads"),
    ];
    for (bytes, what) in cases {
        let dir = folder((IMAGES, bytes), (LABELS, &labels()));
        assert_refused(dir.path(), IMAGES, what);
    }
}

/// A gigabyte of zeros behind a good header is a megabyte of gzip; reading stops one byte after the announced end.
#[test]
fn a_gzip_bomb_is_not_unpacked() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    bomb.write_all(&images()).unwrap();
    let megabyte = vec![0; 1 << 20];
    (0..1_024).for_each(|_| bomb.write_all(&megabyte).unwrap());
    let dir = folder((IMAGES, &bomb.finish().unwrap()), (LABELS, &labels()));
    assert_refused(dir.path(), IMAGES, "announces 3936 bytes, but it has more");
}

#[test]
fn swapped_kinds_bad_labels_and_unequal_counts_are_refused() {
    let (images, labels) = (images(), labels());
    assert_refused(folder((IMAGES, &labels), (LABELS, &images)).path(), IMAGES, "holds labels, not images");
    assert_refused(folder((IMAGES, &images), (LABELS, &images)).path(), LABELS, "holds images, not labels");
    let letter = idx(&[0x801, 5], &[3, 1, 4, 11, 9]);
    assert_refused(folder((IMAGES, &images), (LABELS, &letter)).path(), LABELS, "label 3 is 11");
    let four = idx(&[0x801, 4], &[3, 1, 4, 1]);
    let dir = folder((IMAGES, &images), (LABELS, &four));
    assert_refused(dir.path(), LABELS, "train-images-idx3-ubyte: it holds 5 images, but");
    assert_refused(dir.path(), LABELS, "holds 4 labels");
}

#[test]
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn a_test_file_in_the_place_of_a_training_file_is_refused() {
    let Some(mnist) = std::env::var_os("MNIST_DIR") else {
        eprintln!("skipped: set MNIST_DIR to the folder with MNIST's four files");
        return;
    };
    let test = |i: usize| fs::read(Path::new(&mnist).join(format!("{}.gz", FILES[i].name))).unwrap();
    let dir = folder((IMAGES, &test(2)), (LABELS, &test(3)));
    assert_refused(
        dir.path(),
        IMAGES,
        "its content is that of t10k-images-idx3-ubyte; two files were swapped",
    );
}

/// A file that names the writer of each digit by its class.
fn writers(classes: &[u32], writer: impl Fn(u32) -> u32) -> Vec<u8> {
    let rows = (0..).zip(classes).flat_map(|(i, &class)| [class, 4, writer(i), i, class + 30, 7 * i, 0, 0]);
    let words: Vec<u32> = [0xc02, classes.len() as u32, 8].into_iter().chain(rows).collect();
    idx(&words, &[])
}

#[test]
fn writers_are_found_beside_the_digits() {
    let dir = folder((IMAGES, &images()), (LABELS, &labels()));
    let put = |bytes: &[u8]| fs::write(dir.path().join("qmnist-train-labels-idx2-int.gz"), bytes).unwrap();
    let load = || mnist::load(dir.path(), Split::Train);
    assert_eq!(load().unwrap().writers(), None);
    assert_eq!(Digests::of(&load().unwrap()).writers, None);
    put(&gzip(&writers(&[3, 1, 4, 1, 9, 2, 6], |i| 100 + i / 2)));
    let digits = load().unwrap();
    assert_eq!(
        digits.writers(),
        Some([100, 100, 101, 101, 102].as_slice()),
        "rows after the last digit are others'"
    );
    assert!(Digests::of(&digits).writers.is_some_and(|sha256| sha256.len() == 64));
    assert_eq!(digits.without_writers(), Digits::new(pixels(), vec![3, 1, 4, 1, 9]).unwrap());
    let refuse = |bytes: &[u8], what: &str| {
        put(bytes);
        let message = load().unwrap_err().to_string();
        let step = format!("with `cargo xtask download-mnist --writers --to {}`", dir.path().display());
        assert!(message.contains(what) && message.contains(&step), "{message}");
    };
    refuse(&writers(&[3, 1, 7, 1, 9], |i| i), "row 2 is of a 7, but digit 2 is a 4");
    refuse(&writers(&[3, 1, 4], |i| i), "it names 3 writers, but there are 5 digits");
    refuse(&labels(), "it holds labels, not writers; two files were swapped");
    refuse(&idx(&[0xc02, 1, 7], &[0; 28]), "writers have 7 numbers, but MNIST's have 8");
    refuse(&idx(&[0xc02, u32::MAX, 8], &[0; 32]), "more than this program reads of one file");
}

#[test]
fn all_of_mnist_has_writers_and_is_split_by_them() {
    let Some(dir) = std::env::var_os("MNIST_DIR") else {
        return eprintln!("skipped: MNIST_DIR does not name the folder with MNIST's files");
    };
    let [train, test] = [Split::Train, Split::Test].map(|split| mnist::load(dir.as_ref(), split).unwrap());
    let (Some(_), Some(writers)) = (train.writers(), test.writers()) else {
        return eprintln!("skipped: MNIST_DIR has no files that name writers");
    };
    let count = |writers: &[u32]| writers.iter().collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(count(writers), 297);
    let split = train.split_writers(12).unwrap();
    let parts = [split.training, split.validation, split.unseen];
    assert_eq!(parts.each_ref().map(Digits::len), [50_044, 4_984, 4_972]);
    assert_eq!(parts.map(|part| count(part.writers().unwrap())), [450, 45, 44]);
    assert!(
        Digests::of(&train).are_official(Split::Train) && train.oddity().is_none() && test.oddity().is_none()
    );
}
