//! What is wrong, and where.

use std::fmt;

use cargo_metadata::Package;

use crate::workspace::relative;

/// A rule that was broken, where, and what to do about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Failure {
    pub(super) path: String,
    /// From 1.
    pub(super) line: usize,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line, message: message.into() }
    }

    /// On the line of the manifest that names the dependency `name` first.
    pub(super) fn of_dependency(package: &Package, name: &str, manifest: &str, message: String) -> Self {
        let names =
            |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']));
        let line = manifest.lines().position(names).map_or(1, |index| index + 1);
        Self::new(&relative(&package.manifest_path), line, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_with_its_place() {
        assert_eq!(Failure::new("a/b.rs", 7, "too long").to_string(), "a/b.rs:7: too long");
    }
}
