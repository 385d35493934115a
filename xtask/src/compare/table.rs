//! From samples to a table.

use std::fmt::Write;

use serde::Serialize;

use super::measure::{Measurement, Sample, Task};

/// One of a measurement's figures.
struct Figure {
    unit: &'static str,
    of: fn(&Measurement) -> Option<f64>,
    more_is_faster: bool,
}

/// Grids in batches.
const THROUGHPUT: Figure =
    Figure { unit: "grids/s", of: |measurement| Some(measurement.grids_per_second), more_is_faster: true };
/// One grid alone.
const LATENCY: Figure =
    Figure { unit: "ms", of: |measurement| measurement.latency_ms_p50, more_is_faster: false };

/// What is set against what: the task, the figure, and PyTorch's way with its name for people.
const COMPARISONS: [(Task, Figure, &str, &str); 6] = [
    (Task::Train, THROUGHPUT, "eager", "eager"),
    (Task::Train, THROUGHPUT, "compile", "`torch.compile`"),
    (Task::Decode, THROUGHPUT, "encode_each_step", "the whole model for every token"),
    (Task::Decode, THROUGHPUT, "encode_once", "encoding once"),
    (Task::Decode, LATENCY, "encode_each_step", "the whole model for every token"),
    (Task::Decode, LATENCY, "encode_once", "encoding once"),
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

/// All comparisons that the samples allow, each for every number of threads.
pub(super) fn rows(samples: &[Sample]) -> Vec<Row> {
    let mut threads: Vec<usize> = samples.iter().map(|sample| sample.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    let mut rows = Vec::new();
    for (task, figure, variant, against) in COMPARISONS {
        for &threads in &threads {
            let of_task = samples.iter().filter(|sample| sample.task == task && sample.threads == threads);
            let measurements: Vec<_> = of_task.map(|sample| &sample.measurement).collect();
            let median_of = |variant: Option<&str>| {
                let same =
                    measurements.iter().filter(|measurement| measurement.variant.as_deref() == variant);
                median(same.filter_map(|measurement| (figure.of)(measurement)).collect())
            };
            let (Some(ours), Some(theirs)) = (median_of(None), median_of(Some(variant))) else { continue };
            let (work, unit) = (work(task, &figure, measurements[0].batch), figure.unit);
            let ratio = if figure.more_is_faster { ours / theirs } else { theirs / ours };
            rows.push(Row { work, threads, against, unit, pytorch: theirs, mnist2x2: ours, ratio });
        }
    }
    rows
}

fn work(task: Task, figure: &Figure, batch: usize) -> String {
    match task {
        Task::Decode if !figure.more_is_faster => "decoding one grid".into(),
        Task::Train => format!("training, batches of {batch}"),
        Task::Decode => format!("decoding, batches of {batch}"),
    }
}

/// The middle value, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], upper) } else { upper })
}

/// The rows as Markdown.
pub(super) fn markdown(rows: &[Row]) -> String {
    let mut table = "| work | threads | PyTorch's way | PyTorch | mnist2x2 | times as fast |\n\
        |---|--:|---|--:|--:|--:|\n"
        .to_owned();
    for Row { work, threads, against, unit, pytorch, mnist2x2, ratio } in rows {
        let [theirs, ours] = [*pytorch, *mnist2x2].map(readable);
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {work} | {threads} | {against} | {theirs} {unit} | {ours} {unit} | {ratio:.2} |"
        );
    }
    table
}

/// Whole with thousands apart, or with three decimals if it is small.
fn readable(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.3}");
    }
    let mut digits = format!("{value:.0}");
    for place in (1..=(digits.len() - 1) / 3).map(|group| digits.len() - 3 * group).collect::<Vec<_>>() {
        digits.insert(place, ',');
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(task: Task, threads: usize, variant: &str, rate: f64, latency: f64) -> Sample {
        let variant = (!variant.is_empty()).then(|| variant.to_owned());
        let latency_ms_p50 = (task == Task::Decode).then_some(latency);
        let batch = if task == Task::Train { 64 } else { 500 };
        let measurement =
            Measurement { variant, grids_per_second: rate, batch, parameters: 249_997, latency_ms_p50 };
        Sample { task, threads, measurement }
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
            sample(Task::Train, 2, "", 8000.0, 0.0),
            sample(Task::Train, 2, "", 9000.0, 0.0),
            sample(Task::Train, 2, "", 1.0, 0.0),
            sample(Task::Train, 2, "eager", 3200.0, 0.0),
            sample(Task::Train, 1, "eager", 2400.0, 0.0),
            sample(Task::Train, 2, "compile", 4000.0, 0.0),
        ];
        let found = rows(&samples);
        let ratios: Vec<_> = found.iter().map(|row| (row.threads, row.against, row.ratio)).collect();
        assert_eq!(ratios, [(2, "eager", 2.5), (2, "`torch.compile`", 2.0)]);
    }

    #[test]
    fn twice_as_fast_is_two_for_rates_and_for_times() {
        let samples = [
            sample(Task::Decode, 1, "", 24000.0, 1.25),
            sample(Task::Decode, 1, "encode_once", 12000.0, 2.5),
        ];
        assert_eq!(rows(&samples).iter().map(|row| row.ratio).collect::<Vec<_>>(), [2.0, 2.0]);
    }

    #[test]
    fn the_table_is_markdown() {
        let samples = [
            sample(Task::Decode, 3, "", 1_234_567.0, 0.25),
            sample(Task::Decode, 3, "encode_once", 4600.4, 2.61),
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
