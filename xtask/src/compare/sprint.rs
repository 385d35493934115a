//! How long the program and its PyTorch counterpart train until they reach an accuracy, over several seeds.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::workspace::{output, root};

/// What is to be reached on validation grids, and in how many epochs of the recipe `sprint` it is.
struct Goal {
    name: &'static str,
    epochs: u32,
    is_reached: fn(&Validation) -> bool,
}

/// The published accuracy, and one digit wrong of a hundred.
const GOALS: [Goal; 2] = [
    Goal { name: "93.77 % of grids", epochs: 4, is_reached: |found| found.sequence_accuracy >= 0.9377 },
    Goal { name: "99 % of digits", epochs: 10, is_reached: |found| found.digit_accuracy >= 0.99 },
];

/// One line of a run's `metrics.jsonl`, or of the counterpart's answer.
#[derive(Deserialize)]
struct Epoch {
    seconds: f64,
    validation: Validation,
}

#[derive(Deserialize)]
struct Validation {
    sequence_accuracy: f64,
    digit_accuracy: f64,
}

/// What came of one goal with so many threads: seconds of training, in the order of the seeds; of a run that ends before the goal
/// is reached there are none.
#[derive(Serialize)]
pub(super) struct Row {
    until: &'static str,
    threads: usize,
    mnist2x2: Vec<Option<f64>>,
    pytorch: Vec<Option<f64>>,
}

/// The two sides.
pub(super) struct Sides<'a> {
    pub(super) program: &'a Path,
    pub(super) python: &'a str,
    pub(super) data_dir: &'a Path,
}

impl Sides<'_> {
    /// Both take turns, seed by seed.
    pub(super) fn sprint(&self, threads: usize, seeds: u32) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for goal in &GOALS {
            let mut row = Row { until: goal.name, threads, mnist2x2: Vec::new(), pytorch: Vec::new() };
            for seed in 0..seeds {
                eprintln!("{}, {threads} threads, seed {seed}", goal.name);
                let line = format!("--seed {seed} --epochs {} --threads {threads}", goal.epochs);
                row.mnist2x2.push(goal.reached(&self.ours(&line)?)?);
                row.pytorch.push(goal.reached(&self.theirs(&line)?)?);
            }
            rows.push(row);
        }
        Ok(rows)
    }

    fn ours(&self, line: &str) -> Result<String> {
        let folder = tempfile::tempdir()?;
        let run = folder.path().join("run");
        let fixed = "train --recipe sprint --set validation_split=last --no-test --dataset mnist --data-dir";
        let mut command = Command::new(self.program);
        command.args(fixed.split(' ')).arg(self.data_dir).arg("--out").arg(&run);
        output(command.args(line.split(' ')))?;
        fs::read_to_string(run.join("metrics.jsonl")).context("what the run measured")
    }

    fn theirs(&self, line: &str) -> Result<String> {
        let mut command = Command::new(self.python);
        command.arg(root().join("xtask/pytorch/sprint.py")).arg("--data-dir").arg(self.data_dir);
        output(command.args(line.split(' ')))
    }
}

impl Goal {
    /// The seconds of training until it was reached in these lines, one for each epoch.
    fn reached(&self, lines: &str) -> Result<Option<f64>> {
        let mut seconds = 0.0;
        for line in lines.lines() {
            let epoch: Epoch =
                serde_json::from_str(line).with_context(|| format!("not an epoch: `{line}`"))?;
            seconds += epoch.seconds;
            if (self.is_reached)(&epoch.validation) {
                return Ok(Some(seconds));
            }
        }
        Ok(None)
    }
}

/// The rows as Markdown: means with standard deviations, and how many runs did not come so far.
pub(super) fn markdown(rows: &[Row]) -> String {
    let mut table =
        "| until | threads | PyTorch | mnist2x2 | times as fast |\n|---|--:|--:|--:|--:|\n".to_owned();
    for Row { until, threads, mnist2x2, pytorch } in rows {
        let [theirs, ours] = [pytorch, mnist2x2].map(|seconds| Spread::of(seconds));
        let figures = format!("{} | {} | {:.2}", theirs.text(), ours.text(), theirs.mean / ours.mean);
        let _ = writeln!(table, "| {until} | {threads} | {figures} |"); // Strings take all.
    }
    table
}

struct Spread {
    mean: f64,
    deviation: f64,
    failed: usize,
}

impl Spread {
    fn of(seconds: &[Option<f64>]) -> Self {
        let reached: Vec<f64> = seconds.iter().flatten().copied().collect();
        let count = reached.len() as f64;
        let mean = reached.iter().sum::<f64>() / count;
        let squares: f64 = reached.iter().map(|seconds| (seconds - mean).powi(2)).sum();
        let deviation = (squares / (count - 1.0).max(1.0)).sqrt();
        Self { mean, deviation, failed: seconds.len() - reached.len() }
    }

    fn text(&self) -> String {
        let Self { mean, deviation, failed } = self;
        let failed = if *failed == 0 { String::new() } else { format!(", {failed} not") };
        format!("{mean:.1} ± {deviation:.1} s{failed}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(seconds: f64, sequences: f64, digits: f64) -> String {
        format!(
            r#"{{"epoch":1,"seconds":{seconds},"validation":{{"sequence_accuracy":{sequences},"digit_accuracy":{digits}}}}}"#
        )
    }

    #[test]
    fn seconds_add_up_until_the_goal_is_reached_first() {
        let lines =
            [epoch(2.0, 0.5, 0.8), epoch(1.5, 0.94, 0.98), epoch(1.0, 0.93, 0.992), epoch(1.0, 0.95, 0.99)]
                .join("\n");
        let reached = GOALS.each_ref().map(|goal| goal.reached(&lines).unwrap());
        assert_eq!(reached, [Some(3.5), Some(4.5)]);
        assert_eq!(GOALS[0].reached(&epoch(2.0, 0.5, 0.8)).unwrap(), None);
        assert!(GOALS[0].reached("no epoch").is_err());
    }

    #[test]
    fn a_row_has_means_spreads_and_what_failed() {
        let pytorch = vec![Some(20.0), Some(22.0), None];
        let rows = [Row { until: "x", threads: 2, mnist2x2: vec![Some(7.0); 3], pytorch }];
        let table = markdown(&rows);
        assert!(table.ends_with("| x | 2 | 21.0 ± 1.4 s, 1 not | 7.0 ± 0.0 s | 3.00 |\n"), "{table}");
    }
}
