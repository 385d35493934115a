//! The house rules, checked by a program instead of by reviewers.
//!
//! Each rule is a function of texts or of packages, so that its test needs no files. A test at the foot applies all of
//! them to the real workspace: `cargo test --workspace` fails where `cargo xtask tidy` does.

mod arrows;
mod cycles;
mod documents;
mod failure;
mod manifests;
mod sources;
mod texts;

use anyhow::{Result, ensure};

use self::failure::Failure;
use crate::workspace::{Workspace, relative};

/// Checks the workspace and prints what is wrong with it.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::read()?;
    let failures = check(&workspace);
    for failure in &failures {
        println!("{failure}");
    }
    ensure!(failures.is_empty(), "house rules broken: {}", failures.len());
    println!("tidy: {} packages, {} files", workspace.packages.len(), workspace.paths.len());
    Ok(())
}

/// Everything that is wrong with the workspace, by path and line.
fn check(workspace: &Workspace) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (path, text) in &workspace.texts {
        failures.extend(texts::check(path, text));
        failures.extend(sources::check(path, text));
        failures.extend(documents::check_links(path, text, &workspace.paths));
    }
    let [architecture, changelog] = ["ARCHITECTURE.md", "CHANGELOG.md"].map(|path| workspace.text(path));
    let rows = arrows::rows(architecture);
    failures.extend(arrows::check_table(&rows));
    for package in &workspace.packages {
        let manifest = workspace.text(&relative(&package.manifest_path));
        failures.extend(arrows::check(package, manifest, &rows));
        failures.extend(manifests::check(package, manifest));
        failures.extend(documents::check_decisions(package, manifest, architecture));
        failures.extend(documents::check_changelog(package, changelog));
        failures.extend(cycles::check(package, &workspace.texts));
    }
    failures.sort();
    failures.dedup();
    failures
}

#[cfg(test)]
mod tests {
    use cargo_metadata::Package;
    use serde_json::{Value, json};

    use super::*;
    use crate::workspace::root;

    /// What cargo tells of a package in `crates/NAME`.
    pub(super) fn package(name: &str, dependencies: &[Value]) -> Package {
        let folder = format!("crates/{name}");
        let target = json!({ "name": name, "kind": ["lib"], "src_path": format!("{folder}/src/lib.rs") });
        let manifest = format!("{folder}/Cargo.toml");
        serde_json::from_value(
            json!({ "name": name, "version": "1.2.3", "id": name, "dependencies": dependencies,
            "targets": [target], "features": {}, "manifest_path": manifest }),
        )
        .unwrap()
    }

    /// What cargo tells of a dependency.
    pub(super) fn dependency(name: &str, inside: bool, dev: bool, optional: bool) -> Value {
        json!({ "name": name, "req": "*", "kind": dev.then_some("dev"), "optional": optional,
            "uses_default_features": true, "features": [], "path": inside.then_some(name) })
    }

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
}
