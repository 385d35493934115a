//! What a pull request is checked with, here as there.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::{tidy, workspace};

/// Which steps to run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only these steps, in this order.
    steps: Vec<Step>,
    /// Also the steps that build much more.
    #[arg(long, conflicts_with = "steps")]
    all: bool,
}

/// The steps, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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
    /// Does candle-datasets read the files as we do? Only by name or with --all: it builds some 200 more crates.
    Hub,
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().expect("no step is hidden").get_name().to_owned()
    }

    /// What cargo is asked to do; `None` where no other process is needed.
    fn cargo_arguments(self) -> Option<&'static str> {
        match self {
            Self::Fmt => Some("fmt --all --check"),
            Self::Tidy => None,
            Self::Clippy => Some("clippy --workspace --all-targets -- -D warnings"),
            Self::Test => Some("test --workspace"),
            Self::Doc => Some("doc --workspace --no-deps"),
            Self::Deny => Some("deny --all-features check"),
            Self::Hub => Some("test --package mnist2x2-data --features hub"),
        }
    }

    /// Variables for that process alone.
    fn environment(self) -> Option<(&'static str, &'static str)> {
        (self == Self::Doc).then_some(("RUSTDOCFLAGS", "-D warnings"))
    }

    /// The command as one would type it.
    fn command_line(self) -> String {
        let cargo = self.cargo_arguments().unwrap_or("xtask tidy");
        let variable = self.environment().map(|(name, value)| format!("{name}=\"{value}\" "));
        format!("{}cargo {cargo}", variable.unwrap_or_default())
    }

    fn run(self) -> Result<()> {
        let Some(arguments) = self.cargo_arguments() else { return tidy::run() };
        let status = Command::new(workspace::cargo())
            .args(arguments.split(' '))
            .envs(self.environment())
            .current_dir(workspace::root())
            .status()
            .context("cannot run cargo")?;
        if status.success() { Ok(()) } else { bail!("{status}") }
    }
}

/// Runs the steps until one fails.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    for step in chosen(arguments) {
        let name = step.name();
        if step == Step::Deny && !has_cargo_deny() {
            println!(
                "== {name}: skipped, for cargo-deny is not installed (cargo install --locked cargo-deny)"
            );
            continue;
        }
        println!("== {name}: {}", step.command_line());
        let start = Instant::now();
        let rerun = || format!("step `{name}` failed; run it alone with `cargo xtask ci {name}`");
        step.run().with_context(rerun)?;
        println!("== {name}: done in {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// The steps asked for, or all that are not costly.
fn chosen(arguments: &Arguments) -> Vec<Step> {
    let cheap = |step: &Step| arguments.all || *step != Step::Hub;
    match arguments.steps.as_slice() {
        [] => Step::value_variants().iter().copied().filter(cheap).collect(),
        steps => steps.to_vec(),
    }
}

fn has_cargo_deny() -> bool {
    let quiet = || Stdio::null();
    let version =
        Command::new(workspace::cargo()).args(["deny", "--version"]).stdout(quiet()).stderr(quiet()).status();
    version.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen_by(steps: &[Step], all: bool) -> Vec<Step> {
        chosen(&Arguments { steps: steps.to_vec(), all })
    }

    #[test]
    fn hub_comes_only_with_all_or_by_name() {
        assert_eq!(chosen_by(&[], true), Step::value_variants());
        assert!(!chosen_by(&[], false).contains(&Step::Hub));
        assert_eq!(chosen_by(&[Step::Hub, Step::Fmt], false), [Step::Hub, Step::Fmt]);
    }

    #[test]
    fn a_step_says_how_to_repeat_it() {
        assert_eq!(Step::Doc.command_line(), "RUSTDOCFLAGS=\"-D warnings\" cargo doc --workspace --no-deps");
        assert_eq!(Step::Tidy.command_line(), "cargo xtask tidy");
    }
}
