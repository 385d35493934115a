//! Proof that the tests of the laws can fail: the code is broken on purpose, one place at a time, and the test that
//! guards the place must notice.
//!
//! All happens in a copy of the tracked files. The copy's build folder, `target/mutants`, stays, so that dependencies
//! are built once.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Deserialize;
use tempfile::TempDir;

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

/// The ways to break the code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    mutation: Vec<Mutation>,
}

/// One way to break the code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutation {
    /// What breaks, in a few words.
    name: String,
    /// Where, below `crates`.
    file: String,
    /// The code that is right; occurs once in the file.
    right: String,
    /// What it is replaced by.
    wrong: String,
    /// The tests that must fail, as one writes them after `cargo test -p`.
    tests: String,
}

/// What a run of tests showed.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// So many tests, all passed.
    Passed(usize),
    /// These failed.
    Failed(Vec<String>),
    /// None ran, and why: the code does not compile, or the filter fits no name.
    Broken(String),
}

/// Tries the mutations asked for and prints a line for each.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mutations = chosen(&arguments.names)?;
    if arguments.list {
        for mutation in mutations {
            println!("{}", mutation.name);
        }
        return Ok(());
    }
    eprintln!("first the untouched code; building it and its dependencies may take minutes");
    let folder = copy_of_the_workspace()?;
    // A test that fails anyway would prove nothing.
    for tests in mutations.iter().map(|mutation| &mutation.tests).collect::<BTreeSet<_>>() {
        match test(folder.path(), tests)? {
            Verdict::Passed(n) => println!("untouched `cargo test -p {tests}`: {n} passed"),
            other => bail!("`cargo test -p {tests}` must pass before anything is broken: {other:?}"),
        }
    }
    let mut caught = 0;
    for mutation in &mutations {
        eprintln!("breaking: {}", mutation.name);
        let verdict = mutation.attempt(folder.path())?;
        println!("{}", verdict.line(mutation));
        caught += usize::from(matches!(verdict, Verdict::Failed(_)));
    }
    println!("{caught} of {} mutations caught", mutations.len());
    let advice =
        "a law's test must notice each of these; strengthen the test, or correct the entry in the table";
    ensure!(caught == mutations.len(), advice);
    Ok(())
}

/// The mutations whose names contain one of `words`; all if there are none.
fn chosen(words: &[String]) -> Result<Vec<Mutation>> {
    let Table { mut mutation } =
        toml::from_str(include_str!("../mutants.toml")).context("xtask/mutants.toml")?;
    mutation.retain(|one| words.is_empty() || words.iter().any(|word| one.name.contains(word)));
    Ok(mutation)
}

