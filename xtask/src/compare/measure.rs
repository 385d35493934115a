//! Programs that measure themselves, and what they say.

use std::ffi::OsString;
use std::fmt;
use std::io::Cursor;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{Artifact, Message};
use serde::Deserialize;

use crate::workspace;

/// The package whose program is compared, and the program.
const PACKAGE: &str = "mnist2x2-cli";
const PROGRAM: &str = "mnist2x2";

/// What was timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Train,
    Decode,
}

/// One line of a program's answer.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(super) struct Measurement {
    /// Which way PyTorch went; ours has one way only.
    pub(super) variant: Option<String>,
    pub(super) grids_per_second: f64,
    pub(super) batch: usize,
    pub(super) parameters: usize,
    /// The median time of one grid alone; only from decoding.
    pub(super) latency_ms_p50: Option<f64>,
}

/// A measurement and how it was made.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) task: Task,
    pub(super) threads: usize,
    pub(super) measurement: Measurement,
}

/// A program and the arguments that it always gets.
pub(super) struct Program {
    path: OsString,
    first: Option<PathBuf>,
}

impl Program {
    pub(super) fn new(path: impl Into<OsString>) -> Self {
        Self { path: path.into(), first: None }
    }

    /// The same, with a script to run.
    pub(super) fn with(self, script: PathBuf) -> Self {
        Self { first: Some(script), ..self }
    }

    /// Runs the program with `arguments`, which are divided at blanks, and reads its lines.
    pub(super) fn measure(&self, arguments: &str) -> Result<Vec<Measurement>> {
        let output = self.output(arguments).with_context(|| format!("cannot run {self}"))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{self} {arguments}: {}\n{}", output.status, errors.trim());
        parse(&String::from_utf8_lossy(&output.stdout)).with_context(|| format!("{self} {arguments}"))
    }

    pub(super) fn output(&self, arguments: &str) -> std::io::Result<Output> {
        Command::new(&self.path).args(&self.first).args(arguments.split_whitespace()).output()
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.first.clone().unwrap_or_else(|| PathBuf::from(&self.path));
        let name = path.file_name().unwrap_or(path.as_os_str());
        write!(f, "{}", name.to_string_lossy())
    }
}

/// Builds our program in release and says so.
pub(super) fn build() -> Result<Program> {
    let arguments = ["build", "--release", "--package", PACKAGE];
    eprintln!("first `cargo {}`; that may take minutes", arguments.join(" "));
    let output = Command::new(workspace::cargo())
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(workspace::root())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo could not build {PACKAGE}: {}", output.status);
    let messages = Message::parse_stream(Cursor::new(output.stdout));
    let program = messages.filter_map(|message| match message.ok()? {
        Message::CompilerArtifact(Artifact { target, executable, .. }) if target.name == PROGRAM => {
            executable
        }
        _ => None,
    });
    let path = program.last().with_context(|| format!("cargo built {PACKAGE}, but no program"))?;
    Ok(Program::new(path.into_os_string()))
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
pub(super) fn check_same_work(samples: &[Sample]) -> Result<()> {
    for sample in samples {
        let size = |sample: &Sample| (sample.measurement.batch, sample.measurement.parameters);
        let first = samples.iter().find(|other| other.task == sample.task).unwrap_or(sample);
        if size(first) != size(sample) {
            bail!(
                "{:?}: batches and parameters are {:?} on one side and {:?} on the other; \
                 make xtask/pytorch/mnist2x2.py do what `{PROGRAM} bench` does",
                sample.task,
                size(first),
                size(sample)
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = r#"{"grids_per_second":8123.4,"batch":64,"parameters":249997}"#;
    const THEIRS: &str = concat!(
        r#"{"variant": "encode_once", "grids_per_second": 11800.5, "batch": 500, "parameters": 249997, "#,
        r#""latency_ms_p50": 2.61}"#
    );

    fn sample(line: &str) -> Sample {
        Sample { task: Task::Train, threads: 2, measurement: parse(line).unwrap().remove(0) }
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
        let decoding = Sample { task: Task::Decode, ..sample(&larger) };
        assert!(check_same_work(&[sample(OURS), decoding]).is_ok(), "each task has a batch of its own");
    }
}
