//! The program and its PyTorch counterpart, timed in turn on this machine.
//!
//! In turn, because a machine's speed drifts with its heat and its other work: then both sides have the same share of
//! it. Medians, because single measurements are disturbed in one direction only.

mod sprint;
mod table;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::available_parallelism;
use std::{env, fs};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::sprint::Sides;
use self::table::{Measurement, markdown, rows};
use crate::workspace::{PROGRAM, build, output, root};

/// What takes turns: the task, and how our program, whose verb is `bench`, and PyTorch's are asked for it.
const TURNS: [(&str, &str); 6] = [
    ("training", "bench train --device cpu --json"),
    ("training", "train"),
    ("training", "bench train --device cpu --json"),
    ("training", "train --compile"),
    ("decoding", "bench decode --device cpu --json"),
    ("decoding", "decode"),
];

/// What a person without PyTorch can do.
const ADVICE: &str = "run `pip install -r xtask/pytorch/requirements.txt` in a virtual environment \
    (`python3 -m venv DIR`) and name its Python with `--python`";

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
    /// How the digits of a picture lie: rows x columns, or line:N.
    #[arg(long, value_name = "L", default_value = "2x2")]
    layout: String,
    /// Pictures in a batch of training; 500 are decoded at once.
    #[arg(long, value_name = "N", default_value = "64")]
    batch: NonZeroUsize,
    /// How long a measurement lasts, after its warm-up.
    #[arg(long, value_name = "S", default_value = "5")]
    seconds: NonZeroUsize,
    /// Measure how long both sides train until they reach an accuracy, with so many seeds, instead of how fast they are.
    #[arg(long, value_name = "SEEDS", value_parser = clap::value_parser!(u32).range(1..))]
    #[arg(conflicts_with_all = ["rounds", "layout", "batch", "seconds"])]
    sprint: Option<u32>,
    /// The folder with MNIST's files, for `--sprint`.
    #[arg(long, value_name = "PATH", env = "MNIST_DIR", default_value = "data/mnist")]
    data_dir: PathBuf,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Where it was measured.
#[derive(Serialize)]
struct Machine {
    cores: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<String>,
    system: String,
}

/// What the other side is made of.
#[derive(Debug, Deserialize)]
struct Versions {
    python: String,
    torch: String,
}

/// Measures, then prints.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let versions = versions(&arguments.python)?; // Before the build, which takes minutes.
    let built = "--release --package mnist2x2-cli";
    eprintln!("first `cargo build {built}`; that may take minutes");
    let ours = build(built, PROGRAM)?;
    let (table, rows) = match arguments.sprint {
        Some(seeds) => sprint(&ours, arguments, seeds)?,
        None => speed(&ours, arguments)?,
    };
    let machine = Machine::this();
    if arguments.json {
        let Arguments { rounds, seconds, layout, sprint, .. } = arguments;
        let Versions { python, torch } = versions;
        let ours = env!("CARGO_PKG_VERSION");
        let report = json!({ "layout": layout, "rounds": rounds, "seconds": seconds, "sprint": sprint, "machine": machine,
            PROGRAM: ours, "python": python, "torch": torch, "rows": rows });
        println!("{report}");
    } else {
        println!("{table}\n{}", footnote(arguments, &machine, &versions));
    }
    Ok(())
}

/// How fast both sides are: the table, and its rows.
fn speed(ours: &Path, arguments: &Arguments) -> Result<(String, Value)> {
    let samples = measure_all(ours, arguments)?;
    check_same_work(&samples)?;
    let rows = rows(&samples);
    Ok((markdown(&rows), serde_json::to_value(rows)?))
}

/// How long both sides train until they reach an accuracy: the table, and its rows.
fn sprint(ours: &Path, arguments: &Arguments, seeds: u32) -> Result<(String, Value)> {
    let Arguments { python, data_dir, threads, .. } = arguments;
    let sides = Sides { program: ours, python, data_dir };
    let rows: Vec<_> =
        threads.iter().map(|threads| sides.sprint(threads.get(), seeds)).collect::<Result<_>>()?;
    let rows: Vec<_> = rows.into_iter().flatten().collect();
    Ok((sprint::markdown(&rows), serde_json::to_value(rows)?))
}

