//! Which package may import which: the layers of the workspace.

use super::Failure;
use crate::workspace::{Dependency, Member};

/// The packages from the bottom up, each with those it may import. All of them stand above it in this table, so there
/// can be no cycle, and what a package can reach can be read off here.
const TABLE: &[(&str, &[&str])] = &[
    ("mnist2x2-random", &[]),
    ("mnist2x2-tokenizer", &[]),
    ("mnist2x2-data", &["mnist2x2-random"]),
    ("mnist2x2-kernels", &[]),
    ("mnist2x2-model", &["mnist2x2-random", "mnist2x2-kernels"]),
    ("mnist2x2-formats", &["mnist2x2-model"]),
    ("mnist2x2-picture", &["mnist2x2-data"]),
    (
        "mnist2x2-infer",
        &["mnist2x2-tokenizer", "mnist2x2-data", "mnist2x2-model", "mnist2x2-formats", "mnist2x2-picture"],
    ),
    (
        "mnist2x2-train",
        &[
            "mnist2x2-random",
            "mnist2x2-tokenizer",
            "mnist2x2-data",
            "mnist2x2-kernels",
            "mnist2x2-model",
            "mnist2x2-formats",
            "mnist2x2-picture",
            "mnist2x2-infer",
        ],
    ),
    ("mnist2x2-report", &["mnist2x2-data", "mnist2x2-train"]),
    ("mnist2x2-corrections", &["mnist2x2-data"]),
    (
        "mnist2x2-serve",
        &[
            "mnist2x2-data",
            "mnist2x2-model",
            "mnist2x2-formats",
            "mnist2x2-picture",
            "mnist2x2-infer",
            "mnist2x2-corrections",
        ],
    ),
    (
        "mnist2x2",
        &[
            "mnist2x2-random",
            "mnist2x2-tokenizer",
            "mnist2x2-data",
            "mnist2x2-kernels",
            "mnist2x2-model",
            "mnist2x2-formats",
            "mnist2x2-picture",
            "mnist2x2-infer",
            "mnist2x2-train",
            "mnist2x2-report",
            "mnist2x2-corrections",
            "mnist2x2-serve",
        ],
    ),
    ("mnist2x2-cli", &["mnist2x2"]),
    (
        "mnist2x2-fuzz",
        &[
            "mnist2x2-random",
            "mnist2x2-data",
            "mnist2x2-model",
            "mnist2x2-formats",
            "mnist2x2-picture",
            "mnist2x2-infer",
            "mnist2x2-train",
            "mnist2x2-corrections",
            "mnist2x2-serve",
        ],
    ),
    ("xtask", &["mnist2x2-data", "mnist2x2-corrections"]),
];

/// Tests everywhere may draw random numbers.
const FOR_TESTS: &str = "mnist2x2-random";

/// The packages of the workspace that `member` imports but may not.
pub(super) fn check(member: &Member) -> Vec<Failure> {
    let manifest = &member.manifest.path;
    let Some((name, may_import)) = TABLE.iter().find(|(name, _)| *name == member.name) else {
        let message = format!("{} is in no layer; give it a line in xtask/src/tidy/arrows.rs", member.name);
        return vec![Failure::new(manifest, 1, message)];
    };
    let allowed = |dependency: &Dependency| {
        let is = dependency.name.as_str();
        may_import.contains(&is) || dependency.dev && (is == FOR_TESTS || is == *name)
    };
    let forbidden = |dependency: &&Dependency| dependency.inside && !allowed(dependency);
    let failure = |dependency: &Dependency| {
        let other = &dependency.name;
        let message = format!(
            "{name} must not import {other}; move the code to where it may be seen, or argue for the arrow in \
             xtask/src/tidy/arrows.rs"
        );
        Failure::new(manifest, member.line_of(other), message)
    };
    member.dependencies.iter().filter(forbidden).map(failure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::File;

    /// A package that imports one other on the second line of its manifest.
    fn importing(name: &str, other: &str, inside: bool, dev: bool) -> Member {
        Member {
            name: name.into(),
            manifest: File {
                path: "Cargo.toml".into(),
                text: format!("[dependencies]\n{other}.workspace = true\n"),
            },
            dependencies: vec![Dependency { name: other.into(), inside, dev, optional: false }],
            ..Member::default()
        }
    }

    #[test]
    fn arrows_point_up_the_table() {
        for (index, (name, may_import)) in TABLE.iter().enumerate() {
            for other in *may_import {
                assert!(TABLE[..index].iter().any(|(above, _)| above == other), "{name} -> {other}");
            }
        }
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_refused() {
        for (name, other, dev) in [
            ("mnist2x2-tokenizer", "mnist2x2-data", false),
            ("mnist2x2-model", "mnist2x2-train", false),
            ("mnist2x2-model", "mnist2x2-train", true),
            ("mnist2x2-tokenizer", "mnist2x2-random", false),
            ("mnist2x2-cli", "mnist2x2-train", false),
        ] {
            let failures = check(&importing(name, other, true, dev));
            assert_eq!(failures.len(), 1, "{name} -> {other}");
            assert_eq!(failures[0].line, 2);
            assert!(failures[0].message.contains(other), "{}", failures[0]);
        }
    }

    #[test]
    fn what_the_table_has_is_allowed_and_so_are_outside_packages_and_random_in_tests() {
        for (name, other, inside, dev) in [
            ("mnist2x2-model", "mnist2x2-kernels", true, false),
            ("mnist2x2-cli", "mnist2x2", true, false),
            ("mnist2x2-tokenizer", "mnist2x2-random", true, true),
            ("mnist2x2-kernels", "mnist2x2-kernels", true, true),
            ("mnist2x2-tokenizer", "serde", false, false),
        ] {
            assert_eq!(check(&importing(name, other, inside, dev)), [], "{name} -> {other}");
        }
    }

    #[test]
    fn a_package_without_a_layer_is_refused() {
        assert_eq!(check(&importing("mnist2x2-new", "serde", false, false)).len(), 1);
    }
}
