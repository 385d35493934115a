//! A file that is not whole yet: `NAME.part` beside the place where it will stand.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The beginning of a file, kept from one run to the next and locked against another one's writing.
pub(super) struct PartialFile {
    path: PathBuf,
    target: PathBuf,
    file: File,
    len: u64,
}

impl PartialFile {
    /// What an earlier run left of the file `target`, or an empty one.
    pub(super) fn open(target: PathBuf) -> Result<Self, Error> {
        let path = target.with_added_extension("part");
        let failed = |source| Error::Write { path: path.clone(), source };
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Error::Busy { path: path.clone() },
            TryLockError::Error(source) => failed(source),
        })?;
        let len = file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { path, target, file, len })
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes so far.
    pub(super) fn content(&mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let read = self.file.rewind().and_then(|()| self.file.read_to_end(&mut bytes));
        read.map(|_| bytes).map_err(|source| self.failed(source))
    }

    /// Throws away what there is.
    pub(super) fn clear(&mut self) -> Result<(), Error> {
        self.len = 0;
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(|source| self.failed(source))
    }

    /// Adds bytes at the end.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|source| self.failed(source))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Puts `bytes` in the place of what there is.
    pub(super) fn replace(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.clear()?;
        self.append(bytes)
    }

    /// Puts the whole file in its place, on the disk before under its name.
    pub(super) fn install(self) -> Result<(), Error> {
        self.file.sync_all().map_err(|source| self.failed(source))?;
        let Self { path, target, file, .. } = self;
        drop(file); // Windows renames no file that is locked.
        let renamed = fs::rename(&path, &target).and_then(|()| sync_folder(&target));
        renamed.map_err(|source| Error::Write { path: target, source })
    }

    /// Ends an attempt that failed: bytes are left for the next run if it can use them, an empty file is not.
    pub(super) fn end(self, can_be_resumed: bool) {
        let Self { path, file, len, .. } = self;
        drop(file);
        if len == 0 || !can_be_resumed {
            // Should it stay, then the next run opens it.
            fs::remove_file(path).ok();
        }
    }

    /// The disk's own error.
    fn failed(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }
}

/// Makes the new name survive a power cut, where folders can be synchronized.
fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
