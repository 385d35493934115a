//! Which package may import which. The table of crates in ARCHITECTURE.md says it; it is read from there.

use cargo_metadata::{Dependency, DependencyKind, Package};

use super::failure::Failure;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
/// What every package may import for its tests, beside itself.
const FOR_TESTS: [&str; 2] = ["mnist2x2-random", "mnist2x2-load"];

/// A row of the table: a package and what it may import.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    line: usize,
    name: String,
    imports: Vec<String>,
}

/// The rows of the table of crates, whose last column says what each may import: names, with or without `mnist2x2-`;
/// `the above`; or `-`.
pub(super) fn rows(architecture: &str) -> Vec<Row> {
    let is_header = |line: &str| line.starts_with("| crate |") && line.contains("import");
    let lines = (1..).zip(architecture.lines()).skip_while(|(_, line)| !is_header(line)).skip(2);
    let mut rows: Vec<Row> = Vec::new();
    for (line, text) in lines.take_while(|(_, line)| line.starts_with('|')) {
        let mut cells = text.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', ""));
        let (name, last) = (cells.next().unwrap_or_default(), cells.next_back().unwrap_or_default());
        let above = || rows.iter().map(|row| row.name.clone());
        let full = |short: &str| above().find(|name| name == short).unwrap_or(format!("mnist2x2-{short}"));
        let imports = match last.as_str() {
            "-" => Vec::new(),
            all if all.ends_with("above") => above().collect(),
            names => names.split(", ").map(full).collect(),
        };
        rows.push(Row { line, name, imports });
    }
    rows
}

/// The arrows that do not point up the table. Where all do, there is no circle.
pub(super) fn check_table(rows: &[Row]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (index, Row { line, name, imports }) in rows.iter().enumerate() {
        let is_above = |import: &&String| rows[..index].iter().any(|above| above.name == **import);
        failures.extend(imports.iter().filter(|import| !is_above(import)).map(|import| {
            let message = format!("{import} does not stand above {name} in the table of crates");
            Failure::new(ARCHITECTURE, *line, message)
        }));
    }
    failures
}

/// The packages of the workspace that `package` imports but may not.
pub(super) fn check(package: &Package, manifest: &str, rows: &[Row]) -> Vec<Failure> {
    let name = package.name.as_str();
    let Some(row) = rows.iter().find(|row| row.name == name) else {
        let message = format!("{name} has no row in the table of crates");
        return vec![Failure::new(ARCHITECTURE, 1, message)];
    };
    let is_allowed = |dependency: &Dependency| {
        let is_for_tests = FOR_TESTS.contains(&dependency.name.as_str()) || dependency.name == name;
        row.imports.contains(&dependency.name)
            || dependency.kind == DependencyKind::Development && is_for_tests
    };
    let forbidden = package.dependencies.iter().filter(|other| other.path.is_some() && !is_allowed(other));
    let failure = |Dependency { name: other, .. }: &Dependency| {
        let message = format!(
            "{name} must not import {other}; move the code to where it may be seen, or argue for the arrow in \
             {ARCHITECTURE}'s table of crates"
        );
        Failure::of_dependency(package, other, manifest, message)
    };
    forbidden.map(failure).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{dependency, package};
    use super::*;

    const TABLE: &str = "# House\n\n| a | imports |\n|---|---|\n| no | table of crates |\n\n\
        | crate | what | may import |\n|---|---|---|\n\
        | `mnist2x2-random` | numbers | - |\n\
        | `mnist2x2-model` | network | random |\n\
        | `mnist2x2` | facade | the above |\n\
        | `mnist2x2-cli` | program | mnist2x2 |\n\n\
        | crate | for |\n|---|---|\n| `serde` | text |\n";

    /// The lines of what is wrong with a package that imports one other on the second line of its manifest.
    fn lines_of(name: &str, other: &str, inside: bool, dev: bool) -> Vec<usize> {
        let package = package(name, &[dependency(other, inside, dev, false)]);
        let manifest = format!("[dependencies]\n{other}.workspace = true\n");
        check(&package, &manifest, &rows(TABLE)).iter().map(|failure| failure.line).collect()
    }

    #[test]
    fn the_table_is_read() {
        let rows = rows(TABLE);
        let found: Vec<_> =
            rows.iter().map(|row| (row.line, row.name.as_str(), row.imports.join(" "))).collect();
        let expected = [
            (9, "mnist2x2-random", ""),
            (10, "mnist2x2-model", "mnist2x2-random"),
            (11, "mnist2x2", "mnist2x2-random mnist2x2-model"),
            (12, "mnist2x2-cli", "mnist2x2"),
        ];
        assert_eq!(found, expected.map(|(line, name, imports)| (line, name, imports.to_owned())));
    }

    #[test]
    fn arrows_point_up_the_table() {
        assert_eq!(check_table(&rows(TABLE)), []);
        let failures = check_table(&rows(&TABLE.replace("numbers | -", "numbers | model")));
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].line, 9);
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_refused() {
        for (name, other, dev) in [
            ("mnist2x2-random", "mnist2x2-model", false),
            ("mnist2x2-random", "mnist2x2-model", true),
            ("mnist2x2-cli", "mnist2x2-random", false),
            ("mnist2x2-cli", "mnist2x2-model", false),
        ] {
            assert_eq!(lines_of(name, other, true, dev), [2], "{name} -> {other}");
        }
    }

    #[test]
    fn what_the_table_has_is_allowed_and_so_are_outside_packages_and_random_in_tests() {
        for (name, other, inside, dev) in [
            ("mnist2x2-model", "mnist2x2-random", true, false),
            ("mnist2x2", "mnist2x2-model", true, false),
            ("mnist2x2-cli", "mnist2x2-random", true, true),
            ("mnist2x2-random", "mnist2x2-random", true, true),
            ("mnist2x2-random", "serde", false, false),
        ] {
            assert_eq!(lines_of(name, other, inside, dev), [0; 0], "{name} -> {other}");
        }
    }

    #[test]
    fn a_package_without_a_row_is_refused() {
        assert_eq!(lines_of("mnist2x2-new", "serde", false, false), [1]);
    }
}
