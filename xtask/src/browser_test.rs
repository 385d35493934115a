//! Tests of the drawing page in a browser.
//!
//! What they need beside Rust, a Chromium and npm, is not everybody's: where it is missing they say so and are skipped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::site;
use crate::workspace::{PROGRAM, build, root};

/// The names of a program that drives pages as the tests expect.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };
/// A server that counts strokes, so that it can be told what to answer: an example of mnist2x2-serve.
const COUNTER: &str = "counting_reader";

/// Where the page without a server is built.
const BUILT: &str = "target/site/page";

/// What to test, and what to leave.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Test the page of this server, such as <http://127.0.0.1:7860>, and not those of our own.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Test the page without a server: the one in this folder, or without a folder, one that is built now.
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = BUILT, conflicts_with = "server")]
    site: Option<PathBuf>,
    /// Put pictures of the page into this folder.
    #[arg(long, value_name = "DIR")]
    screenshots: Option<PathBuf>,
    /// Go on to Playwright, such as `-g keyboard`.
    #[arg(last = true)]
    playwright: Vec<String>,
}

/// Runs the tests, or says why not.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let browser = env::var_os("CHROMIUM").map(PathBuf::from).or_else(|| installed(&BROWSERS));
    let (Some(browser), Some(npm)) = (browser, installed(&[NPM])) else {
        println!("browser-test: skipped, for it needs Chromium (or CHROMIUM=its path) and npm on the PATH");
        return Ok(());
    };
    let folder = root().join("crates/mnist2x2-serve/browser");
    let npm = |arguments: &[&str]| {
        let mut command = Command::new(&npm);
        // Playwright would fetch browsers of its own.
        command.args(arguments).current_dir(&folder).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
        command
    };
    done(npm(&["ci", "--no-audit", "--no-fund", "--ignore-scripts"]), "npm cannot install the packages")?;
    done(npm(&["run", "check"]), "the types of the scripts do not fit")?;
    let mut tests = npm(&["test", "--"]);
    tests.args(&arguments.playwright).env("CHROMIUM", browser);
    if let Some(folder) = &arguments.site {
        tests.env("SITE", if folder == Path::new(BUILT) { built()? } else { absolute(folder)? });
    }
    if let Some(url) = &arguments.server {
        tests.env("SERVER_URL", url);
    } else {
        // Asked for the whole workspace, cargo builds nothing again that its tests have built.
        let both = format!("--workspace --example {COUNTER} --bin {PROGRAM}");
        tests.env("SERVER_BINARY", build(&both, COUNTER)?).env("PROGRAM", build(&both, PROGRAM)?);
    }
    if let Some(folder) = &arguments.screenshots {
        tests.env("SCREENSHOTS", absolute(folder)?);
    }
    done(tests, "the page fails its tests; run one alone with `cargo xtask browser-test -- -g NAME`")
}

/// The page without a server, built now.
fn built() -> Result<PathBuf> {
    let folder = root().join(BUILT);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    site::write(&folder, &site::build()?)?;
    Ok(folder)
}

/// A path from the folder that this program was started in.
fn absolute(path: &Path) -> Result<PathBuf> {
    Ok(env::current_dir().context("there is no current folder")?.join(path))
}

/// Runs a command to its end, which must be a good one.
fn done(mut command: Command, otherwise: &'static str) -> Result<()> {
    let status =
        command.status().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    ensure!(status.success(), otherwise);
    Ok(())
}

/// The first of these programs that is on the path.
fn installed(names: &[&str]) -> Option<PathBuf> {
    found(names, &env::split_paths(&env::var_os("PATH")?).collect::<Vec<_>>())
}

fn found(names: &[&str], folders: &[impl AsRef<Path>]) -> Option<PathBuf> {
    let places = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.as_ref().join(name)));
    places.into_iter().find(|place| place.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_is_found_in_whatever_folder() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        assert_eq!(found(&["a", "b"], &folders), None);
        fs::write(folders[0].path().join("b"), "").unwrap();
        assert_eq!(found(&["a", "b"], &folders), Some(folders[0].path().join("b")));
        fs::write(folders[1].path().join("a"), "").unwrap();
        assert_eq!(found(&["a", "b"], &folders), Some(folders[1].path().join("a")));
    }

    #[test]
    fn what_is_tested_is_in_the_repository() {
        let folder = root().join("crates/mnist2x2-serve");
        assert!(folder.join("browser/package-lock.json").is_file());
        assert!(folder.join("examples").join(COUNTER).with_extension("rs").is_file());
    }
}
