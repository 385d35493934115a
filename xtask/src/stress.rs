//! The tests of reliability with larger numbers, and a table of what they measured beside what is promised.
//!
//! A test that can go on for longer reads `MNIST2X2_STRESS_MINUTES`, and prints `promise: WHAT | MEASURED` when it has
//! passed. Without that variable it is a test of every day.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::workspace::cargo;

/// The minutes for all tests together.
const MINUTES: &str = "MNIST2X2_STRESS_MINUTES";

/// How long, and what.
#[derive(Args)]
pub(crate) struct Arguments {
    /// About how long it may take, once everything is built; counts and durations scale with it.
    #[arg(long, value_name = "M", default_value_t = 20.0, value_parser = minutes)]
    minutes: f64,
    /// One part alone: runs that are killed, stopped and short of disk; files and requests from anybody; the server
    /// under load and ill will.
    #[arg(long, value_parser = PARTS.map(|[name, ..]| name))]
    only: Option<String>,
}

/// The parts of the program that promise something: the name, the file of tests, and what libtest is told.
const PARTS: [[&str; 3]; 3] = [
    ["training", "reliability", ""],
    ["files", "untrusted_input", ""],
    ["serving", "it", "--test-threads=1 serving::"], // They have the machine to themselves.
];

fn minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|_| "is no number")?;
    if minutes > 0.0 && minutes.is_finite() { Ok(minutes) } else { Err("must be above 0".into()) }
}

/// Runs all parts, or the one that was asked for, and prints the table.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (mut all, mut passed) = (Vec::new(), true);
    let is_asked = |name| arguments.only.as_ref().is_none_or(|only| only == name);
    for [_, file, options] in PARTS.into_iter().filter(|part| is_asked(part[0])) {
        // Built for the whole workspace, nothing is built again that `cargo test --workspace` has built.
        let tests = format!("test --workspace --no-fail-fast --test {file}");
        println!("== cargo {tests} -- {options}");
        let build = cargo(&format!("{tests} --no-run")).status().context("cannot run cargo")?;
        ensure!(build.success(), "the tests in {file} cannot be built");
        let mut tests = cargo(&format!("{tests} -- --nocapture {options}"));
        let output = tests.env(MINUTES, arguments.minutes.to_string()).stderr(Stdio::inherit()).output()?;
        all.extend(rows(&String::from_utf8_lossy(&output.stdout)));
        passed &= output.status.success();
    }
    println!("{}", table(&all));
    ensure!(passed, "a promise was not kept; the reason is above the table");
    Ok(())
}

/// What tests told: promises that they found kept, and the names of those that failed.
fn rows(log: &str) -> Vec<[String; 3]> {
    let row = |line: &str| {
        // Other tests, which run at the same time, may have written before it on the line.
        if let Some((_, told)) = line.split_once("promise: ") {
            let (promise, measured) = told.split_once(" | ")?;
            return Some([promise.to_owned(), measured.to_owned(), "yes".into()]);
        }
        let test = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some([test.to_owned(), "failed".into(), "NO".into()])
    };
    log.lines().filter_map(row).collect()
}

/// The rows in columns.
fn table(rows: &[[String; 3]]) -> String {
    let heading = ["promise", "measured", "met"].map(str::to_owned);
    let all = || [&heading].into_iter().chain(rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (promise, measured) = (width(0), width(1));
    let line = |row: &[String; 3]| format!("{:promise$} | {:measured$} | {}", row[0], row[1], row[2]);
    let mut lines: Vec<String> = all().map(line).collect();
    lines.insert(1, format!("{}-|-{}-|----", "-".repeat(promise), "-".repeat(measured)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_promise_and_for_each_test_that_failed() {
        let log =
            "running 2 tests\ntest a ... promise: none lost | 3 kills\nok\ntest b::c ... FAILED\n\nb::c\n";
        let expected = "\
promise   | measured | met
----------|----------|----
none lost | 3 kills  | yes
b::c      | failed   | NO";
        assert_eq!(table(&rows(log)), expected);
        assert_eq!(rows("test a ... ok\n"), [[""; 3]; 0]);
    }
}
