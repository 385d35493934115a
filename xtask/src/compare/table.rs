//! From measurements to a table.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// One line of a program's answer, and how it was asked.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(super) struct Measurement {
    #[serde(skip)]
    pub(super) task: &'static str,
    #[serde(skip)]
    pub(super) threads: usize,
    /// Which way PyTorch went; ours has one way only.
    pub(super) variant: Option<String>,
    pub(super) grids_per_second: f64,
    pub(super) batch: usize,
    pub(super) parameters: usize,
    /// The median time of one grid alone; only from decoding.
    pub(super) latency_ms_p50: Option<f64>,
}

/// What is set against what: the task, the figure's unit, and PyTorch's way with its name for people.
const COMPARISONS: [[&str; 4]; 6] = [
    ["training", "grids/s", "eager", "eager"],
    ["training", "grids/s", "compile", "`torch.compile`"],
    ["decoding", "grids/s", "encode_each_step", "the whole model for every token"],
    ["decoding", "grids/s", "encode_once", "encoding once"],
    ["decoding", "ms", "encode_each_step", "the whole model for every token"],
    ["decoding", "ms", "encode_once", "encoding once"],
];

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    work: String,
    threads: usize,
    /// Which way PyTorch went.
    against: &'static str,
    unit: &'static str,
    /// Its median.
    pytorch: f64,
    /// Our median.
    mnist2x2: f64,
    /// How many times as fast ours is.
    ratio: f64,
}

/// All comparisons that the measurements allow, each for every number of threads.
pub(super) fn rows(measurements: &[Measurement]) -> Vec<Row> {
    let threads: BTreeSet<usize> = measurements.iter().map(|of| of.threads).collect();
    let mut rows = Vec::new();
    for [task, unit, variant, against] in COMPARISONS {
        for &threads in &threads {
            let same = measurements.iter().filter(|of| of.task == task && of.threads == threads);
            let same: Vec<_> = same.collect();
            let median_of = |variant: Option<&str>| {
                let went = same.iter().filter(|of| of.variant.as_deref() == variant);
                median(match unit {
                    "ms" => went.filter_map(|of| of.latency_ms_p50).collect(),
                    _ => went.map(|of| of.grids_per_second).collect(),
                })
            };
            let (Some(mnist2x2), Some(pytorch)) = (median_of(None), median_of(Some(variant))) else {
                continue;
            };
            let (work, ratio) = match unit {
                "ms" => (format!("{task} one grid"), pytorch / mnist2x2),
                _ => (format!("{task}, batches of {}", same[0].batch), mnist2x2 / pytorch),
            };
            rows.push(Row { work, threads, against, unit, pytorch, mnist2x2, ratio });
        }
    }
    rows
}

/// The middle value, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    Some(f64::midpoint(values[(values.len() - 1) / 2], upper))
}

/// The rows as Markdown.
pub(super) fn markdown(rows: &[Row]) -> String {
    let mut table = "| work | threads | PyTorch's way | PyTorch | mnist2x2 | times as fast |\n\
        |---|--:|---|--:|--:|--:|\n"
        .to_owned();
    for Row { work, threads, against, unit, pytorch, mnist2x2, ratio } in rows {
        let [theirs, ours] = [*pytorch, *mnist2x2].map(readable);
        let figures = format!("{theirs} {unit} | {ours} {unit} | {ratio:.2}");
        let _ = writeln!(table, "| {work} | {threads} | {against} | {figures} |"); // Strings take all.
    }
    table
}

/// Whole with thousands apart, or with three decimals if it is small.
fn readable(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.3}");
    }
    let mut digits = format!("{value:.0}");
    for place in (1..digits.len()).rev().skip(2).step_by(3) {
        digits.insert(place, ',');
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(task: &'static str, threads: usize, variant: &str, rate: f64, latency: f64) -> Measurement {
        let variant = (!variant.is_empty()).then(|| variant.to_owned());
        let latency_ms_p50 = (task == "decoding").then_some(latency);
        let batch = if task == "training" { 64 } else { 500 };
        let (grids_per_second, parameters) = (rate, 249_997);
        Measurement { task, threads, variant, grids_per_second, batch, parameters, latency_ms_p50 }
    }

    #[test]
    fn a_median_is_in_the_middle_in_any_order() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![7.0]), Some(7.0));
        assert_eq!(median(vec![9.0, 1.0, 4.0]), Some(4.0));
        assert_eq!(median(vec![9.0, 1.0, 4.0, 5.0]), Some(4.5));
    }

    #[test]
    fn a_row_sets_medians_of_equal_threads_against_each_other() {
        let samples = [
            sample("training", 2, "", 8000.0, 0.0),
            sample("training", 2, "", 9000.0, 0.0),
            sample("training", 2, "", 1.0, 0.0),
            sample("training", 2, "eager", 3200.0, 0.0),
            sample("training", 1, "eager", 2400.0, 0.0),
            sample("training", 2, "compile", 4000.0, 0.0),
        ];
        let found = rows(&samples);
        let ratios: Vec<_> = found.iter().map(|row| (row.threads, row.against, row.ratio)).collect();
        assert_eq!(ratios, [(2, "eager", 2.5), (2, "`torch.compile`", 2.0)]);
    }

    #[test]
    fn twice_as_fast_is_two_for_rates_and_for_times() {
        let samples =
            [sample("decoding", 1, "", 24000.0, 1.25), sample("decoding", 1, "encode_once", 12000.0, 2.5)];
        assert_eq!(rows(&samples).iter().map(|row| row.ratio).collect::<Vec<_>>(), [2.0, 2.0]);
    }

    #[test]
    fn the_table_is_markdown() {
        let samples = [
            sample("decoding", 3, "", 1_234_567.0, 0.25),
            sample("decoding", 3, "encode_once", 4600.4, 2.61),
        ];
        let expected = "\
| work | threads | PyTorch's way | PyTorch | mnist2x2 | times as fast |
|---|--:|---|--:|--:|--:|
| decoding, batches of 500 | 3 | encoding once | 4,600 grids/s | 1,234,567 grids/s | 268.36 |
| decoding one grid | 3 | encoding once | 2.610 ms | 0.250 ms | 10.44 |
";
        assert_eq!(markdown(&rows(&samples)), expected);
    }
}
