//! A copy of the workspace that may be broken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::workspace;

/// The tracked files in a temporary folder, which goes when this goes.
pub(super) struct Sandbox {
    folder: TempDir,
    build: PathBuf,
}

/// What a run of tests showed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tests {
    /// So many, all passed.
    Passed(usize),
    /// These failed.
    Failed(Vec<String>),
    /// The compiler's first error.
    NotBuilt(String),
    /// None ran: the filter fits no name.
    NoneFound,
}

impl Sandbox {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        for path in workspace::tracked_paths()? {
            copy(&workspace::root().join(&path), &folder.path().join(&path))?;
        }
        Ok(Self { folder, build: workspace::root().join("target/mutants") })
    }

    pub(super) fn read(&self, path: &str) -> Result<String> {
        let path = self.folder.path().join(path);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    pub(super) fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.folder.path().join(path);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Builds and runs `tests`, given as after `cargo test -p`.
    pub(super) fn test(&self, tests: &str) -> Result<Tests> {
        let (what, filters) = tests.split_once(" -- ").unwrap_or((tests, ""));
        let build = self.cargo(&format!("{what} --no-run"), "")?;
        if !build.status.success() {
            return Ok(Tests::NotBuilt(first_error(&build)));
        }
        Ok(verdict(&self.cargo(what, filters)?))
    }

    fn cargo(&self, what: &str, filters: &str) -> Result<Output> {
        let mut command = Command::new(workspace::cargo());
        command.args(["test", "--no-fail-fast", "--package"]).args(what.split_whitespace());
        command.arg("--").args(filters.split_whitespace());
        command.current_dir(self.folder.path()).env("CARGO_TARGET_DIR", &self.build);
        command.output().context("cannot run cargo")
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let folder = to.parent().expect("a file lies in a folder");
    let copied = fs::create_dir_all(folder).and_then(|()| fs::copy(from, to));
    copied.map(drop).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn first_error(build: &Output) -> String {
    let log = String::from_utf8_lossy(&build.stderr);
    log.lines().find(|line| line.starts_with("error")).unwrap_or("see `cargo test`").to_owned()
}

/// Reads the lines `test NAME ... ok` and `test NAME ... FAILED`. A test that takes the whole process with it leaves no
/// such line, but an exit status.
fn verdict(run: &Output) -> Tests {
    let log = String::from_utf8_lossy(&run.stdout);
    let ended = |how| {
        let lines = log.lines().filter_map(move |line| line.strip_prefix("test ")?.strip_suffix(how));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let (passed, failed) = (ended(" ... ok"), ended(" ... FAILED"));
    match (passed.len(), failed.len(), run.status.success()) {
        (0, 0, true) => Tests::NoneFound,
        (n, 0, true) => Tests::Passed(n),
        (_, 0, false) => Tests::Failed(vec![format!("an abort, {}", run.status)]),
        _ => Tests::Failed(failed),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn verdict_of(log: &str, code: i32) -> Tests {
        let output =
            Output { status: ExitStatus::from_raw(code << 8), stdout: log.into(), stderr: Vec::new() };
        verdict(&output)
    }

    #[test]
    fn the_log_of_the_tests_is_read() {
        let passed = "running 2 tests\ntest a ... ok\ntest b::c ... ok\n";
        assert_eq!(verdict_of(passed, 0), Tests::Passed(2));
        let failed = "test a ... ok\ntest b::c ... FAILED\n\nfailures:\n    b::c\n";
        assert_eq!(verdict_of(failed, 101), Tests::Failed(vec!["b::c".into()]));
        assert_eq!(verdict_of("running 0 tests\n", 0), Tests::NoneFound);
        assert!(matches!(verdict_of("running 1 test\n", 134), Tests::Failed(_)));
    }
}
