//! A disk that refuses, at every single call in turn.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use mnist2x2_formats::files::{Call, Disk};
use mnist2x2_train::{Error, Outcome, Recipe, RunFolder};

use crate::support;
use crate::support::{EVERY, Results, open, policy, record, results, train, trainer};

/// What `cargo xtask stress` shows beside what was measured.
const PROMISE: &str =
    "promise: whichever call to the disk fails, the last good checkpoint loads and the end is the same | ";

/// How a disk fails.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// Once: a sector that cannot be read or written (EIO).
    Once,
    /// From then on: no space is left (ENOSPC). What is being written ends short.
    Full,
    /// From then on: it has become read-only, as file systems do after errors (EROFS).
    ReadOnly,
}

impl Failure {
    fn kind(self) -> ErrorKind {
        match self {
            Self::Once => ErrorKind::Other,
            Self::Full => ErrorKind::StorageFull,
            Self::ReadOnly => ErrorKind::ReadOnlyFilesystem,
        }
    }

    fn answer(self, n: usize, number: usize, call: Call<'_>) -> io::Result<()> {
        match (self, call) {
            _ if number < n => Ok(()),
            (Self::Once, _) if number > n => Ok(()),
            (Self::Full, Call::Write(len)) if number == n => {
                *len /= 2;
                Ok(())
            }
            // A full disk still gives up what is there.
            (Self::Full, Call::Remove | Call::Rename) => Ok(()),
            _ => Err(self.kind().into()),
        }
    }
}

/// The file of the first call that failed, and which call that was.
type Failed = Arc<Mutex<Option<(PathBuf, String)>>>;

/// A disk whose call number `n`, from 0, fails; and what failed.
fn failing(n: usize, failure: Failure) -> (Disk, Failed) {
    let (calls, failed) = (AtomicUsize::new(0), Failed::default());
    let noted = Arc::clone(&failed);
    let disk = Disk::asking(move |call, path| {
        let (number, name) = (calls.fetch_add(1, Ordering::Relaxed), format!("{call:?}"));
        failure.answer(n, number, call).inspect_err(|_| {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.get_or_insert_with(|| (path.into(), name));
        })
    });
    (disk, failed)
}

/// Six steps an epoch; all that [`support::recipe`] has.
fn recipe() -> Recipe {
    Recipe { epochs: 3, epoch_grids: 24, ..support::recipe() }
}

fn train_on(disk: &Disk, folder: &Path) -> Result<Outcome, Error> {
    let run = RunFolder::create_on(disk, folder, &record(recipe()))?.with_checkpoint_policy(policy(EVERY));
    train(&run, &mut trainer(recipe()), 2, &mut ())
}

fn results_on(disk: &Disk) -> Results {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(train_on(disk, folder.path()).unwrap(), Outcome::Finished);
    results(&RunFolder::open(folder.path()).unwrap().0)
}

/// The file that an error names, and what was wrong with it.
fn named(error: Error) -> (PathBuf, ErrorKind) {
    use mnist2x2_formats::Error as Formats;
    use mnist2x2_infer::Error as Infer;
    match error {
        Error::Io { path, source }
        | Error::Weights(Formats::Io { path, source })
        | Error::Infer(Infer::Write { path, source }) => (path, source.kind()),
        other => panic!("{other}"),
    }
}

/// Goes on with the run in `folder`, or begins it if nothing of it stayed, and gives what it leaves behind.
fn go_on(folder: &Path) -> Results {
    if !folder.join("run.toml").exists() {
        train_on(&Disk::default(), folder).unwrap();
        return results(&RunFolder::open(folder).unwrap().0);
    }
    let (run, mut resumed) = open(folder); // panics if the newest checkpoint is damaged
    train(&run, &mut resumed, 2, &mut ()).unwrap();
    results(&run)
}

