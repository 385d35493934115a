//! Proof that the tests of the laws can fail: the code is broken on purpose, one place at a time, and the test that
//! guards the place must notice.
//!
//! All happens in a copy of the tracked files. The copy's build folder, `target/mutants`, stays, so that dependencies
//! are built once.

mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use tempfile::TempDir;

use self::table::{MUTATIONS, Mutation};
use crate::workspace::{cargo, root, tracked_paths};

/// Which mutations to try.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only those whose names contain one of these words.
    #[arg(value_parser = part_of_a_name)]
    names: Vec<String>,
    /// Only print the names.
    #[arg(long)]
    list: bool,
}

/// What a run of tests showed.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// So many tests, all passed.
    Passed(usize),
    /// These failed.
    Failed(Vec<String>),
    /// The compiler's first error.
    NotBuilt(String),
    /// None ran: the filter fits no name.
    NoneFound,
}

/// Tries the mutations asked for and prints a line for each.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mutations: Vec<&Mutation> =
        MUTATIONS.iter().filter(|mutation| mutation.is_chosen(&arguments.names)).collect();
    if arguments.list {
        for mutation in &mutations {
            println!("{}", mutation.name);
        }
        return Ok(());
    }
    eprintln!("first the untouched code; building it and its dependencies may take minutes");
    let folder = copy_of_the_workspace()?;
    check_untouched(folder.path(), &mutations)?;
    let mut caught = 0;
    for mutation in &mutations {
        eprintln!("breaking: {}", mutation.name);
        let verdict = mutation.attempt(folder.path())?;
        println!("{}", verdict.line(mutation));
        caught += usize::from(matches!(verdict, Verdict::Failed(_)));
    }
    println!("{caught} of {} mutations caught", mutations.len());
    ensure!(
        caught == mutations.len(),
        "a law's test must notice each of these; strengthen the test, or correct the entry in the table"
    );
    Ok(())
}

/// The tracked files in a temporary folder.
fn copy_of_the_workspace() -> Result<TempDir> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    for path in tracked_paths()? {
        let to = folder.path().join(&path);
        let copied = fs::create_dir_all(to.parent().expect("a file lies in a folder"));
        let copied = copied.and_then(|()| fs::copy(root().join(&path), &to));
        copied.with_context(|| format!("cannot copy {path} to {}", to.display()))?;
    }
    Ok(folder)
}

/// A test that fails anyway would prove nothing.
fn check_untouched(folder: &Path, mutations: &[&Mutation]) -> Result<()> {
    let tests: BTreeSet<_> = mutations.iter().map(|mutation| mutation.tests).collect();
    for tests in tests {
        match test(folder, tests)? {
            Verdict::Passed(n) => println!("untouched `cargo test -p {tests}`: {n} passed"),
            other => bail!("`cargo test -p {tests}` must pass before anything is broken: {other:?}"),
        }
    }
    Ok(())
}

/// Builds and runs `tests`, given as after `cargo test -p`.
fn test(folder: &Path, tests: &str) -> Result<Verdict> {
    let (what, filters) = tests.split_once(" -- ").unwrap_or((tests, ""));
    let run = |arguments: String| {
        let mut command = cargo(&format!("test --no-fail-fast --package {what} {arguments}"));
        command.current_dir(folder).env("CARGO_TARGET_DIR", root().join("target/mutants"));
        command.output().context("cannot run cargo")
    };
    let build = run("--no-run".into())?;
    if build.status.success() {
        Ok(Verdict::of(&run(format!("-- {filters}"))?))
    } else {
        Ok(Verdict::of_build(&build))
    }
}

impl Mutation {
    fn path(&self) -> String {
        format!("crates/{}", self.file)
    }

    fn is_chosen(&self, names: &[String]) -> bool {
        names.is_empty() || names.iter().any(|name| self.name.contains(name.as_str()))
    }

    /// `text` with the wrong code in place of the right.
    fn apply(&self, text: &str) -> Result<String> {
        let Self { name, right, .. } = self;
        let (path, n) = (self.path(), text.matches(right).count());
        ensure!(
            n == 1,
            "`{name}`: {path} has `{right}` {n} times, not once; correct the entry in xtask/src/mutants/table.rs"
        );
        Ok(text.replacen(right, self.wrong, 1))
    }

    /// Breaks the code in `folder`, runs the tests, repairs the code.
    fn attempt(&self, folder: &Path) -> Result<Verdict> {
        let path = folder.join(self.path());
        let cannot = || format!("cannot try `{}` in {}", self.name, path.display());
        let text = fs::read_to_string(&path).with_context(cannot)?;
        fs::write(&path, self.apply(&text)?).with_context(cannot)?;
        let verdict = test(folder, self.tests);
        fs::write(&path, &text).with_context(cannot)?;
        verdict.with_context(cannot)
    }
}

