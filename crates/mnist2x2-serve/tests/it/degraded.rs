//! Stores that fail: readings go on, corrections are refused, nothing is overwritten, and the server says so.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mnist2x2_corrections::Store;
use rusqlite::Connection;
use serde_json::json;

use crate::corrections::{PATH, correction};
use crate::support::{Fake, Running, start};

/// A way to spoil a store; what it gives is kept as long as the store is to be spoilt.
type Spoil = fn(&Path) -> Option<Connection>;

/// What the server says of a store, and what makes it so.
const TROUBLES: [(&str, Spoil); 5] = [
    ("locked", |path| {
        let other = Connection::open(path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        Some(other)
    }),
    // Byte 18 of the header tells which versions may write: none that exists.
    ("read-only", |path| overwrite(path, 18..19, 3)),
    // The root of the table of tables.
    ("damaged", |path| overwrite(path, 100..200, 0xa5)),
    ("no store", |path| overwrite(path, 0..16, b'x')),
    ("of a newer version", |path| {
        Connection::open(path).unwrap().pragma_update(None, "user_version", 7).unwrap();
        None
    }),
];

fn overwrite(path: &Path, place: std::ops::Range<usize>, byte: u8) -> Option<Connection> {
    let mut bytes = fs::read(path).unwrap();
    bytes[place].fill(byte);
    fs::write(path, bytes).unwrap();
    None
}

/// Demands that the server refuses corrections for this reason and does everything else, however often one asks.
fn is_degraded(server: &Running, why: &str) {
    for key in ["first", "second"] {
        let refused = server.json(PATH, &correction(key));
        assert!(refused.problem(503).contains(why), "{why}: {}", refused.text());
        assert!(refused.header("retry-after").is_some(), "{why}");
        for _ in 0..3 {
            let ready = server.get("/readyz");
            assert_eq!(ready.status, 200, "{why}: it reads");
            assert_eq!(ready.json(), json!({ "status": "degraded", "corrections": why }));
            std::thread::sleep(Duration::from_millis(100)); // so that what was tried meanwhile counts
        }
        assert_eq!(server.picture(b"any").status, 200, "{why}");
        assert_eq!(server.get("/healthz").status, 200, "{why}");
    }
    let reports = server.reports.lock().unwrap();
    assert_eq!(reports.len(), 1, "{why}, told once: {reports:?}");
}

#[test]
fn a_store_that_fails_costs_no_reading_and_nothing_is_overwritten() {
    for (why, spoil) in TROUBLES {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        fill(&path);
        let spoilt = spoil(&path);
        let before = fs::read(&path).unwrap();
        let mut server = start(Fake::new('a'), |settings| settings.store = Some(path.clone()));
        is_degraded(&server, why);
        server.stopper.stop();
        server.join();
        assert!(fs::read(&path).unwrap() == before, "{why}: the file has changed");
        drop(spoilt);
    }
}

/// A closed store with a correction.
fn fill(path: &Path) {
    let mut line = correction("before");
    line["time"] = 1.into();
    Store::open(path).unwrap().import(line.to_string().as_bytes()).unwrap();
}

#[cfg(unix)]
mod full {
    use std::env;
    use std::process::Command;

    use super::*;

    /// Says to the test that is started anew that its files cannot grow.
    const CHILD: &str = "MNIST2X2_SERVE_TEST_FULL";

    /// What the next test does where files cannot grow.
    #[test]
    fn child_whose_files_cannot_grow() {
        if env::var_os(CHILD).is_none() {
            return;
        }
        let mut server = start(Fake::new('a'), |_| ());
        let keys: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let kept = keys.iter().take_while(|key| server.json(PATH, &correction(key)).status == 201).count();
        assert!((1..1000).contains(&kept), "{kept} kept");
        // SQLite tells a file that may not grow from a disk that is full: this is the error of any write that fails.
        is_degraded(&server, "out of reach");
        server.stopper.stop();
        server.join();
        let store = Store::open(&server.store()).unwrap();
        store.check().unwrap();
        assert_eq!(store.count().unwrap(), kept as u64);
        assert!(keys[..kept].iter().all(|key| store.get(key).unwrap().is_some()));
    }

    #[test]
    fn a_store_that_cannot_grow_costs_no_reading_and_loses_nothing() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; ulimit -f 300; exec \"$@\"", "sh"]).arg(env::current_exe().unwrap());
        shell.args(["--exact", "degraded::full::child_whose_files_cannot_grow", "--nocapture"]);
        let output = shell.env(CHILD, "yes").output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
    }
}
