//! What a pull request is checked with, here as there.

use std::env;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use crate::workspace::root;

/// Which steps to run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only these steps, in this order.
    steps: Vec<Step>,
    /// Also the steps that take longer or need more than Rust. Those that cannot run here are skipped, with the reason.
    #[arg(long, visible_alias = "all", conflicts_with = "steps")]
    full: bool,
}

/// The steps, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, ValueEnum)]
enum Step {
    /// Is everything formatted?
    Fmt,
    /// Are the house rules kept?
    Tidy,
    /// Does clippy have nothing to say?
    Clippy,
    /// Do all tests pass?
    Test,
    /// Do the documents build without a warning?
    Doc,
    /// Licences, advisories and sources of all dependencies, if cargo-deny is installed.
    Deny,
    /// Does candle-datasets read the files as we do? From here on only by name or with --full: it builds some 200 more
    /// crates.
    Hub,
    /// Does the drawing page work in a browser, in every corner?
    Browser,
    /// Are the kernels free of undefined behavior, if there is a nightly toolchain with Miri?
    Miri,
    /// Do the tests notice what is broken on purpose?
    Mutants,
    /// Do the promises of reliability hold for some minutes?
    Stress,
    /// Does our program do the same work as PyTorch, and how fast, if a Python (PYTHON) has it?
    Compare,
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().expect("no step is hidden").get_name().to_owned()
    }

    /// The command as one would type it.
    fn command(self) -> &'static str {
        match self {
            Self::Fmt => "cargo fmt --all --check",
            Self::Tidy => "cargo xtask tidy",
            Self::Clippy => "cargo clippy --workspace --all-targets -- -D warnings",
            Self::Test => "cargo test --workspace",
            Self::Doc => "RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps",
            Self::Deny => "cargo deny --all-features check",
            Self::Hub => "cargo test --package mnist2x2-data --features hub",
            Self::Browser => "cargo xtask browser-test",
            Self::Miri => {
                "cargo +nightly miri test --package mnist2x2-kernels --lib --test laws --test sub_layers"
            }
            Self::Mutants => "cargo xtask mutants",
            Self::Stress => "cargo xtask stress --minutes 2",
            Self::Compare => "cargo xtask compare --rounds 1 --seconds 2",
        }
    }

    /// What is missing here for it to run, and how one gets it.
    fn lacks(self) -> Option<&'static str> {
        let python = env::var("PYTHON").unwrap_or("python3".into());
        let (needed, advice) = match self {
            Self::Deny => (
                "cargo deny --version".into(),
                "cargo-deny is not installed (cargo install --locked cargo-deny)",
            ),
            Self::Miri => (
                "cargo +nightly miri --version".into(),
                "there is no Miri (rustup toolchain install nightly --component miri)",
            ),
            Self::Compare => (
                format!("{python} xtask/pytorch/mnist2x2.py versions"),
                "no PyTorch (install xtask/pytorch/requirements.txt and name that Python with PYTHON)",
            ),
            _ => return None,
        };
        let status = command(&needed).stdout(Stdio::null()).stderr(Stdio::null()).status();
        (!status.is_ok_and(|status| status.success())).then_some(advice)
    }
}

/// A command at the root, of words between single blanks; the first may set a variable for it.
fn command(line: &str) -> Command {
    let (variable, line) = match line.split_once(' ') {
        Some((first, rest)) if first.contains('=') => (first.split_once('='), rest),
        _ => (None, line),
    };
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).envs(variable).current_dir(root());
    command
}

/// Runs the steps until one fails.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    for step in chosen(arguments) {
        let (name, line) = (step.name(), step.command());
        if let Some(lack) = step.lacks() {
            println!("== {name}: skipped, for {lack}");
            continue;
        }
        println!("== {name}: {line}");
        let start = Instant::now();
        let status = command(line).status().with_context(|| format!("cannot run `{line}`"))?;
        ensure!(status.success(), "step `{name}` failed; run it alone with `cargo xtask ci {name}`");
        println!("== {name}: done in {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// The steps asked for, or all that are not costly.
fn chosen(arguments: &Arguments) -> Vec<Step> {
    let is_chosen = |step: &Step| arguments.full || *step < Step::Hub;
    match arguments.steps.as_slice() {
        [] => Step::value_variants().iter().copied().filter(is_chosen).collect(),
        steps => steps.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen_by(steps: &[Step], full: bool) -> Vec<Step> {
        chosen(&Arguments { steps: steps.to_vec(), full })
    }

    #[test]
    fn what_is_costly_comes_only_with_full_or_by_name() {
        assert_eq!(chosen_by(&[], true), Step::value_variants());
        for step in [Step::Hub, Step::Browser, Step::Miri, Step::Mutants, Step::Stress, Step::Compare] {
            assert!(!chosen_by(&[], false).contains(&step));
        }
        assert_eq!(chosen_by(&[], false).len(), 6);
        assert_eq!(chosen_by(&[Step::Hub, Step::Fmt], false), [Step::Hub, Step::Fmt]);
    }

    #[test]
    fn a_step_is_run_as_it_says() {
        let doc = command(Step::Doc.command());
        assert_eq!(Step::Doc.command(), "RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps");
        assert_eq!(doc.get_program(), "cargo");
        assert_eq!(doc.get_args().collect::<Vec<_>>(), ["doc", "--workspace", "--no-deps"]);
        let variables: Vec<_> = doc.get_envs().map(|(name, value)| (name, value.unwrap())).collect();
        assert_eq!(variables, [("RUSTDOCFLAGS".as_ref(), "-Dwarnings".as_ref())]);
        assert_eq!(Step::Tidy.command(), "cargo xtask tidy");
    }
}
