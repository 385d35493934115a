//! The program and its PyTorch counterpart, timed in turn on this machine.
//!
//! In turn, because a machine's speed drifts with its heat and its other work: then both sides have the same share of
//! it. Medians, because single measurements are disturbed in one direction only.

mod measure;
mod table;

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;
use std::{env, fs};

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use self::measure::{Sample, Task, Versions, check_same_work, measure, pytorch, versions};
use self::table::{Row, markdown, rows};
use crate::workspace::{PROGRAM, build};

/// What takes turns: the task, and how our program, whose verb is `bench`, and PyTorch's are asked for it.
const TURNS: [(Task, &str); 6] = [
    (Task::Train, "bench train --device cpu --json"),
    (Task::Train, "train"),
    (Task::Train, "bench train --device cpu --json"),
    (Task::Train, "train --compile"),
    (Task::Decode, "bench decode --device cpu --json"),
    (Task::Decode, "decode"),
];

/// What to measure, how often, and with which Python.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A Python that has PyTorch.
    #[arg(long, env = "PYTHON", default_value = if cfg!(windows) { "python" } else { "python3" })]
    python: String,
    /// How often everything is measured; the table shows medians.
    #[arg(long, value_name = "N", default_value = "3")]
    rounds: NonZeroUsize,
    /// Numbers of threads, each compared with itself.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,2")]
    threads: Vec<NonZeroUsize>,
    /// How long a measurement lasts, after its warm-up.
    #[arg(long, value_name = "S", default_value = "5")]
    seconds: NonZeroUsize,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    rounds: usize,
    seconds: usize,
    machine: Machine,
    mnist2x2: &'static str,
    #[serde(flatten)]
    pytorch: Versions,
    rows: Vec<Row>,
}

/// Where it was measured.
#[derive(Serialize)]
struct Machine {
    cores: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<String>,
    system: String,
}

/// Measures, then prints.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let pytorch = versions(&arguments.python)?; // Before the build, which takes minutes.
    let built = "--release --package mnist2x2-cli";
    eprintln!("first `cargo build {built}`; that may take minutes");
    let samples = measure_all(&build(built, PROGRAM)?, arguments)?;
    check_same_work(&samples)?;
    let (rounds, seconds) = (arguments.rounds.get(), arguments.seconds.get());
    let (machine, mnist2x2) = (Machine::this(), env!("CARGO_PKG_VERSION"));
    let report = Report { rounds, seconds, machine, mnist2x2, pytorch, rows: rows(&samples) };
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{}\n{}", markdown(&report.rows), report.footnote());
    }
    Ok(())
}

/// Ours and theirs take turns; a round goes through all numbers of threads.
fn measure_all(ours: &Path, arguments: &Arguments) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for round in 1..=arguments.rounds.get() {
        for threads in arguments.threads.iter().map(|threads| threads.get()) {
            for (task, verb) in TURNS {
                let line = format!("{verb} --threads {threads} --seconds {}", arguments.seconds);
                eprintln!("round {round} of {}: {line}", arguments.rounds);
                let is_ours = verb.starts_with("bench");
                let mut command = if is_ours { Command::new(ours) } else { pytorch(&arguments.python) };
                let measurements = measure(command.args(line.split(' '))).with_context(|| line.clone())?;
                samples.extend(measurements.into_iter().map(|measurement| Sample {
                    task,
                    threads,
                    measurement,
                }));
            }
        }
    }
    Ok(samples)
}

impl Machine {
    fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default(); // Linux alone has it.
        Self {
            cores: available_parallelism().map_or(1, NonZeroUsize::get),
            cpu: cpu_model(&cpuinfo).map(str::to_owned),
            system: format!("{} {}", env::consts::OS, env::consts::ARCH),
        }
    }
}

/// The name of the first processor in `/proc/cpuinfo`.
fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(key, _)| key.trim() == "model name").map(|(_, name)| name.trim())
}

impl Report {
    /// One line on the circumstances, to stand below the table.
    fn footnote(&self) -> String {
        let Self { rounds, seconds, machine, mnist2x2, pytorch, .. } = self;
        let mut line =
            format!("Medians of {rounds} rounds of {seconds} s each, in turn; {} cores", machine.cores);
        if let Some(cpu) = &machine.cpu {
            let _ = write!(line, " of {cpu}"); // Writing to a string cannot fail.
        }
        let Versions { python, torch } = pytorch;
        let _ = write!(line, ", {}; mnist2x2 {mnist2x2}, PyTorch {torch}, Python {python}.", machine.system);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named_where_the_system_names_it() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: Some CPU @ 2.60GHz\n\nprocessor\t: 1\nmodel name\t: Other\n";
        assert_eq!(cpu_model(cpuinfo), Some("Some CPU @ 2.60GHz"));
        assert_eq!(cpu_model("processor\t: 0\n"), None);
    }

    #[test]
    fn the_footnote_is_one_line_that_says_what_was_compared_where() {
        let machine = Machine { cores: 6, cpu: Some("Some CPU".into()), system: "linux aarch64".into() };
        let pytorch = Versions { python: "3.11.2".into(), torch: "2.15.0".into() };
        let report = Report { rounds: 3, seconds: 5, machine, mnist2x2: "0.1.0", pytorch, rows: Vec::new() };
        let expected = "Medians of 3 rounds of 5 s each, in turn; 6 cores of Some CPU, linux aarch64; \
            mnist2x2 0.1.0, PyTorch 2.15.0, Python 3.11.2.";
        assert_eq!(report.footnote(), expected);
    }
}
