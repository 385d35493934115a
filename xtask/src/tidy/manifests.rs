//! What a package's manifest must and must not say.

use cargo_metadata::{DependencyKind, Package};

use super::failure::Failure;
use crate::workspace::relative;

/// The programs: they alone meet the person at the terminal.
const PROGRAMS: [&str; 2] = ["mnist2x2-cli", "xtask"];
/// What only programs use: a library's errors are typed and its progress goes to a callback.
const FOR_PROGRAMS: [&str; 3] = ["anyhow", "clap", "tqdm"];
/// The package that stays free of candle unless the feature is on.
const WITHOUT_CANDLE: (&str, &str) = ("mnist2x2-data", "hub");

/// What is wrong with the manifest of `package`.
pub(super) fn check(package: &Package, manifest: &str) -> Vec<Failure> {
    let (name, path) = (package.name.as_str(), relative(&package.manifest_path));
    let (candle_free, feature) = WITHOUT_CANDLE;
    let mut failures = Vec::new();
    let mut fail = |message: String| failures.push(Failure::new(&path, 1, message));
    if !path.ends_with(&format!("{name}/Cargo.toml")) {
        fail(format!("package {name} must lie in a folder of the same name"));
    }
    if !manifest.contains("[lints]\nworkspace = true\n") {
        fail("add `[lints]` with `workspace = true`".into());
    }
    for (other, parts) in &package.features {
        if name == candle_free && other != feature && parts.iter().any(|part| part.contains("candle")) {
            fail(format!("feature `{other}` turns candle on; only `{feature}` may"));
        }
    }
    for dependency in &package.dependencies {
        let used = dependency.name.as_str();
        let mut fail = |message| failures.push(Failure::of_dependency(package, used, manifest, message));
        let is_for_examples = dependency.kind == DependencyKind::Development; // and they are programs
        if FOR_PROGRAMS.contains(&used) && !PROGRAMS.contains(&name) && !is_for_examples {
            fail(format!("{used} is for programs; a library has typed errors and callbacks"));
        }
        if name == candle_free && used.starts_with("candle") && !dependency.optional {
            fail(format!("make {used} optional, behind the feature `{feature}`"));
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::super::tests::{dependency, package};
    use super::*;

    const GOOD: &str = "[package]\n\n[lints]\nworkspace = true\n\n[dependencies]\n";

    fn with(name: &str, other: &str, optional: bool) -> Package {
        package(name, &[dependency(other, false, false, optional)])
    }

    /// What is wrong with a package whose dependency stands on line 7.
    fn failures_of(package: &Package) -> Vec<Failure> {
        let line = package.dependencies.first().map(|other| format!("{} = \"1\"\n", other.name));
        check(package, &[GOOD, &line.unwrap_or_default()].concat())
    }

    /// The line and the beginning of the message of the only failure.
    fn assert_fails(failures: &[Failure], line: usize, message: &str) {
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(failures[0].line, line, "{}", failures[0]);
        assert!(failures[0].message.starts_with(message), "{}", failures[0]);
    }

    #[test]
    fn a_good_package_passes() {
        assert_eq!(failures_of(&package("mnist2x2-model", &[])), []);
        assert_eq!(failures_of(&with("mnist2x2-cli", "clap", false)), []);
        assert_eq!(failures_of(&with("mnist2x2-data", "candle-core", true)), []);
        assert_eq!(failures_of(&with("mnist2x2-model", "candle-core", false)), []);
    }

    #[test]
    fn folder_and_package_have_one_name() {
        let mut package = package("mnist2x2-model", &[]);
        package.manifest_path = "crates/model/Cargo.toml".into();
        assert_fails(&failures_of(&package), 1, "package mnist2x2-model must lie");
    }

    #[test]
    fn every_package_takes_the_lints_of_the_workspace() {
        assert_fails(&check(&package("mnist2x2-model", &[]), "[package]\n"), 1, "add `[lints]`");
    }

    #[test]
    fn libraries_do_not_parse_arguments_or_draw_bars() {
        for name in FOR_PROGRAMS {
            let failures = failures_of(&with("mnist2x2-train", name, false));
            assert_fails(&failures, 7, &format!("{name} is for programs"));
        }
    }

    #[test]
    fn data_builds_without_candle() {
        let failures = failures_of(&with("mnist2x2-data", "candle-core", false));
        assert_fails(&failures, 7, "make candle-core optional");
        let mut package = with("mnist2x2-data", "candle-core", true);
        package.features.insert("hub".into(), vec!["dep:candle-core".into()]);
        assert_eq!(failures_of(&package), []);
        package.features.insert("default".into(), vec!["dep:candle-core".into()]);
        assert_fails(&failures_of(&package), 1, "feature `default` turns candle on");
    }
}
