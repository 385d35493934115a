//! The seam between a run and the disk: where a test makes a change fail.

use std::path::Path;
use std::sync::Arc;
use std::{fmt, fs, io};

use mnist2x2_model::files::write_atomically;

use crate::Error;

/// What is asked before each change.
type Check = dyn Fn(&Path) -> io::Result<()> + Send + Sync;

/// Is asked before each change of a file in a run's folder; what it refuses is taken for the disk's own error.
///
/// The default refuses nothing. Each change is whole or not at all, which [`write_atomically`] answers for.
#[derive(Clone)]
pub struct Disk(Arc<Check>);

impl Disk {
    /// Asks `check` before the file at a path is written, renamed or removed.
    pub fn new(check: impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(check))
    }

    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        self.check(path)?;
        write_atomically(path, bytes).map_err(Error::io(path))
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.check(from)?;
        fs::rename(from, to).map_err(Error::io(from))
    }

    pub(crate) fn remove(&self, path: &Path) -> Result<(), Error> {
        self.check(path)?;
        fs::remove_file(path).map_err(Error::io(path))
    }

    /// Asks about a change to the file at `path` that somebody else makes.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        (self.0)(path).map_err(Error::io(path))
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new(|_| Ok(()))
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}
