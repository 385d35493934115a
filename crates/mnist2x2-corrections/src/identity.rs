//! Whether a path still leads to the file that was opened.

use std::path::Path;

/// Device and inode of the file that a path leads to; on other systems than Unix, which do not let an open store be moved,
/// nothing. A second handle of the file would tell too, but to close it would give away SQLite's locks.
pub(crate) type Identity = Option<(u64, u64)>;

/// The file that `path` leads to now.
#[cfg(unix)]
pub(crate) fn of(path: &Path) -> Identity {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// The file that `path` leads to now.
#[cfg(not(unix))]
pub(crate) fn of(_: &Path) -> Identity {
    None
}
