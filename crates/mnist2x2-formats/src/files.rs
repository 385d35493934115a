//! Writing files so that a reader sees the old bytes or the new ones, and never a part; and writing digests of them.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Replaces `path` by a file that holds `bytes`: [`Disk::write`] where nothing is asked.
///
/// # Errors
/// As [`Disk::write`].
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Disk::default().write(path, bytes)
}

/// A call to the operating system that changes a file or makes a change last.
#[derive(Debug)]
#[non_exhaustive]
pub enum Call<'a> {
    /// Creates a file, a temporary one beside the file it is to become, or a folder.
    Create,
    /// Writes so many bytes. Where the number is lowered, the system takes no more of them this time: a short write.
    Write(&'a mut usize),
    /// Brings a file's bytes to the disk.
    Sync,
    /// Gives a file its name, or another one.
    Rename,
    /// Brings the name to the disk.
    SyncFolder,
    /// Removes a file, or an empty folder.
    Remove,
}

/// What is asked before each call.
type Check = dyn Fn(Call<'_>, &Path) -> io::Result<()> + Send + Sync;

/// The way by which files are changed: the operating system's calls, before each of which a test may say that it fails.
#[derive(Clone, Default)]
pub struct Disk(Option<Arc<Check>>);

impl Disk {
    /// Asks `check` before each call, with the file that it is for; what it refuses is taken for the system's own error.
    pub fn asking(check: impl Fn(Call<'_>, &Path) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(check)))
    }

    /// Replaces `path` by a file that holds `bytes`, whole or not at all, even when the power fails half-way.
    ///
    /// The bytes go to a temporary file in the same folder, reach the disk, and only then take the name; the folder is
    /// written out last, so that the new name lasts too. The file is readable by all (mode 0644, less the umask), as an
    /// ordinary new file is. A link at `path` stays, and so does a device
    /// or pipe, which takes the bytes.
    ///
    /// # Errors
    /// If the folder is missing or not writable, the disk is full, or `path` is a folder: the temporary file is gone
    /// then, and what stood at `path` is untouched, or is the whole new file if only the last call failed.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if path.is_symlink()
            && let Ok(target) = path.canonicalize()
        {
            return self.write(&target, bytes);
        }
        if path.metadata().is_ok_and(|at| !at.is_file() && !at.is_dir()) {
            return self.add(&mut File::options().write(true).open(path)?, path, bytes);
        }
        let folder = folder_of(path);
        self.ask(Call::Create, path)?;
        let mut file = temporary_file(folder)?;
        self.add(&mut file, path, bytes)?;
        self.ask(Call::Sync, path)?;
        file.as_file().sync_all()?;
        self.ask(Call::Rename, path)?;
        file.persist(path)?;
        self.ask(Call::SyncFolder, path)?;
        sync_folder(folder)
    }

    /// Opens an empty file at `path`, emptying any that is there.
    ///
    /// # Errors
    /// As [`File::create`].
    pub fn create(&self, path: &Path) -> io::Result<File> {
        self.ask(Call::Create, path)?;
        File::create(path)
    }

    /// Opens an empty file at `path`, where there must be nothing.
    ///
    /// # Errors
    /// As [`File::create_new`].
    pub fn create_new(&self, path: &Path) -> io::Result<File> {
        self.ask(Call::Create, path)?;
        File::create_new(path)
    }

    /// Adds `bytes` to the open `file` at `path`, for files that only grow.
    ///
    /// # Errors
    /// As [`Write::write_all`].
    pub fn add(&self, file: &mut impl Write, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut len = rest.len();
            self.ask(Call::Write(&mut len), path)?;
            let (taken, left) = rest.split_at(len.clamp(1, rest.len()));
            file.write_all(taken)?;
            rest = left;
        }
        Ok(())
    }

    /// Makes the folder `path`, with those that it lies in, so that their names last.
    ///
    /// # Errors
    /// As [`fs::create_dir_all`], and if the folder around a new one cannot be written out: all are there then, but their
    /// names may not last.
    pub fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.ask(Call::Create, path)?;
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let new: Vec<_> = path.ancestors().take_while(missing).collect();
        fs::create_dir_all(path)?;
        new.into_iter().try_for_each(|folder| {
            self.ask(Call::SyncFolder, path)?;
            sync_folder(folder_of(folder))
        })
    }

    /// Renames a file.
    ///
    /// # Errors
    /// As [`fs::rename`].
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask(Call::Rename, from)?;
        fs::rename(from, to)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// As [`fs::remove_file`].
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        self.ask(Call::Remove, path)?;
        fs::remove_file(path)
    }

    /// Removes a folder that nothing is in.
    ///
    /// # Errors
    /// As [`fs::remove_dir`].
    pub fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.ask(Call::Remove, path)?;
        fs::remove_dir(path)
    }

    fn ask(&self, call: Call<'_>, path: &Path) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |check| check(call, path))
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}

/// The folder that `path` lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    #[cfg(unix)]
    fn links_and_devices_stay_and_take_the_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, device] = ["file", "link", "device"].map(|name| folder.path().join(name));
        fs::write(&file, "long before").unwrap();
        for (target, link) in [(&*file, &link), (Path::new("/dev/null"), &device)] {
            std::os::unix::fs::symlink(target, link).unwrap();
            write_atomically(link, b"after").unwrap();
            assert_eq!(fs::read_link(link).unwrap(), target);
        }
        assert_eq!(fs::read(&file).unwrap(), b"after");
        assert_eq!(names_in(folder.path()), ["device", "file", "link"]);
    }

    #[test]
    fn short_writes_go_on_until_all_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        let disk = Disk::asking(|call, _| {
            if let Call::Write(len) = call {
                *len = len.div_ceil(2);
            }
            Ok(())
        });
        disk.write(&path, b"one half after another").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one half after another");
    }

    #[test]
    fn the_names_of_new_folders_are_brought_to_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let (told, asked) = std::sync::mpsc::channel();
        let disk = Disk::asking(move |call, path| {
            if matches!(call, Call::SyncFolder) {
                told.send(path.to_path_buf()).unwrap();
            }
            Ok(())
        });
        let run = folder.path().join("runs/first");
        disk.create_folder(&run).unwrap();
        disk.create_folder(&run).unwrap();
        assert_eq!(asked.try_iter().collect::<Vec<_>>(), [run.clone(), run], "for each of the two, once");
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
