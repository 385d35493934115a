//! A folder for readers that want files.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::TempDir;

thread_local! {
    /// Of this thread alone, and gone with it.
    static FOLDER: TempDir = TempDir::new().expect("a temporary folder can be made");
}

/// Hands `read` a folder that holds files of these names and bytes, and others of earlier calls.
pub(crate) fn with_files<T>(files: &[(&str, &[u8])], read: impl FnOnce(&Path) -> T) -> T {
    FOLDER.with(|folder| {
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap_or(folder.path())).expect("a folder can be made in it");
            write(&path, bytes).expect("the temporary folder can be written to");
        }
        read(folder.path())
    })
}

/// Fills a file without emptying it first, after which some file systems write to the disk at once.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)
}
