//! Writing files so that a reader sees the old bytes or the new ones, and never a part; and writing digests of them.

use std::io::{self, Write};
use std::path::Path;

/// Replaces `path` by a file that holds `bytes`, whole or not at all, even when the power fails half-way.
///
/// The bytes go to a temporary file in the same folder, reach the disk, and only then take the name; the folder is
/// written out last, so that the new name lasts too. The file is readable by all (mode 0644, less the umask), as an
/// ordinary new file is.
///
/// # Errors
/// If the folder is missing or not writable, the disk is full, or `path` is a folder: the temporary file is gone then,
/// and what stood at `path` is untouched.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = temporary_file(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder)
}

/// A digest as files and messages show it: lower-case hexadecimal.
pub fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Opens the temporary file with the mode of the final one: tempfile's own default, 0600, would stay with it.
fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    builder.prefix(".").suffix(".partial").tempfile_in(folder)
}

/// Writes the folder's own entry for the new name to disk; other systems than Unix offer no such call.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names_in(folder: &Path) -> Vec<String> {
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn the_new_bytes_replace_all_of_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        write_atomically(&path, b"long before").unwrap();
        write_atomically(&path, b"after").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        assert_eq!(names_in(folder.path()), ["weights"]);
    }

    #[test]
    fn a_failure_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("occupied");
        fs::create_dir(&occupied).unwrap();
        fs::write(occupied.join("kept"), "kept").unwrap();
        assert!(write_atomically(&occupied, b"bytes").is_err(), "a folder is not replaced");
        assert!(write_atomically(&folder.path().join("missing").join("file"), b"bytes").is_err());
        assert_eq!(names_in(folder.path()), ["occupied"], "and no temporary file stays");
        assert_eq!(names_in(&occupied), ["kept"]);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_the_file_unless_the_umask_forbids_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode_of =
            |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        fs::write(folder.path().join("ordinary"), "").unwrap();
        write_atomically(&folder.path().join("ours"), b"").unwrap();
        assert_eq!(mode_of("ours"), mode_of("ordinary") & 0o644);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_without_write_permission_is_an_error() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
        // The superuser may write anywhere, so there the law is empty.
        if tempfile::tempfile_in(folder.path()).is_ok() {
            return;
        }
        let error = write_atomically(&folder.path().join("file"), b"bytes").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }
}
