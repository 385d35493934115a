//! Rules that hold the documents and the code together.

use std::collections::BTreeSet;

use super::Failure;
use crate::workspace::{File, Member};

/// The links of a Markdown file that lead to no file of the project.
pub(super) fn check_links(file: &File, paths: &BTreeSet<String>) -> Vec<Failure> {
    if !file.has_extension("md") {
        return Vec::new();
    }
    let broken =
        |&(_, target): &(usize, &str)| !leads_to(&file.path, target).is_some_and(|path| there(&path, paths));
    let failure = |(line, target): (usize, &str)| {
        Failure::new(
            &file.path,
            line,
            format!("`{target}` is no file of the project; correct the link or add the file"),
        )
    };
    relative_links(&file.text).into_iter().filter(broken).map(failure).collect()
}

/// Whether `path` is a file under version control or a folder of one.
fn there(path: &str, paths: &BTreeSet<String>) -> bool {
    path.is_empty()
        || paths.contains(path)
        || paths.iter().any(|other| other.starts_with(&format!("{path}/")))
}

/// The targets of links and pictures that name neither a site nor a heading, with their lines; code is left out.
fn relative_links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        if !in_code {
            links.extend(targets(line).map(|target| (index + 1, target)));
        }
    }
    links.retain(|(_, target)| !target.is_empty() && !target.contains(':'));
    links
}

/// What the links of one line point at, without the heading within the page.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    [("](", [')', ' ']), ("src=\"", ['"', ' ']), ("href=\"", ['"', ' '])].into_iter().flat_map(
        move |(begin, end)| {
            let after = line.match_indices(begin).map(move |(start, _)| &line[start + begin.len()..]);
            after.map(move |rest| {
                rest.split(end).next().unwrap_or_default().split('#').next().unwrap_or_default()
            })
        },
    )
}

/// Where `target` leads from the file at `from`; `None` if out of the project.
fn leads_to(from: &str, target: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in target.split('/') {
        match part {
            ".." => {
                parts.pop().filter(|part| !part.is_empty())?;
            }
            "." => {}
            part => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    Some(parts.join("/"))
}

/// The outside packages that somebody uses but that `architecture`, ARCHITECTURE.md, gives no reason for.
pub(super) fn check_decisions(architecture: &str, members: &[Member]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for member in members {
        let names: BTreeSet<_> =
            member.dependencies.iter().filter(|dependency| !dependency.inside).map(|d| &d.name).collect();
        for name in names.into_iter().filter(|name| !architecture.contains(&format!("`{name}`"))) {
            let message = format!("say in ARCHITECTURE.md why `{name}` is here, with its name in backticks");
            failures.push(Failure::new(&member.manifest.path, member.line_of(name), message));
        }
    }
    failures
}

/// The versions that `changelog`, CHANGELOG.md, has no heading for.
pub(super) fn check_changelog(changelog: &str, members: &[Member]) -> Vec<Failure> {
    let versions: BTreeSet<&str> = members.iter().map(|member| member.version.as_str()).collect();
    let has = |version: &&str| changelog.lines().any(|line| line.starts_with('#') && line.contains(*version));
    let missing = versions.into_iter().filter(|version| !has(version));
    missing
        .map(|version| Failure::new("CHANGELOG.md", 1, format!("add a heading for version {version}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    const CLEAN: [usize; 0] = [];

    fn broken_links(path: &str, text: &str) -> Vec<usize> {
        let paths = ["README.md", "docs/why.md", "assets/sheet.png"].map(str::to_owned).into();
        let file = File { path: path.into(), text: text.into() };
        check_links(&file, &paths).iter().map(|failure| failure.line).collect()
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

    fn member(dependency: &str, inside: bool) -> Member {
        let dependency = Dependency { name: dependency.into(), inside, ..Dependency::default() };
        Member { version: "1.2.3".into(), dependencies: vec![dependency], ..Member::default() }
    }

    #[test]
    fn every_outside_package_has_its_reason() {
        let page = "`serde_json` writes it, `mnist2x2` is ours, Cargo.toml holds it.\n";
        let failures = |name, inside| check_decisions(page, &[member(name, inside)]).len();
        assert_eq!(
            (failures("serde_json", false), failures("serde", false), failures("toml", false)),
            (0, 1, 1)
        );
        assert_eq!(failures("mnist2x2-model", true), 0);
    }

    #[test]
    fn the_changelog_knows_the_version() {
        let members = [member("serde", false), member("toml", false)];
        assert_eq!(check_changelog("# Changes\n\n## [1.2.3] - today\n", &members), []);
        assert_eq!(check_changelog("# Changes\n\n1.2.3 will come.\n", &members).len(), 1);
    }
}
