//! Programs that measure themselves, and what they say.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::workspace::{PROGRAM, root};

/// What a person without PyTorch can do.
const ADVICE: &str = "run `pip install -r xtask/pytorch/requirements.txt` in a virtual environment \
    (`python3 -m venv DIR`) and name its Python with `--python`";
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

/// What the other side is made of.
#[derive(Debug, Deserialize, Serialize, PartialEq, Eq)]
pub(super) struct Versions {
    pub(super) python: String,
    pub(super) torch: String,
}

/// The counterpart of our program.
pub(super) fn pytorch(python: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(root().join("xtask/pytorch/mnist2x2.py"));
    command
}

/// What a command prints; an error is what it says last.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", errors.trim().lines().last().unwrap_or("it says nothing"));
    Ok(String::from_utf8(output.stdout)?)
}

/// Asks `python` for its version and PyTorch's.
pub(super) fn versions(python: &str) -> Result<Versions> {
    match output(pytorch(python).arg("versions")) {
        Ok(answer) => {
            serde_json::from_str(&answer).with_context(|| format!("`{python}` does not say its versions"))
        }
        Err(reason) => bail!("`{python}` cannot use PyTorch ({reason}); {ADVICE}"),
    }
}

/// Runs what measures itself.
pub(super) fn measure(command: &mut Command) -> Result<Vec<Measurement>> {
    parse(&output(command)?)
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
        let (one, other) = (size(first), size(sample));
        ensure!(
            one == other,
            "{:?}: batches and parameters are {one:?} on one side and {other:?} on the other; make \
             xtask/pytorch/mnist2x2.py do what `{PROGRAM} bench` does",
            sample.task
        );
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

    #[test]
    fn who_has_no_python_is_told_what_to_install() {
        let error = versions("no-such-python").unwrap_err().to_string();
        assert!(error.contains("`no-such-python`") && error.contains("requirements.txt"), "{error}");
        assert!(!error.contains('\n'), "{error}");
        let folder = root().join("xtask/pytorch");
        assert!(folder.join("mnist2x2.py").is_file() && folder.join("requirements.txt").is_file());
    }
}
