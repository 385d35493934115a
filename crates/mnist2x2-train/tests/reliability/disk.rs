//! A disk that refuses.

use std::fs;
use std::io::{Error as IoError, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use mnist2x2_train::{Disk, Error, RunFolder};

use crate::support::{create, open, recipe, results, train, trainer, undisturbed};

/// How a change fails.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// Once: a sector that cannot be written.
    Once(ErrorKind),
    /// From then on, and what had been written of the file stays beside it, as when the process dies there.
    Full,
}

/// A disk whose change number `n`, from 0, fails.
fn failing(n: usize, failure: Failure) -> Disk {
    let changes = AtomicUsize::new(0);
    Disk::new(move |path| {
        let number = changes.fetch_add(1, Ordering::Relaxed);
        match failure {
            Failure::Once(kind) if number == n => Err(kind.into()),
            Failure::Full if number >= n => {
                fs::write(path.with_file_name(".torn.partial"), "half a")?;
                Err(ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    })
}

/// Trains anew in `folder` until change `n` fails, with an error that names a path there; nothing if it never fails.
fn train_until(folder: &Path, n: usize, failure: Failure) -> Option<IoError> {
    let run = create(folder, recipe()).on_disk(failing(n, failure));
    match train(&run, &mut trainer(recipe()), 2, &mut ()) {
        Ok(_) => None,
        Err(Error::Io { path, source }) => {
            assert!(path.starts_with(folder), "{}", path.display());
            Some(source)
        }
        Err(other) => panic!("{other}"),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Lets each change of a run fail in turn; every time the run must go on to the same end.
fn fails_everywhere(failure: Failure, kind: ErrorKind) {
    let expected = undisturbed();
    for n in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let Some(error) = train_until(folder.path(), n, failure) else {
            assert!(n > 20, "{failure:?}: only {n} changes");
            return;
        };
        assert_eq!(error.kind(), kind);
        assert!(!RunFolder::is_finished(folder.path()), "{failure:?} of change {n}");
        let (run, mut resumed) = open(folder.path());
        train(&run, &mut resumed, 2, &mut ()).unwrap();
        assert!(results(&run) == expected, "{failure:?} of change {n}");
        for folder in [folder.path().into(), folder.path().join("checkpoints")] {
            let names = names(&folder);
            assert!(!names.iter().any(|name| name.ends_with(".partial")), "{names:?}");
        }
    }
}

#[test]
fn whichever_change_fails_once_the_run_goes_on_from_the_last_good_checkpoint() {
    fails_everywhere(Failure::Once(ErrorKind::Other), ErrorKind::Other);
}

#[test]
fn whenever_the_disk_is_full_the_run_goes_on_from_the_last_good_checkpoint() {
    fails_everywhere(Failure::Full, ErrorKind::StorageFull);
}
