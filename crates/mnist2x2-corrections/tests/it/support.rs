//! Corrections and stores to test with.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use mnist2x2_corrections::{Correction, Store};
use serde_json::json;
use tempfile::TempDir;

/// A folder with the place for a store.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("corrections.db")
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(&self.path()).unwrap()
    }
}

/// A correction whose drawing, of some thousand bytes, depends on its key.
pub(crate) fn correction(key: &str) -> Correction {
    let points: Vec<_> = (0..300).map(|i| json!([i, key.len() + i])).collect();
    Correction {
        key: key.into(),
        time: 1_767_225_600_000,
        model: "0123456789abcdef".repeat(4),
        read: "12_4".into(),
        right: "1234".into(),
        strokes: Some(json!({ "cells": [[points], [], [], []], "name": key })),
        picture: None,
        found: None,
        source: None,
    }
}

/// The name of the variable by which a test that runs as another process learns the store's path.
pub(crate) const STORE: &str = "MNIST2X2_CORRECTIONS_TEST_STORE";

/// A command that runs one test of this binary alone, as a process that knows the store.
pub(crate) fn myself(test: &str, bench: &Bench) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(STORE, bench.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// Kills a process as the kernel does when memory runs out: without a word.
pub(crate) fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}
