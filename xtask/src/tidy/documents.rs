//! Rules that hold the documents and the code together.

use std::collections::BTreeSet;

use cargo_metadata::{Dependency, Package};

use super::failure::Failure;
use crate::workspace::has_extension;

/// The links of a Markdown file that lead to no file of the project.
pub(super) fn check_links(path: &str, text: &str, paths: &BTreeSet<String>) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut in_code = !has_extension(path, "md");
    for (line, text) in (1..).zip(text.lines()) {
        in_code ^= text.trim_start().starts_with("```");
        let is_inside = |target: &&str| !in_code && !target.is_empty() && !target.contains(':');
        for target in targets(text).filter(is_inside) {
            if !leads_to(path, target).is_some_and(|path| exists(&path, paths)) {
                let message = "is no file of the project; correct the link or add the file";
                failures.push(Failure::new(path, line, format!("`{target}` {message}")));
            }
        }
    }
    failures
}

/// Whether `path` is a file under version control or a folder of one.
fn exists(path: &str, paths: &BTreeSet<String>) -> bool {
    let folder = format!("{path}/");
    path.is_empty() || paths.contains(path) || paths.iter().any(|other| other.starts_with(&folder))
}

/// What the links of one line point at, without the heading within the page.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let begins = ["](", "src=\"", "href=\""].into_iter();
    begins
        .flat_map(|begin| line.split(begin).skip(1))
        .filter_map(|rest| rest.split([')', '"', ' ', '#']).next())
}

/// Where `target` leads from the file at `from`; `None` if out of the project.
fn leads_to(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()?),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The outside packages that `package` uses but that `architecture`, ARCHITECTURE.md, gives no reason for.
pub(super) fn check_decisions(package: &Package, manifest: &str, architecture: &str) -> Vec<Failure> {
    let outside = package.dependencies.iter().filter(|dependency| dependency.path.is_none());
    let unexplained = outside.filter(|other| !architecture.contains(&format!("`{}`", other.name)));
    let failure = |Dependency { name, .. }: &Dependency| {
        let message = format!("say in ARCHITECTURE.md why `{name}` is here, with its name in backticks");
        Failure::of_dependency(package, name, manifest, message)
    };
    unexplained.map(failure).collect()
}

/// The version of `package`, if `changelog`, CHANGELOG.md, has no heading for it.
pub(super) fn check_changelog(package: &Package, changelog: &str) -> Option<Failure> {
    let version = package.version.to_string();
    let has_heading = changelog.lines().any(|line| line.starts_with('#') && line.contains(&version));
    let failure = || Failure::new("CHANGELOG.md", 1, format!("add a heading for version {version}"));
    (!has_heading).then(failure)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{dependency, package};
    use super::*;

    const CLEAN: [usize; 0] = [];

    fn broken_links(path: &str, text: &str) -> Vec<usize> {
        let paths = ["README.md", "docs/why.md", "assets/sheet.png"].map(str::to_owned).into();
        check_links(path, text, &paths).iter().map(|failure| failure.line).collect()
    }

    #[test]
    fn links_lead_to_files_of_the_project() {
        let good = "[a](docs/why.md) ![b](assets/sheet.png) [c](docs/)\n[d](docs/why.md#part \"title\") [e](#part)\n";
        assert_eq!(broken_links("README.md", good), CLEAN);
        assert_eq!(broken_links("docs/why.md", "[up](../README.md)\n[up](./../assets)\n[top](..)\n"), CLEAN);
        assert_eq!(
            broken_links("README.md", "[site](https://example.org/x) <img src=\"assets/sheet.png\">\n"),
            CLEAN
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let bad = "[a](docs/how.md)\n\n![b](sheet.png) <img src=\"assets/x.png\">\n[c](../README.md)\n";
        assert_eq!(broken_links("README.md", bad), [1, 3, 3, 4]);
        assert_eq!(broken_links("docs/why.md", "[a](README.md)\n"), [1]);
        assert_eq!(broken_links("a.rs", bad), CLEAN);
    }

    #[test]
    fn code_holds_no_links() {
        assert_eq!(broken_links("README.md", "```rust\nf[0](x)\n```\n[a](x)\n"), [4]);
    }

    #[test]
    fn every_outside_package_has_its_reason() {
        let page = "`serde_json` writes it, `mnist2x2` is ours, Cargo.toml holds it.\n";
        let failures = |name, inside| {
            check_decisions(&package("a", &[dependency(name, inside, false, false)]), "", page).len()
        };
        assert_eq!(
            (failures("serde_json", false), failures("serde", false), failures("toml", false)),
            (0, 1, 1)
        );
        assert_eq!(failures("mnist2x2-model", true), 0);
    }

    #[test]
    fn the_changelog_knows_the_version() {
        let package = package("a", &[]);
        assert_eq!(check_changelog(&package, "# Changes\n\n## [1.2.3] - today\n"), None);
        assert!(check_changelog(&package, "# Changes\n\n1.2.3 will come.\n").is_some());
    }
}
