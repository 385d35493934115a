//! The Python side: where its script is, and whether it can run.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::measure::Program;
use crate::workspace;

/// What a person without PyTorch can do.
const ADVICE: &str = "run `pip install -r xtask/pytorch/requirements.txt` in a virtual environment \
    (`python3 -m venv DIR`) and name its Python with `--python`";

/// What the other side is made of.
#[derive(Debug, Deserialize, Serialize, PartialEq, Eq)]
pub(super) struct Versions {
    pub(super) python: String,
    pub(super) torch: String,
}

/// The counterpart of our program.
pub(super) fn script() -> PathBuf {
    workspace::root().join("xtask/pytorch/mnist2x2.py")
}

/// Asks `python` for its version and PyTorch's.
pub(super) fn versions(python: &str) -> Result<Versions> {
    let asked = Program::new(python).with(script()).output("versions");
    let output = asked.with_context(|| format!("cannot run `{python}`; {ADVICE}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let reason = errors.trim().lines().last().unwrap_or("it says nothing");
        bail!("`{python}` cannot use PyTorch ({reason}); {ADVICE}");
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("`{python}` does not say its versions"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_python_is_told_what_to_install() {
        let error = versions("no-such-python").unwrap_err().to_string();
        assert!(error.contains("`no-such-python`") && error.contains("requirements.txt"), "{error}");
        assert!(!error.contains('\n'), "{error}");
        assert!(script().is_file() && script().with_file_name("requirements.txt").is_file());
    }
}
