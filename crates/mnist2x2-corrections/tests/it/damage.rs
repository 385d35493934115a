//! What is no store, or none that can be written, is refused by name and left as it is.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mnist2x2_corrections::{Error, Store};
use rusqlite::Connection;

use crate::support::{Bench, correction};

const SHORT: Duration = Duration::from_millis(100);

/// Opens what must not open, and demands that the file keeps its bytes.
fn refused(path: &Path) -> Error {
    let before = fs::read(path).unwrap();
    let error = Store::open_waiting(path, SHORT).unwrap_err();
    assert_eq!(fs::read(path).unwrap(), before, "{error}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    error
}

/// A closed store with some corrections, and nothing in its log.
fn filled() -> Bench {
    let bench = Bench::new();
    let store = bench.open();
    for n in 0..40 {
        store.add(&correction(&n.to_string())).unwrap();
    }
    bench
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let bench = Bench::new();
    fs::write(bench.path(), "dear diary ".repeat(500)).unwrap();
    assert!(matches!(refused(&bench.path()), Error::NotADatabase(_)));
}

#[test]
fn a_database_of_another_program_is_refused() {
    let bench = Bench::new();
    Connection::open(bench.path()).unwrap().execute_batch("CREATE TABLE correction (id)").unwrap();
    assert!(matches!(refused(&bench.path()), Error::Foreign(_)));
}

#[test]
fn a_store_of_a_later_version_is_refused() {
    let bench = filled();
    Connection::open(bench.path()).unwrap().pragma_update(None, "user_version", 7).unwrap();
    assert!(matches!(refused(&bench.path()), Error::Newer { found: 7, known: 2, .. }));
}

#[test]
fn a_place_that_cannot_hold_a_file_is_refused() {
    let bench = Bench::new();
    let missing = bench.folder.path().join("missing").join("store");
    assert!(matches!(Store::open(&missing).unwrap_err(), Error::Open { .. }));
    assert!(matches!(Store::open(bench.folder.path()).unwrap_err(), Error::Open { .. }));
}

#[test]
fn damage_is_found_by_the_check_and_left_as_it_is() {
    let bench = filled();
    let mut bytes = fs::read(bench.path()).unwrap();
    let pages = bytes.len() / 4096;
    assert!(pages > 10);
    bytes[4 * 4096..5 * 4096].fill(0xa5);
    fs::write(bench.path(), &bytes).unwrap();
    let store = bench.open();
    let error = store.check().unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    drop(store);
    assert_eq!(fs::read(bench.path()).unwrap(), bytes);

    bytes.truncate(3 * 4096);
    bytes[100..200].fill(0xa5);
    fs::write(bench.path(), &bytes).unwrap();
    assert!(matches!(refused(&bench.path()), Error::Corrupt { .. }));
}

#[test]
fn a_locked_store_is_waited_for_and_then_named() {
    let bench = filled();
    let patient = bench.open();
    let hasty = Store::open_waiting(&bench.path(), SHORT).unwrap();
    let other = Connection::open(bench.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begin = Instant::now();
    assert!(matches!(hasty.add(&correction("late")).unwrap_err(), Error::Locked(_)));
    assert!(begin.elapsed() >= SHORT);
    assert_eq!(hasty.count().unwrap(), 40, "reading goes on");
    std::thread::scope(|scope| {
        let added = scope.spawn(|| patient.add(&correction("late")));
        std::thread::sleep(SHORT);
        other.execute_batch("ROLLBACK").unwrap();
        assert!(added.join().unwrap().unwrap().new);
    });
}

#[test]
fn a_store_that_was_removed_or_replaced_takes_no_more() {
    let bench = filled();
    let store = bench.open();
    let aside = bench.folder.path().join("aside");
    if cfg!(unix) {
        fs::rename(bench.path(), &aside).unwrap();
        assert!(matches!(store.add(&correction("lost")).unwrap_err(), Error::Moved(_)));
        fs::rename(&aside, bench.path()).unwrap();
    }
    assert!(store.add(&correction("kept")).unwrap().new);
}

#[cfg(unix)]
mod read_only {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    use std::process::Output;

    use super::*;
    use crate::support::{STORE, myself};

    /// A user without rights: "nobody" on most systems.
    const NOBODY: u32 = 65_534;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// What the next test does as a user who may not write.
    #[test]
    fn child_that_opens_read_only() {
        let Some(path) = std::env::var_os(STORE) else { return };
        let path = Path::new(&path);
        assert!(matches!(refused(path), Error::ReadOnly(_)));
        assert!(!path.with_extension("db-journal").exists());
    }

    #[test]
    fn a_read_only_store_is_named_as_such() {
        let bench = filled();
        set_mode(bench.folder.path(), 0o777);
        set_mode(&bench.path(), 0o444);
        let test = "damage::read_only::child_that_opens_read_only";
        let run = |output: std::io::Result<Output>| match output {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stdout);
                assert!(output.status.success() && said.contains("1 passed"), "{said}");
            }
            Err(error) => eprintln!("skipped: cannot run as another user: {error}"),
        };
        // The superuser may write anywhere, so the law is tried as somebody else.
        if fs::OpenOptions::new().append(true).open(bench.path()).is_ok() {
            run(myself(test, &bench).uid(NOBODY).output());
        } else {
            run(myself(test, &bench).output());
        }
    }
}
