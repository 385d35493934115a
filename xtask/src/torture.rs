//! Whether what is promised holds for long: the tests of reliability at length, and what they measured beside each promise.
//!
//! The tests of every day are the same code with smaller numbers; environment variables make them larger.

mod files;
mod serving;
mod training;

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use crate::workspace;

/// How long, and what.
#[derive(Args)]
pub(crate) struct Arguments {
    /// About how long it may take, once everything is built; counts and durations scale with it.
    #[arg(long, value_name = "M", default_value_t = 20.0, value_parser = minutes)]
    minutes: f64,
    /// One part alone.
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// The parts of the program that promise something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Runs that are killed, stopped and short of disk.
    Training,
    /// Files and requests by strangers.
    Files,
    /// The server under load and ill will.
    Serving,
}

impl Part {
    fn lines(self, minutes: f64) -> Result<Vec<Line>> {
        match self {
            Self::Training => training::lines(minutes),
            Self::Files => files::lines(minutes),
            Self::Serving => serving::lines(minutes),
        }
    }
}

/// A promise, what was measured of it, and whether it held.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) promise: String,
    pub(crate) measured: String,
    pub(crate) met: bool,
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|_| "is no number")?;
    if minutes > 0.0 && minutes.is_finite() { Ok(minutes) } else { Err("must be above 0".into()) }
}

/// Measures all parts, or the one that was asked for, and prints the table.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let parts = arguments.only.as_ref().map_or(Part::value_variants(), std::slice::from_ref);
    let mut lines = Vec::new();
    for part in parts {
        lines.extend(part.lines(arguments.minutes)?);
    }
    println!("{}", table(&lines));
    match lines.iter().filter(|line| !line.met).count() {
        0 => Ok(()),
        1 => bail!("1 promise was not kept"),
        n => bail!("{n} promises were not kept"),
    }
}

/// The lines in columns.
fn table(lines: &[Line]) -> String {
    let width = |cell: fn(&Line) -> &str, heading: &str| {
        let longest = lines.iter().map(|line| cell(line).chars().count()).max();
        longest.unwrap_or(0).max(heading.len())
    };
    let (promise, measured) =
        (width(|line| &line.promise, "promise"), width(|line| &line.measured, "measured"));
    let row = |cells: [&str; 3]| format!("{:promise$} | {:measured$} | {}", cells[0], cells[1], cells[2]);
    let rows =
        lines.iter().map(|line| row([&line.promise, &line.measured, if line.met { "yes" } else { "NO" }]));
    let rule = format!("{}-|-{}-|----", "-".repeat(promise), "-".repeat(measured));
    let rows: Vec<String> = [row(["promise", "measured", "met"]), rule].into_iter().chain(rows).collect();
    rows.join("\n")
}

/// Tests of a package, made longer by a variable of the environment.
struct Tests {
    package: &'static str,
    /// The file of tests.
    file: &'static str,
    /// Part of the names of those that are run.
    filter: &'static str,
    variable: Option<(&'static str, String)>,
}

impl Tests {
    /// Runs them and gives a line for each measurement that they tell of the promise, or one for which of them failed.
    fn lines(&self, promise: &str) -> Result<Vec<Line>> {
        let output = self.run()?;
        let line = |measured: String, met| Line { promise: promise.into(), measured, met };
        let Some(passed) = output.lines().find_map(|line| line.strip_prefix("test result: ok. ")) else {
            let tests =
                output.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
            return Ok(vec![line(format!("failed: {}", tests.collect::<Vec<_>>().join(", ")), false)]);
        };
        let measured = output.lines().filter_map(|text| Some(text.split_once("measured: ")?.1.to_owned()));
        let lines: Vec<Line> = measured.map(|measured| line(measured, true)).collect();
        let count = || line(passed.split(';').next().unwrap_or_default().to_owned(), true);
        Ok(if lines.is_empty() { vec![count()] } else { lines })
    }

    /// Everything that they print.
    fn run(&self) -> Result<String> {
        let Self { package, file, filter, variable } = self;
        println!("== {package}: {file} {filter}");
        let build = self.command(&["--no-run"]).status().context("cannot run cargo")?;
        ensure!(build.success(), "the tests of {package} cannot be built");
        let mut command = self.command(&["--", "--nocapture", filter]);
        command.envs(variable.clone());
        let output = command.output().context("cannot run cargo")?;
        let [out, err] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        if !output.status.success() {
            println!("{out}{err}");
        }
        Ok(out)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(workspace::cargo());
        command.args(["test", "--workspace", "--test", self.file]).args(arguments);
        command.current_dir(workspace::root());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_promise() {
        let line = |promise: &str, met| Line { promise: promise.into(), measured: "3 kills".into(), met };
        let expected = "promise   | measured | met\n----------|----------|----\nnone lost | 3 kills  | yes\n\
                        a         | 3 kills  | NO";
        assert_eq!(table(&[line("none lost", true), line("a", false)]), expected);
    }
}