fn part_of_a_name(word: &str) -> Result<String> {
    let fits = !chosen(&[word.to_owned()])?.is_empty();
    ensure!(fits, "no mutation has this in its name; `cargo xtask mutants --list` prints them");
    Ok(word.to_owned())
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

/// Builds and runs `tests`, given as after `cargo test -p`.
fn test(folder: &Path, tests: &str) -> Result<Verdict> {
    // The program beside it decides the features of all dependencies: so candle is built once, not for each package.
    let mut command = cargo(&format!("test --no-fail-fast --package mnist2x2-cli --package {tests}"));
    command.current_dir(folder).env("CARGO_TARGET_DIR", root().join("target/mutants"));
    Ok(Verdict::of(&command.output().context("cannot run cargo")?))
}

impl Mutation {
    fn path(&self) -> String {
        format!("crates/{}", self.file)
    }

    /// `text` with the wrong code in place of the right.
    fn apply(&self, text: &str) -> Result<String> {
        let Self { name, file, right, wrong, .. } = self;
        let n = text.matches(right).count();
        let advice = "correct the entry in xtask/mutants.toml";
        ensure!(n == 1, "`{name}`: {file} has `{right}` {n} times, not once; {advice}");
        Ok(text.replacen(right, wrong, 1))
    }

    /// Breaks the code in `folder`, runs the tests, repairs the code.
    fn attempt(&self, folder: &Path) -> Result<Verdict> {
        let path = folder.join(self.path());
        let cannot = || format!("cannot try `{}` in {}", self.name, path.display());
        let text = fs::read_to_string(&path).with_context(cannot)?;
        fs::write(&path, self.apply(&text)?).with_context(cannot)?;
        let verdict = test(folder, &self.tests);
        fs::write(&path, &text).with_context(cannot)?;
        verdict.with_context(cannot)
    }
}

impl Verdict {
    /// Reads the lines `test NAME ... ok` and `test NAME ... FAILED`. A test that takes the whole process with it leaves
    /// no such line, but an exit status.
    fn of(run: &Output) -> Self {
        let [log, errors] = [&run.stdout, &run.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        let ended = |how| log.lines().filter_map(move |line| line.strip_prefix("test ")?.strip_suffix(how));
        let failed: Vec<_> = ended(" ... FAILED").map(str::to_owned).collect();
        match (ended(" ... ok").count(), failed.is_empty(), run.status.success()) {
            (0, true, true) => Self::Broken("no test has that name".into()),
            (n, true, true) => Self::Passed(n),
            (_, true, false) if log.contains("running ") => {
                Self::Failed(vec![format!("an abort, {}", run.status)])
            }
            (_, true, false) => {
                let error = errors.lines().find(|line| line.starts_with("error"));
                Self::Broken(format!("does not compile: {}", error.unwrap_or("see `cargo test`")))
            }
            _ => Self::Failed(failed),
        }
    }

    /// What became of `mutation`: only a test that fails has caught it.
    fn line(&self, Mutation { name, tests, .. }: &Mutation) -> String {
        match self {
            Self::Failed(names) => format!("caught    {name} by {}", names.join(", ")),
            Self::Passed(_) => format!("SURVIVED  {name}: `cargo test -p {tests}` passes"),
            Self::Broken(why) => format!("BROKEN    {name}: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Mutation {
        let [name, file, right, wrong, tests] =
            ["example", "a/src/lib.rs", "x + y", "x - y", "a -- sum"].map(str::to_owned);
        Mutation { name, file, right, wrong, tests }
    }

    #[test]
    fn the_right_code_must_occur_once() {
        assert_eq!(example().apply("let z = x + y;").unwrap(), "let z = x - y;");
        assert!(example().apply("let z = y + x;").unwrap_err().to_string().contains("0 times"));
        assert!(example().apply("x + y == x + y").unwrap_err().to_string().contains("2 times"));
    }

    #[test]
    fn only_a_failing_test_catches() {
        let line = |verdict: Verdict| verdict.line(&example());
        assert_eq!(line(Verdict::Failed(vec!["sum".into()])), "caught    example by sum");
        assert!(line(Verdict::Passed(3)).starts_with("SURVIVED  example"));
        assert!(line(Verdict::Broken("error".into())).starts_with("BROKEN    example"));
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
        let no_test = Verdict::Broken("no test has that name".into());
        assert_eq!(verdict_of("running 0 tests\n", 0), no_test);
        assert!(matches!(verdict_of("running 1 test\n", 134), Verdict::Failed(_)));
        assert!(matches!(verdict_of("", 101), Verdict::Broken(why) if why.contains("does not compile")));
    }

    #[test]
    fn the_table_fits_the_code() {
        let all = chosen(&[]).unwrap();
        let names: BTreeSet<_> = all.iter().map(|mutation| &mutation.name).collect();
        assert_eq!(names.len(), all.len(), "each mutation has a name of its own");
        for mutation in &all {
            let text = fs::read_to_string(root().join(mutation.path())).unwrap();
            assert_ne!(mutation.apply(&text).unwrap(), text);
        }
    }

    #[test]
    fn mutations_are_chosen_by_a_part_of_their_names() {
        let mask = chosen(&[part_of_a_name("mask").unwrap()]).unwrap();
        assert!(mask.iter().all(|mutation| mutation.name.contains("mask")) && !mask.is_empty());
        assert!(part_of_a_name("nothing of the kind").is_err());
    }
}