/// Ours and theirs take turns; a round goes through all numbers of threads.
fn measure_all(ours: &Path, arguments: &Arguments) -> Result<Vec<Measurement>> {
    let mut samples = Vec::new();
    for round in 1..=arguments.rounds.get() {
        for threads in arguments.threads.iter().map(|threads| threads.get()) {
            for (task, verb) in TURNS {
                let Arguments { layout, batch, seconds, .. } = arguments;
                let batch = if task == "training" { batch.get() } else { 500 };
                let line = format!(
                    "{verb} --layout {layout} --batch {batch} --threads {threads} --seconds {seconds}"
                );
                eprintln!("round {round} of {}: {line}", arguments.rounds);
                let is_ours = verb.starts_with("bench");
                let mut command = if is_ours { Command::new(ours) } else { pytorch(&arguments.python) };
                let measured = output(command.args(line.split(' '))).and_then(|lines| parse(&lines));
                let measured = measured.with_context(|| line.clone())?.into_iter();
                samples.extend(measured.map(|measurement| Measurement { task, threads, ..measurement }));
            }
        }
    }
    Ok(samples)
}

/// The counterpart of our program.
fn pytorch(python: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(root().join("xtask/pytorch/mnist2x2.py"));
    command
}

/// Asks `python` for its version and PyTorch's.
fn versions(python: &str) -> Result<Versions> {
    let answer = output(pytorch(python).arg("versions"));
    let answer = answer.map_err(|reason| anyhow!("`{python}` cannot use PyTorch ({reason}); {ADVICE}"))?;
    serde_json::from_str(&answer).with_context(|| format!("`{python}` does not say its versions"))
}

/// Reads one measurement from each line.
fn parse(lines: &str) -> Result<Vec<Measurement>> {
    let read =
        |line: &str| serde_json::from_str(line).with_context(|| format!("not a measurement: `{line}`"));
    let measurements = lines.lines().map(read).collect::<Result<Vec<_>>>()?;
    ensure!(!measurements.is_empty(), "printed no measurement");
    Ok(measurements)
}

