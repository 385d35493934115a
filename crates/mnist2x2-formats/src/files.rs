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
        let mut file = partial(0o644).tempfile_in(folder)?;
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

    /// Writes these files, by their names in the folder `path`, whole or not at all.
    ///
    /// Where there is nothing at `path`, all of them are written to a temporary folder beside it, which then takes the name.
    /// Of a folder that is there, each file is replaced for itself, in this order, and others stay: the last one tells that
    /// all are there.
    ///
    /// # Errors
    /// As [`Disk::create_folder`] and [`Disk::write`]; of a new folder nothing is left then, unless only the last call failed.
    pub fn write_folder(&self, path: &Path, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        if path.exists() {
            return self.write_files(path, files);
        }
        let parent = folder_of(path);
        self.create_folder(parent)?;
        self.ask(Call::Create, path)?;
        let temporary = partial(0o755).tempdir_in(parent)?;
        self.write_files(temporary.path(), files)?;
        self.rename(temporary.path(), path)?;
        let _moved = temporary.keep();
        self.ask(Call::SyncFolder, path)?;
        sync_folder(parent)
    }

    /// Writes these files one after the other, with the folders that their names ask for.
    fn write_files(&self, folder: &Path, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        files.iter().try_for_each(|(name, bytes)| {
            let file = folder.join(name);
            self.create_folder(folder_of(&file))?;
            self.write(&file, bytes)
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

/// Makes temporary files and folders with the mode of the final ones: tempfile's own defaults would stay with them.
fn partial(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder.prefix(".").suffix(".partial");
    builder
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

    #[test]
    fn a_new_folder_appears_whole_or_not_at_all() {
        use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
        let files = [("inner/first", "1"), ("last", "2")].map(|(name, text)| (name.to_owned(), text.into()));
        let write = |fails: usize| {
            let (folder, calls) = (tempfile::tempdir().unwrap(), AtomicUsize::new(0));
            let disk = Disk::asking(move |_, _| {
                if calls.fetch_add(1, Relaxed) == fails { Err(io::Error::other("fails")) } else { Ok(()) }
            });
            let path = folder.path().join("new");
            (disk.write_folder(&path, &files).is_ok(), names_in(folder.path()), folder)
        };
        let mut fails = 0;
        let (mut is_done, mut names, mut folder) = write(fails);
        while !is_done {
            // Only what brings the new name to the disk may fail behind it.
            assert!(names.is_empty() || names_in(&folder.path().join("new")) == ["inner", "last"], "{fails}");
            fails += 1;
            (is_done, names, folder) = write(fails);
        }
        assert!(fails > 10 && names == ["new"], "{fails} calls, {names:?}");
        let path = folder.path().join("new");
        fs::write(path.join("other"), "kept").unwrap();
        let newer = [("last".to_owned(), b"3".to_vec())];
        Disk::default().write_folder(&path, &newer).unwrap();
        assert_eq!(names_in(&path), ["inner", "last", "other"]);
        assert_eq!(fs::read(path.join("inner/first")).unwrap(), b"1");
        assert_eq!(fs::read(path.join("last")).unwrap(), b"3");
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
