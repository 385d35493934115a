//! Whether a path still leads to the file that was opened.

use std::path::Path;

/// Which file a path leads to; on other systems than Unix, which do not let an open store be moved, nothing.
#[derive(Debug, PartialEq)]
pub(crate) struct Identity {
    #[cfg(unix)]
    device_and_inode: Option<(u64, u64)>,
}

impl Identity {
    /// The file that `path` leads to now.
    #[cfg(unix)]
    pub(crate) fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok();
        Self { device_and_inode: metadata.map(|metadata| (metadata.dev(), metadata.ino())) }
    }

    /// The file that `path` leads to now.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Path) -> Self {
        Self {}
    }
}