/// A ratio means something only if both sides did the same.
fn check_same_work(samples: &[Measurement]) -> Result<()> {
    let size = |sample: &Measurement| (sample.batch, sample.parameters);
    for sample in samples {
        let first = samples.iter().find(|other| other.task == sample.task).unwrap_or(sample);
        let (task, one, other) = (sample.task, size(first), size(sample));
        let advice = format!("make xtask/pytorch/mnist2x2.py do what `{PROGRAM} bench` does");
        ensure!(
            one == other,
            "{task}: batches and parameters are {one:?} on one side and {other:?} on the other; {advice}"
        );
    }
    Ok(())
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

/// One line on the circumstances, to stand below the table.
fn footnote(
    Arguments { rounds, seconds, layout, sprint, .. }: &Arguments,
    machine: &Machine,
    versions: &Versions,
) -> String {
    let what = match sprint {
        Some(seeds) => format!(
            "Recipe sprint; seconds of training, without those of compiling and validating; means and standard deviations of \
             {seeds} seeds, in turn"
        ),
        None => format!("Layout {layout}; medians of {rounds} rounds of {seconds} s each, in turn"),
    };
    let Machine { cores, cpu, system } = machine;
    let (cpu, ours) =
        (cpu.as_ref().map(|cpu| format!(" of {cpu}")).unwrap_or_default(), env!("CARGO_PKG_VERSION"));
    let Versions { python, torch } = versions;
    format!("{what}; {cores} cores{cpu}, {system}; {PROGRAM} {ours}, PyTorch {torch}, Python {python}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = r#"{"grids_per_second":8123.4,"batch":64,"parameters":249997}"#;
    const THEIRS: &str = concat!(
        r#"{"variant": "encode_once", "grids_per_second": 11800.5, "batch": 500, "parameters": 249997, "#,
        r#""latency_ms_p50": 2.61}"#
    );

    fn sample(line: &str) -> Measurement {
        Measurement { task: "training", threads: 2, ..parse(line).unwrap().remove(0) }
    }

    #[test]
    fn both_programs_lines_are_read() {
        let measurements = parse(&format!("{OURS}\n{THEIRS}\n")).unwrap();
        let [ours, theirs] = measurements.as_slice() else { panic!("{measurements:?}") };
        assert_eq!((ours.grids_per_second, ours.batch, ours.parameters), (8123.4, 64, 249_997));
        assert_eq!((&ours.variant, ours.latency_ms_p50), (&None, None));
        assert_eq!(theirs.variant.as_deref(), Some("encode_once"));
        assert_eq!(theirs.latency_ms_p50, Some(2.61));
    }

    #[test]
    fn what_is_no_measurement_is_shown() {
        let error = parse("warning: hot\n").unwrap_err();
        assert!(error.to_string().contains("warning: hot"), "{error}");
        assert!(parse(r#"{"batch":64,"parameters":3}"#).is_err(), "a figure is missing");
        assert!(parse("").is_err());
    }

    #[test]
    fn unequal_work_is_not_compared() {
        let larger = OURS.replace("64", "65");
        assert!(check_same_work(&[sample(OURS), sample(OURS)]).is_ok());
        let error = check_same_work(&[sample(OURS), sample(&larger)]).unwrap_err().to_string();
        assert!(error.contains("(64, 249997)") && error.contains("(65, 249997)"), "{error}");
        let decoding = Measurement { task: "decoding", ..sample(&larger) };
        assert!(check_same_work(&[sample(OURS), decoding]).is_ok(), "each task has a batch of its own");
    }

    #[test]
    fn who_has_no_python_is_told_what_to_install() {
        let error = versions("no-such-python").unwrap_err().to_string();
        assert!(error.contains("`no-such-python`") && error.contains("requirements.txt"), "{error}");
        assert!(!error.contains('\n'), "{error}");
        let folder = root().join("xtask/pytorch");
        assert!(folder.join("mnist2x2.py").is_file() && folder.join("requirements.txt").is_file());
    }

    #[test]
    fn the_processor_is_named_where_the_system_names_it() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: Some CPU @ 2.60GHz\n\nprocessor\t: 1\nmodel name\t: Other\n";
        assert_eq!(cpu_model(cpuinfo), Some("Some CPU @ 2.60GHz"));
        assert_eq!(cpu_model("processor\t: 0\n"), None);
    }

    #[test]
    fn the_footnote_is_one_line_that_says_what_was_compared_where() {
        let machine = Machine { cores: 6, cpu: Some("Some CPU".into()), system: "linux aarch64".into() };
        let versions = Versions { python: "3.11.2".into(), torch: "2.15.0".into() };
        let number = |number| NonZeroUsize::new(number).unwrap();
        let arguments = Arguments {
            python: "python3".into(),
            rounds: number(3),
            threads: vec![number(1)],
            layout: "4x4".into(),
            batch: number(64),
            seconds: number(5),
            sprint: None,
            data_dir: "mnist".into(),
            json: false,
        };
        let expected = "Layout 4x4; medians of 3 rounds of 5 s each, in turn; 6 cores of Some CPU, linux aarch64; \
            mnist2x2 0.1.0, PyTorch 2.15.0, Python 3.11.2.";
        assert_eq!(footnote(&arguments, &machine, &versions), expected);
        let of_seeds = footnote(&Arguments { sprint: Some(10), ..arguments }, &machine, &versions);
        assert!(of_seeds.contains("deviations of 10 seeds, in turn; 6 cores of Some CPU"), "{of_seeds}");
    }
}
