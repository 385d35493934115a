//! The house rules, checked by a program instead of by reviewers.
//!
//! Each rule is a function of texts or of the table of packages, so that its test needs no files. A test at the foot
//! applies all of them to the real workspace: `cargo test --workspace` fails where `cargo xtask tidy` does.

mod arrows;
mod documents;
mod manifests;
mod sources;
mod texts;

use std::fmt;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// A rule that was broken, where, and what to do about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Failure {
    path: String,
    /// From 1.
    line: usize,
    message: String,
}

impl Failure {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Checks the workspace and prints what is wrong with it.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::read()?;
    let failures = check(&workspace);
    for failure in &failures {
        println!("{failure}");
    }
    match failures.len() {
        0 => {
            println!("tidy: {} packages, {} files", workspace.members.len(), workspace.paths.len());
            Ok(())
        }
        1 => bail!("1 house rule broken"),
        n => bail!("{n} house rules broken"),
    }
}

/// Everything that is wrong with the workspace, by path and line.
fn check(workspace: &Workspace) -> Vec<Failure> {
    let mut failures = Vec::new();
    for file in &workspace.files {
        failures.extend(texts::check(file));
        failures.extend(sources::check(file));
        failures.extend(documents::check_links(file, &workspace.paths));
    }
    for member in &workspace.members {
        failures.extend(arrows::check(member));
        failures.extend(manifests::check(member));
    }
    if let Some(text) = workspace.text("ARCHITECTURE.md") {
        failures.extend(documents::check_decisions(text, &workspace.members));
    }
    if let Some(text) = workspace.text("CHANGELOG.md") {
        failures.extend(documents::check_changelog(text, &workspace.members));
    }
    failures.sort();
    failures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::root;

    #[test]
    fn the_workspace_is_tidy() {
        if !root().join(".git").exists() {
            eprintln!("skipped: without git's index there is no telling which files are the project's");
            return;
        }
        let failures = check(&Workspace::read().unwrap());
        let lines: Vec<String> = failures.iter().map(Failure::to_string).collect();
        assert!(failures.is_empty(), "house rules broken:\n{}", lines.join("\n"));
    }

    #[test]
    fn a_failure_is_one_line_with_its_place() {
        assert_eq!(Failure::new("a/b.rs", 7, "too long").to_string(), "a/b.rs:7: too long");
    }
}
