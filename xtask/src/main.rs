//! The project's own tasks, run as `cargo xtask TASK`; the alias is in `.cargo/config.toml`.
//!
//! One module per task. A task that fails says what to do next; the exit code is 0 when all is well, 1 when something
//! failed and 2 when the command line is wrong.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]

mod workspace;

mod browser_test;
mod ci;
mod compare;
mod download;
mod load;
mod mutants;
mod site;
mod stress;
mod tidy;

use std::process::ExitCode;

use clap::Parser;

/// Project automation of mnist2x2.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Fetch MNIST's four files into a folder; does nothing if they are there.
    DownloadMnist(download::Mnist),
    /// Fetch pen strokes of handwritten digits (UCI data set 81, both halves); does nothing if they are there.
    DownloadPendigits(download::Arguments),
    /// Check the house rules: layers, cycles of modules, manifests, sources, documents.
    Tidy,
    /// Run everything that a pull request is checked with, cheapest first.
    Ci(ci::Arguments),
    /// Try the drawing page in a browser, if there is one.
    BrowserTest(browser_test::Arguments),
    /// Build the drawing page as a folder of static files, which need no server.
    Site(site::Arguments),
    /// Load a server with requests, and tell how many it answers and how soon.
    Load(load::Arguments),
    /// Time the program and its PyTorch counterpart in turn, and print the ratios.
    Compare(compare::Arguments),
    /// Prove that the tests of the laws can fail: break the code on purpose and see who notices.
    Mutants(mutants::Arguments),
    /// Hold what is promised of reliability against what is measured, at length.
    #[command(alias = "torture")]
    Stress(stress::Arguments),
}

fn main() -> ExitCode {
    let result = match Task::parse() {
        Task::DownloadMnist(arguments) => download::mnist(&arguments),
        Task::DownloadPendigits(arguments) => download::pendigits(&arguments),
        Task::Tidy => tidy::run(),
        Task::Ci(arguments) => ci::run(&arguments),
        Task::BrowserTest(arguments) => browser_test::run(&arguments),
        Task::Site(arguments) => site::run(&arguments),
        Task::Load(arguments) => load::run(&arguments),
        Task::Compare(arguments) => compare::run(&arguments),
        Task::Mutants(arguments) => mutants::run(&arguments),
        Task::Stress(arguments) => stress::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::workspace::root;

    #[test]
    fn the_first_task_builds_before_the_eyes_of_whoever_waits() {
        let alias = fs::read_to_string(root().join(".cargo/config.toml")).unwrap();
        assert!(alias.contains("xtask = ") && !alias.contains("quiet"), "{alias}");
    }
}
