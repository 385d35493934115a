//! Files that TensorBoard reads.

mod message;
mod record;

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use mnist2x2_formats::files::Disk;

use self::message::{event, file_version, scalar, start};
use crate::Error;

/// A file of scalars over steps, which TensorBoard shows as curves while it grows.
///
/// A folder is one run to TensorBoard, and holds a file for each time that the run was started or resumed. Each value
/// is handed to the operating system at once, so an interruption loses none.
#[derive(Debug)]
pub struct EventFile {
    file: File,
    path: PathBuf,
    disk: Disk,
}

impl EventFile {
    /// Begins a new file in `folder`, which is made if need be, for a run whose next step is `step`.
    ///
    /// What earlier files of the folder say about that step and later ones is void: TensorBoard drops it, as a run
    /// drops it that goes on from a checkpoint. A new run begins at step 0. `now` orders the files of a folder.
    ///
    /// # Errors
    /// [`Error::Write`] if the folder or the file cannot be written.
    pub fn create(folder: &Path, now: SystemTime, step: u64) -> Result<Self, Error> {
        Self::create_on(Disk::default(), folder, now, step)
    }

    /// The same on a disk that may fail.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_on(disk: Disk, folder: &Path, now: SystemTime, step: u64) -> Result<Self, Error> {
        let failed = |source| Error::Write { path: folder.to_owned(), source };
        disk.create_folder(folder).map_err(failed)?;
        let (file, path) = new_file(&disk, folder, seconds(now) as u64).map_err(failed)?;
        let mut events = Self { file, path, disk };
        events.write(now, 0, &file_version())?;
        events.write(now, step, &start())?;
        Ok(events)
    }

    /// Adds the value that `tag` has after `step` steps; a slash in `tag` groups curves, as in `validation/loss`.
    ///
    /// Values are kept in single precision: the format has no other.
    ///
    /// # Errors
    /// [`Error::Write`] if the file cannot be written.
    pub fn scalar(&mut self, now: SystemTime, step: u64, tag: &str, value: f64) -> Result<(), Error> {
        self.write(now, step, &scalar(tag, value as f32))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&mut self, now: SystemTime, step: u64, what: &[u8]) -> Result<(), Error> {
        let record = record::framed(&event(seconds(now), step, what));
        let written = self.disk.add(&mut self.file, &self.path, &record);
        written.map_err(|source| Error::Write { path: self.path.clone(), source })
    }
}

/// Seconds since 1970, as events and their files count time.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Opens a file that is not there yet. TensorBoard reads the files of a folder in the order of their names, so the
/// time comes first; a number tells files of the same second apart.
fn new_file(disk: &Disk, folder: &Path, seconds: u64) -> io::Result<(File, PathBuf)> {
    let mut attempt = 0;
    loop {
        let path = folder.join(format!("events.out.tfevents.{seconds:010}.mnist2x2.{attempt:04}"));
        match disk.create_new(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => attempt += 1,
            result => return Ok((result?, path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn at(milliseconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(milliseconds)
    }

    /// The file of known bytes was written by TensorBoard 2.21 itself, with its own `RecordWriter` and messages.
    #[test]
    fn a_file_is_what_tensorboard_writes() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(&folder.path().join("run"), at(1_700_000_000_500), 0).unwrap();
        events.scalar(at(1_700_000_001_000), 938, "loss", 0.25).unwrap();
        events.scalar(at(1_700_000_002_000), 938, "validation/digits", 0.984).unwrap();
        assert!(events.path().ends_with("run/events.out.tfevents.1700000000.mnist2x2.0000"));
        let bytes = fs::read(events.path()).unwrap();
        assert_eq!(bytes, include_bytes!("events/known.tfevents"));
    }

    #[test]
    fn a_resumed_run_begins_a_file_that_comes_after() {
        let folder = tempfile::tempdir().unwrap();
        let create = |milliseconds| {
            let events = EventFile::create(folder.path(), at(milliseconds), 7).unwrap();
            events.path().to_owned()
        };
        let files = [1_000, 1_999, 2_000, 10_000].map(create);
        assert!(files.is_sorted_by(|a, b| a < b), "{files:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn each_call_that_fails_is_an_error() {
        let write = |disk| {
            let folder = tempfile::tempdir().unwrap();
            EventFile::create_on(disk, &folder.path().join("run"), at(0), 0)?.scalar(at(0), 1, "loss", 0.5)
        };
        write(Disk::default()).unwrap();
        // The folder, its name, the file, and three records.
        for fails in 0..6 {
            let calls = AtomicUsize::new(0);
            let disk = Disk::asking(move |_, _| match calls.fetch_add(1, Ordering::Relaxed) {
                call if call == fails => Err(ErrorKind::StorageFull.into()),
                _ => Ok(()),
            });
            let error = write(disk).unwrap_err().to_string();
            assert!(error.contains("run"), "{fails}: {error}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("occupied");
        fs::write(&occupied, "").unwrap();
        let error = EventFile::create(&occupied, at(0), 0).unwrap_err();
        assert!(error.to_string().contains("occupied"), "{error}");
    }
}
