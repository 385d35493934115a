//! What a package's manifest and the first file of its crate must and must not say.

use super::Failure;
use crate::workspace::{Dependency, Member};

/// The programs: they alone meet the person at the terminal.
const PROGRAMS: [&str; 2] = ["mnist2x2-cli", "xtask"];
/// What only programs use: a library's errors are typed and its progress goes to a callback.
const FOR_PROGRAMS: [&str; 3] = ["anyhow", "clap", "tqdm"];
/// The package with fused loops over raw slices.
const MAY_BE_UNSAFE: &str = "mnist2x2-kernels";
/// The package that stays free of candle unless the feature is on.
const WITHOUT_CANDLE: (&str, &str) = ("mnist2x2-data", "hub");

/// What is wrong with the manifest and the crate roots of `member`.
pub(super) fn check(member: &Member) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut fail = |line, message: String| failures.push(Failure::new(&member.manifest.path, line, message));
    let name = &member.name;
    if !member.manifest.path.ends_with(&format!("{name}/Cargo.toml")) {
        fail(1, format!("package {name} must lie in a folder of the same name"));
    }
    if !member.manifest.text.contains("[lints]\nworkspace = true\n") {
        fail(1, "add `[lints]` with `workspace = true`".into());
    }
    for dependency in &member.dependencies {
        let (line, used) = (member.line_of(&dependency.name), &dependency.name);
        if FOR_PROGRAMS.contains(&used.as_str()) && !PROGRAMS.contains(&name.as_str()) {
            fail(line, format!("{used} is for programs; a library has typed errors and callbacks"));
        }
        if name == WITHOUT_CANDLE.0 && is_candle(dependency) && !dependency.optional {
            fail(line, format!("make {used} optional, behind the feature `{}`", WITHOUT_CANDLE.1));
        }
    }
    for feature in features_with_candle(member) {
        fail(1, format!("feature `{feature}` turns candle on; only `{}` may", WITHOUT_CANDLE.1));
    }
    failures.extend(unsafe_roots(member));
    failures
}

fn is_candle(dependency: &Dependency) -> bool {
    dependency.name.starts_with("candle")
}

/// The features of the package without candle that bring it in all the same.
fn features_with_candle(member: &Member) -> impl Iterator<Item = &String> {
    let turns_candle_on = |parts: &Vec<String>| parts.iter().any(|part| part.contains("candle"));
    let (package, feature) = WITHOUT_CANDLE;
    member
        .features
        .iter()
        .filter(move |(name, parts)| member.name == package && *name != feature && turns_candle_on(parts))
        .map(|(name, _)| name)
}

/// The crate roots that leave the door to unsafe code open.
fn unsafe_roots(member: &Member) -> impl Iterator<Item = Failure> {
    let open = |text: &str| !text.contains("#![forbid(unsafe_code)]") && member.name != MAY_BE_UNSAFE;
    let roots = member.roots.iter().filter(move |root| open(&root.text));
    roots.map(|root| {
        Failure::new(&root.path, 1, "add `#![forbid(unsafe_code)]` below the crate's documentation")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::File;

    /// A package that breaks no rule.
    fn member(name: &str) -> Member {
        let manifest = "[package]\n\n[lints]\nworkspace = true\n\n[dependencies]\n";
        Member {
            name: name.into(),
            manifest: File { path: format!("crates/{name}/Cargo.toml"), text: manifest.into() },
            roots: vec![File { path: "lib.rs".into(), text: "//! It.\n#![forbid(unsafe_code)]\n".into() }],
            ..Member::default()
        }
    }

    fn with(name: &str, dependency: &str, optional: bool) -> Member {
        let mut member = member(name);
        member.manifest.text.push_str(&[dependency, " = \"1\"\n"].concat());
        member.dependencies = vec![Dependency { name: dependency.into(), optional, ..Dependency::default() }];
        member
    }

    /// The line and the beginning of the message of the only failure.
    fn assert_fails(member: &Member, line: usize, message: &str) {
        let failures = check(member);
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(failures[0].line, line, "{}", failures[0]);
        assert!(failures[0].message.starts_with(message), "{}", failures[0]);
    }

    #[test]
    fn a_good_package_passes() {
        assert_eq!(check(&member("mnist2x2-model")), []);
        assert_eq!(check(&with("mnist2x2-cli", "clap", false)), []);
        assert_eq!(check(&with("mnist2x2-data", "candle-core", true)), []);
        assert_eq!(check(&with("mnist2x2-model", "candle-core", false)), []);
    }

    #[test]
    fn folder_and_package_have_one_name() {
        let mut member = member("mnist2x2-model");
        member.manifest.path = "crates/model/Cargo.toml".into();
        assert_fails(&member, 1, "package mnist2x2-model must lie");
    }

    #[test]
    fn every_package_takes_the_lints_of_the_workspace() {
        let mut member = member("mnist2x2-model");
        member.manifest.text = "[package]\n".into();
        assert_fails(&member, 1, "add `[lints]`");
    }

    #[test]
    fn libraries_do_not_parse_arguments_or_draw_bars() {
        for name in FOR_PROGRAMS {
            assert_fails(&with("mnist2x2-train", name, false), 7, &format!("{name} is for programs"));
        }
    }

    #[test]
    fn data_builds_without_candle() {
        assert_fails(&with("mnist2x2-data", "candle-core", false), 7, "make candle-core optional");
        let mut member = with("mnist2x2-data", "candle-core", true);
        member.features =
            [("hub", "dep:candle-core")].map(|(name, part)| (name.into(), vec![part.into()])).into();
        assert_eq!(check(&member), []);
        member.features.insert("default".into(), vec!["dep:candle-core".into()]);
        assert_fails(&member, 1, "feature `default` turns candle on");
    }

    #[test]
    fn unsafe_code_is_forbidden_but_in_the_kernels() {
        for (name, allowed) in [("mnist2x2-model", false), (MAY_BE_UNSAFE, true)] {
            let mut member = member(name);
            member.roots[0].text = "//! It.\n".into();
            assert_eq!(check(&member).is_empty(), allowed, "{name}");
        }
    }
}
