//! Proof that the tests of the laws can fail: the code is broken on purpose, one place at a time, and the test that
//! guards the place must notice.
//!
//! All happens in a copy of the tracked files. The copy's build folder, `target/mutants`, stays, so that dependencies
//! are built once.

mod sandbox;
mod table;

use anyhow::{Context, Result, bail};
use clap::Args;

use self::sandbox::{Sandbox, Tests};
use self::table::MUTATIONS;

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

/// One way to break the code.
#[derive(Clone, Copy, Debug)]
struct Mutation {
    /// What breaks, in a few words.
    name: &'static str,
    /// Where, below `crates`.
    file: &'static str,
    /// The code that is right; occurs once in the file.
    right: &'static str,
    /// What it is replaced by.
    wrong: &'static str,
    /// The tests that must fail, as one writes them after `cargo test -p`.
    tests: &'static str,
}

impl Mutation {
    fn path(&self) -> String {
        format!("crates/{}", self.file)
    }

    /// `text` with the wrong code in place of the right.
    fn apply(&self, text: &str) -> Result<String> {
        match text.matches(self.right).count() {
            1 => Ok(text.replacen(self.right, self.wrong, 1)),
            n => bail!(
                "`{}`: {} has `{}` {n} times, not once; correct the entry in xtask/src/mutants/table.rs",
                self.name,
                self.path(),
                self.right
            ),
        }
    }
}

/// What became of a mutation.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// By these tests.
    Caught(Vec<String>),
    Survived,
    /// Proves nothing, for this reason.
    Broken(String),
}

impl Outcome {
    fn of(tests: Tests) -> Self {
        match tests {
            Tests::Passed(_) => Self::Survived,
            Tests::Failed(names) => Self::Caught(names),
            Tests::NotBuilt(error) => Self::Broken(format!("does not compile: {error}")),
            Tests::NoneFound => Self::Broken("no test has that name".into()),
        }
    }

    fn line(&self, mutation: &Mutation) -> String {
        let name = mutation.name;
        match self {
            Self::Caught(tests) => format!("caught    {name} by {}", tests.join(", ")),
            Self::Survived => format!("SURVIVED  {name}: `cargo test -p {}` passes", mutation.tests),
            Self::Broken(why) => format!("BROKEN    {name}: {why}"),
        }
    }
}

/// Tries the mutations asked for and prints a line for each.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mutations: Vec<&Mutation> =
        MUTATIONS.iter().filter(|mutation| chosen(mutation, &arguments.names)).collect();
    if arguments.list {
        for mutation in mutations {
            println!("{}", mutation.name);
        }
        return Ok(());
    }
    eprintln!("first the untouched code; building it and its dependencies may take minutes");
    let sandbox = Sandbox::new()?;
    check_untouched(&sandbox, &mutations)?;
    let mut caught = 0;
    for mutation in &mutations {
        eprintln!("breaking: {}", mutation.name);
        let outcome = attempt(&sandbox, mutation)?;
        println!("{}", outcome.line(mutation));
        caught += usize::from(matches!(outcome, Outcome::Caught(_)));
    }
    println!("{caught} of {} mutations caught", mutations.len());
    if caught < mutations.len() {
        bail!(
            "a law's test must notice each of these; strengthen the test, or correct the entry in the table"
        );
    }
    Ok(())
}

fn chosen(mutation: &Mutation, names: &[String]) -> bool {
    names.is_empty() || names.iter().any(|name| mutation.name.contains(name.as_str()))
}

/// A test that fails anyway would prove nothing.
fn check_untouched(sandbox: &Sandbox, mutations: &[&Mutation]) -> Result<()> {
    let mut seen = Vec::new();
    for tests in mutations.iter().map(|mutation| mutation.tests) {
        if seen.contains(&tests) {
            continue;
        }
        seen.push(tests);
        match sandbox.test(tests)? {
            Tests::Passed(n) => println!("untouched `cargo test -p {tests}`: {n} passed"),
            other => bail!("`cargo test -p {tests}` must pass before anything is broken: {other:?}"),
        }
    }
    Ok(())
}

/// Breaks the code, runs the tests, repairs the code.
fn attempt(sandbox: &Sandbox, mutation: &Mutation) -> Result<Outcome> {
    let path = mutation.path();
    let text = sandbox.read(&path)?;
    sandbox.write(&path, &mutation.apply(&text)?)?;
    let tests = sandbox.test(mutation.tests);
    sandbox.write(&path, &text)?;
    tests.map(Outcome::of).with_context(|| format!("cannot try `{}`", mutation.name))
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
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::workspace::root;

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
        assert_eq!(Outcome::of(Tests::Passed(3)), Outcome::Survived);
        assert_eq!(Outcome::of(Tests::Failed(vec!["sum".into()])), Outcome::Caught(vec!["sum".into()]));
        assert!(matches!(Outcome::of(Tests::NotBuilt("error".into())), Outcome::Broken(_)));
        assert!(matches!(Outcome::of(Tests::NoneFound), Outcome::Broken(_)));
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