/// The names in a run's folder and that of its checkpoints.
fn names(folder: &Path) -> Vec<String> {
    let folders = [folder.to_path_buf(), folder.join("checkpoints")];
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn has_litter(folder: &Path) -> bool {
    names(folder).iter().any(|name| name.ends_with(".partial"))
}

/// Lets each call of a run fail in turn; every time the error names the file, and the run goes on to the same end. Gives
/// the number of calls.
fn fails_everywhere(failure: Failure) -> usize {
    let expected = results_on(&Disk::default());
    for n in 0.. {
        let outer = tempfile::tempdir().unwrap();
        let folder = &outer.path().join("run");
        let (disk, failed) = failing(n, failure);
        let outcome = train_on(&disk, folder);
        let Some((path, call)) = failed.lock().unwrap().clone() else {
            assert_eq!(outcome.unwrap(), Outcome::Finished);
            assert!(n > 60, "{failure:?}: only {n} calls");
            return n;
        };
        let place = format!("{failure:?} of call {n}, {call} of {}", path.display());
        assert_eq!(named(outcome.unwrap_err()), (path.clone(), failure.kind()), "{place}");
        assert!(!has_litter(folder), "{place}");
        let is_named_already = path.ends_with("model.safetensors") && call == "SyncFolder";
        assert_eq!(RunFolder::is_finished(folder), is_named_already, "{place}");
        assert!(go_on(folder) == expected, "{place}");
    }
    unreachable!("a run has an end")
}

#[test]
fn whichever_call_fails_once_the_run_goes_on_from_the_last_good_checkpoint() {
    let calls = fails_everywhere(Failure::Once);
    println!("{PROMISE}EIO at each of {calls} calls in turn, the same end each time");
}

#[test]
fn whenever_the_disk_is_full_the_run_goes_on_from_the_last_good_checkpoint() {
    let calls = fails_everywhere(Failure::Full);
    println!("{PROMISE}no space from each of {calls} calls on, the same end each time");
}

#[test]
fn whenever_the_disk_becomes_read_only_the_run_goes_on_from_the_last_good_checkpoint() {
    let calls = fails_everywhere(Failure::ReadOnly);
    println!("{PROMISE}read-only from each of {calls} calls on, the same end each time");
}

#[test]
fn short_writes_alone_change_nothing() {
    let halving = Disk::asking(|call, _| {
        if let Call::Write(len) = call {
            *len = len.div_ceil(2);
        }
        Ok(())
    });
    assert!(results_on(&halving) == results_on(&Disk::default()));
}

#[test]
fn what_a_dead_process_left_half_written_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    drop(support::create(folder.path(), recipe()));
    for litter in [".torn.partial", "checkpoints/.torn.partial"] {
        fs::write(folder.path().join(litter), "half a").unwrap();
    }
    drop(open(folder.path()));
    assert!(!has_litter(folder.path()));
}

#[test]
fn a_read_only_folder_is_named_when_a_run_is_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    drop(support::create(folder.path(), recipe()));
    let (disk, failed) = failing(0, Failure::ReadOnly);
    let (path, kind) = named(RunFolder::open_on(disk, folder.path()).unwrap_err());
    assert_eq!(kind, ErrorKind::ReadOnlyFilesystem);
    assert_eq!(failed.lock().unwrap().as_ref().unwrap().0, path);
}

/// The disk is asked before each change, so that what a failed start takes back is seen like all else.
#[test]
fn a_start_that_fails_takes_back_what_it_made_by_the_same_way_and_may_be_tried_again() {
    for refuses_removal in [false, true] {
        let outer = tempfile::tempdir().unwrap();
        let (folder, calls) = (outer.path().join("run"), Arc::new(Mutex::new(Vec::new())));
        let noted = Arc::clone(&calls);
        let disk = Disk::asking(move |call, path| {
            noted.lock().unwrap().push((format!("{call:?}"), path.file_name().unwrap().to_owned()));
            match call {
                Call::Write(_) => Err(ErrorKind::StorageFull.into()),
                Call::Remove if refuses_removal => Err(ErrorKind::ReadOnlyFilesystem.into()),
                _ => Ok(()),
            }
        });
        let error = RunFolder::create_on(&disk, &folder, &record(recipe())).unwrap_err();
        assert_eq!(named(error), (folder.join("run.toml"), ErrorKind::StorageFull));
        let calls = calls.lock().unwrap();
        for name in ["run.toml", ".lock", "checkpoints", "run"] {
            assert!(calls.contains(&("Remove".into(), name.into())), "{name} is not in {calls:?}");
        }
        assert_eq!(folder.exists(), refuses_removal);
        RunFolder::create(&folder, &record(recipe())).unwrap();
        let error = RunFolder::create(&folder, &record(recipe())).unwrap_err();
        assert!(error.to_string().contains("exists already"), "{error}");
    }
}
