//! Data sets fetched into a folder.
//!
//! A file that is there and right is left alone, so a second run does nothing. An interrupted run leaves `NAME.part`
//! behind, which the next one continues. No file gets its name before it is whole and right.

mod http;
mod install;
mod lzw;
mod mirrors;
mod partial_file;
mod progress;
mod remote_file;
mod source;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use ureq::Proxy;

use self::install::{Origin, install};
use self::mirrors::Mirrors;
use self::progress::Observer;
use self::remote_file::{PENDIGITS, RemoteFile};
use crate::error::Error;
use crate::mnist::{FILES, WRITERS};

pub use self::progress::Progress;
pub use self::source::Source;

/// Addresses of folders that hold MNIST's four files gzipped, in the order in which they are tried.
pub const MIRRORS: [&str; 3] = [
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
];

/// Addresses of folders that hold the two files that name the writers of MNIST's digits, gzipped.
pub const WRITERS_MIRRORS: [&str; 1] = ["https://raw.githubusercontent.com/facebookresearch/qmnist/master/"];

/// Addresses of folders that hold both halves of the pen digits.
pub const PENDIGITS_MIRRORS: [&str; 2] = [
    "https://archive.ics.uci.edu/ml/machine-learning-databases/pendigits/",
    "http://archive.ics.uci.edu/ml/machine-learning-databases/pendigits/",
];

/// Longest times for a name, for a connection, in a pause of a transfer. A dead mirror costs 2 + 3 seconds, so three of
/// them 15.
const TIMEOUTS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(3), Duration::from_secs(20)];

/// Makes the folder `to` hold MNIST's four official files, gzipped.
///
/// # Errors
/// [`Error::Unreachable`] within 15 seconds if no mirror can be connected to. If one can, but none has the file, the
/// last one's [`Error::Status`], [`Error::Transfer`] or [`Error::WrongContent`]; [`Error::Missing`] if a source folder
/// lacks a file; [`Error::Write`] if the disk fails, [`Error::Busy`] if another download fills the same folder.
pub fn download(to: &Path, source: &Source, observer: Observer<'_>) -> Result<(), Error> {
    fill(to, &FILES.each_ref().map(RemoteFile::of_mnist), &MIRRORS, source, observer)
}

/// Makes the folder `to` hold the two files that name the writers of MNIST's digits, gzipped.
///
/// # Errors
/// As [`download()`].
pub fn download_writers(to: &Path, source: &Source, observer: Observer<'_>) -> Result<(), Error> {
    fill(to, &WRITERS.each_ref().map(RemoteFile::of_mnist), &WRITERS_MIRRORS, source, observer)
}

/// Makes the folder `to` hold both halves of the Pen-Based Recognition of Handwritten Digits, UCI's data set 81, unpacked.
///
/// # Errors
/// As [`download()`].
pub fn download_pendigits(to: &Path, source: &Source, observer: Observer<'_>) -> Result<(), Error> {
    fill(to, &PENDIGITS, &PENDIGITS_MIRRORS, source, observer)
}

/// Makes the folder `to` hold `files`, of which there are these known mirrors.
fn fill(
    to: &Path,
    files: &[RemoteFile],
    known: &[&str],
    source: &Source,
    observer: Observer<'_>,
) -> Result<(), Error> {
    // The proxy, if there is one, is what the environment says.
    let agent = http::agent(TIMEOUTS, Proxy::try_from_env());
    let mirrors = |urls: &[&str]| Origin::Mirrors(Mirrors::new(urls, agent));
    let mut origin = match source {
        Source::Mirrors => mirrors(known),
        Source::Url(url) => mirrors(&[url]),
        Source::Dir(dir) => Origin::Dir(dir),
    };
    install(files, to, &mut origin, observer)
}