impl Verdict {
    fn of_build(failed: &Output) -> Self {
        let log = String::from_utf8_lossy(&failed.stderr);
        let error = log.lines().find(|line| line.starts_with("error")).unwrap_or("see `cargo test`");
        Self::NotBuilt(error.to_owned())
    }

    /// Reads the lines `test NAME ... ok` and `test NAME ... FAILED`. A test that takes the whole process with it leaves
    /// no such line, but an exit status.
    fn of(run: &Output) -> Self {
        let log = String::from_utf8_lossy(&run.stdout);
        let ended = |how| {
            let lines = log.lines().filter_map(move |line| line.strip_prefix("test ")?.strip_suffix(how));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let (passed, failed) = (ended(" ... ok").len(), ended(" ... FAILED"));
        match (passed, failed.len(), run.status.success()) {
            (0, 0, true) => Self::NoneFound,
            (n, 0, true) => Self::Passed(n),
            (_, 0, false) => Self::Failed(vec![format!("an abort, {}", run.status)]),
            _ => Self::Failed(failed),
        }
    }

    /// What became of `mutation`: only a test that fails has caught it.
    fn line(&self, Mutation { name, tests, .. }: &Mutation) -> String {
        match self {
            Self::Failed(names) => format!("caught    {name} by {}", names.join(", ")),
            Self::Passed(_) => format!("SURVIVED  {name}: `cargo test -p {tests}` passes"),
            Self::NotBuilt(error) => format!("BROKEN    {name}: does not compile: {error}"),
            Self::NoneFound => format!("BROKEN    {name}: no test has that name"),
        }
    }
}

fn part_of_a_name(word: &str) -> Result<String, String> {
    if MUTATIONS.iter().any(|mutation| mutation.name.contains(word)) {
        Ok(word.to_owned())
    } else {
        Err("no mutation has this in its name; `cargo xtask mutants --list` prints them".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: Mutation =
        Mutation { name: "example", file: "a/src/lib.rs", right: "x + y", wrong: "x - y", tests: "a -- sum" };

    #[test]
    fn the_right_code_must_occur_once() {
        assert_eq!(EXAMPLE.apply("let z = x + y;").unwrap(), "let z = x - y;");
        assert!(EXAMPLE.apply("let z = y + x;").unwrap_err().to_string().contains("0 times"));
        assert!(EXAMPLE.apply("x + y == x + y").unwrap_err().to_string().contains("2 times"));
    }

    #[test]
    fn only_a_failing_test_catches() {
        assert_eq!(Verdict::Failed(vec!["sum".into()]).line(&EXAMPLE), "caught    example by sum");
        assert!(Verdict::Passed(3).line(&EXAMPLE).starts_with("SURVIVED  example"));
        assert!(Verdict::NotBuilt("error".into()).line(&EXAMPLE).starts_with("BROKEN    example"));
        assert!(Verdict::NoneFound.line(&EXAMPLE).starts_with("BROKEN    example"));
    }

    #[cfg(unix)]
    #[test]
    fn the_log_of_the_tests_is_read() {
        use std::os::unix::process::ExitStatusExt;
        use std::process::ExitStatus;

        let verdict_of = |log: &str, code: i32| {
            let status = ExitStatus::from_raw(code << 8);
            Verdict::of(&Output { status, stdout: log.into(), stderr: Vec::new() })
        };
        let passed = "running 2 tests\ntest a ... ok\ntest b::c ... ok\n";
        assert_eq!(verdict_of(passed, 0), Verdict::Passed(2));
        let failed = "test a ... ok\ntest b::c ... FAILED\n\nfailures:\n    b::c\n";
        assert_eq!(verdict_of(failed, 101), Verdict::Failed(vec!["b::c".into()]));
        assert_eq!(verdict_of("running 0 tests\n", 0), Verdict::NoneFound);
        assert!(matches!(verdict_of("running 1 test\n", 134), Verdict::Failed(_)));
    }

    #[test]
    fn the_table_fits_the_code() {
        let names: BTreeSet<_> = MUTATIONS.iter().map(|mutation| mutation.name).collect();
        assert_eq!(names.len(), MUTATIONS.len(), "each mutation has a name of its own");
        for mutation in MUTATIONS {
            let text = fs::read_to_string(root().join(mutation.path())).unwrap();
            assert_ne!(mutation.apply(&text).unwrap(), text);
        }
    }
}
