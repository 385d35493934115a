//! The files of the data sets: how mirrors have them, how one tells that they are right, and how they are kept.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::bufread::{GzDecoder, GzEncoder};

use super::lzw;
use crate::error::Error;
use crate::gzip;
use crate::mnist::MnistFile;
use crate::pendigits::{self, MAX_LEN};
use crate::sha256::sha256;

/// Bytes that a packed file may be longer than what it packs.
const SLACK: u64 = 1 << 16;

/// A file of a data set.
pub(super) struct RemoteFile {
    /// Its name when unpacked.
    pub(super) name: &'static str,
    /// What follows the name at mirrors, in the order in which it is tried.
    pub(super) endings: &'static [&'static str],
    /// Whether it is kept gzipped, or else unpacked.
    is_kept_gzipped: bool,
    /// The most bytes that it has when unpacked.
    max_len: u64,
    /// SHA-256 of the unpacked file. Where none is known, the file must make sense as pen strokes.
    sha256: Option<&'static str>,
}

/// The two halves of the pen digits: written by 30 people to learn from, and by 14 others to measure with.
pub(super) const PENDIGITS: [RemoteFile; 2] = [
    RemoteFile::of_pendigits("pendigits-orig.tra", Some(pendigits::TRAINING_SHA256)),
    RemoteFile::of_pendigits("pendigits-orig.tes", None),
];

impl RemoteFile {
    pub(super) fn of_mnist(file: &MnistFile) -> Self {
        let MnistFile { name, len, sha256, .. } = *file;
        Self { name, endings: &[".gz"], is_kept_gzipped: true, max_len: len, sha256: Some(sha256) }
    }

    pub(super) const fn of_pendigits(name: &'static str, sha256: Option<&'static str>) -> Self {
        Self { name, endings: &[".Z", ""], is_kept_gzipped: false, max_len: MAX_LEN, sha256 }
    }

    /// The most bytes that it has in any form.
    pub(super) fn limit(&self) -> u64 {
        self.max_len + SLACK
    }

    /// Whether a transfer may go on with what an earlier one left: only a digest tells that the parts belong together.
    pub(super) fn can_be_resumed(&self) -> bool {
        self.sha256.is_some()
    }

    /// Where it is kept in the folder `to`.
    pub(super) fn target(&self, to: &Path) -> PathBuf {
        to.join([self.name, if self.is_kept_gzipped { ".gz" } else { "" }].concat())
    }

    /// Whether the form of it that would be read from `to` is right.
    pub(super) fn is_right(&self, to: &Path) -> bool {
        let target = self.target(to);
        let path = if self.is_kept_gzipped { gzip::find(to, self.name) } else { Some(target) };
        let bytes = path.and_then(|path| self.read(&path).ok());
        bytes.is_some_and(|bytes| self.check(&bytes).is_ok())
    }

    /// Its path and its bytes in the folder `dir`, packed or not.
    pub(super) fn read_from(&self, dir: &Path) -> Result<(PathBuf, Vec<u8>), Error> {
        let compressed = || Some(dir.join(format!("{}.Z", self.name))).filter(|path| path.is_file());
        let path = gzip::find(dir, self.name).or_else(compressed);
        let path = path.ok_or_else(|| Error::Missing { dir: dir.into(), name: self.name })?;
        match self.read(&path) {
            Ok(bytes) => Ok((path, bytes)),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// The first bytes of a file, one more than there should be.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(self.limit() + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The bytes that are kept of the right file in whatever form; otherwise how one can tell that it is another.
    pub(super) fn check<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
        let content = self.unpack(bytes).map_err(|error| format!("it cannot be unpacked ({error})"));
        match content.and_then(|content| self.check_content(&content).map(|()| content)) {
            Err(_) if bytes.starts_with(b"<") => Err("it is a web page".into()),
            Ok(_) if self.is_kept_gzipped && gzip::is_gzip(bytes) => Ok(bytes.into()),
            Ok(content) if self.is_kept_gzipped => Ok(pack(&content).into()),
            content => content,
        }
    }

    /// The content of a file in whatever form, no more than one byte more than there should be.
    fn unpack<'a>(&self, bytes: &'a [u8]) -> io::Result<Cow<'a, [u8]>> {
        if gzip::is_gzip(bytes) {
            let mut content = Vec::new();
            GzDecoder::new(bytes).take(self.max_len + 1).read_to_end(&mut content)?;
            Ok(content.into())
        } else if lzw::is_compressed(bytes) {
            lzw::decode(bytes, self.max_len as usize).map(Cow::from).map_err(io::Error::other)
        } else {
            Ok(bytes.into())
        }
    }

    fn check_content(&self, content: &[u8]) -> Result<(), String> {
        let found = sha256(&[content]);
        match self.sha256 {
            Some(right) if right == found => Ok(()),
            Some(right) => Err(format!("its SHA-256 is {found} and not {right}")),
            None => {
                let digits = pendigits::parse(content);
                digits.map(drop).map_err(|(line, problem)| format!("line {line}: {problem}"))
            }
        }
    }
}

fn pack(content: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let read = GzEncoder::new(content, Compression::default()).read_to_end(&mut packed);
    read.expect("memory can be read");
    packed
}
