//! A file that is not whole yet: `NAME.gz.part` beside the place where it will stand.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::mnist::MnistFile;
use crate::{Error, packed};

/// Bytes that a gzip file may be longer than what it packs.
const SLACK: u64 = 1 << 16;

/// The beginning of a file, kept from one run to the next and locked against another one's writing.
pub(super) struct Part<'a> {
    of: &'a MnistFile,
    path: PathBuf,
    target: PathBuf,
    file: File,
    len: u64,
}

impl<'a> Part<'a> {
    /// What an earlier run left of file `of` in folder `to`, or an empty part.
    pub(super) fn open(to: &Path, of: &'a MnistFile) -> Result<Self, Error> {
        let target = to.join(format!("{}.gz", of.name));
        let path = target.with_added_extension("part");
        let failed = |source| Error::Write { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Error::Busy { path: path.clone() },
            TryLockError::Error(source) => failed(source),
        })?;
        let len = file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { of, path, target, file, len })
    }

    /// The file that this will be.
    pub(super) fn of(&self) -> &'a MnistFile {
        self.of
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The most bytes that the whole file can have.
    pub(super) fn limit(&self) -> u64 {
        self.of.len + SLACK
    }

    /// Throws away what there is.
    pub(super) fn clear(&mut self) -> Result<(), Error> {
        let cleared = self.file.set_len(0).and_then(|()| self.file.rewind());
        self.len = 0;
        cleared.map_err(|source| self.failed(source))
    }

    /// Adds bytes at the end.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.write_all(bytes).map_err(|source| self.failed(source))
    }

    /// How one can tell that the content is not the official file's; `None` if it is.
    pub(super) fn fault(&mut self) -> Result<Option<String>, Error> {
        let start = self.start().map_err(|source| self.failed(source))?;
        let digest = self.digest();
        self.file.seek(SeekFrom::End(0)).map_err(|source| self.failed(source))?;
        Ok(match digest {
            Ok(digest) if digest == self.of.sha256 => None,
            _ if start.first() == Some(&b'<') => Some("it is a web page".into()),
            Ok(digest) => Some(format!("its SHA-256 is {digest} and not {}", self.of.sha256)),
            Err(error) => Some(format!("it cannot be unpacked ({error})")),
        })
    }

    /// The first bytes.
    fn start(&mut self) -> io::Result<Vec<u8>> {
        let mut start = Vec::new();
        self.file.rewind()?;
        (&self.file).take(16).read_to_end(&mut start)?;
        Ok(start)
    }

    /// The digest of the unpacked content.
    fn digest(&mut self) -> io::Result<String> {
        self.file.rewind()?;
        packed::sha256_of(self.file.try_clone()?, self.limit())
    }

    /// Puts the whole file in its place, on the disk before under its name.
    pub(super) fn install(self) -> Result<(), Error> {
        self.file.sync_all().map_err(|source| self.failed(source))?;
        let Self { path, target, file, .. } = self;
        drop(file); // Windows renames no file that is locked.
        fs::rename(&path, &target).map_err(|source| Error::Write { path: target.clone(), source })?;
        sync_folder(&target).map_err(|source| Error::Write { path: target, source })
    }

    /// Ends an attempt that failed: bytes are kept for the next run, an empty file is not.
    pub(super) fn set_aside(self) {
        let Self { path, file, len, .. } = self;
        drop(file);
        if len == 0 {
            // Should it stay, then only as an empty file that the next run opens.
            fs::remove_file(path).ok();
        }
    }

    /// The disk's own error.
    pub(super) fn failed(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }
}

impl Write for Part<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes the new name survive a power cut, where folders can be synchronised.
pub(super) fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
