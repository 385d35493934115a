//! From samples to a table.

use serde::Serialize;

use super::measure::{Measurement, Sample, Task};

/// What is set against what: the task, the figure, and PyTorch's way with its name for people.
const COMPARISONS: [(Task, Figure, &str, &str); 6] = [
    (Task::Train, Figure::Throughput, "eager", "eager"),
    (Task::Train, Figure::Throughput, "compile", "`torch.compile`"),
    (Task::Decode, Figure::Throughput, "encode_each_step", "the whole model for every token"),
    (Task::Decode, Figure::Throughput, "encode_once", "encoding once"),
    (Task::Decode, Figure::Latency, "encode_each_step", "the whole model for every token"),
    (Task::Decode, Figure::Latency, "encode_once", "encoding once"),
];

/// Which of a measurement's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    /// Grids per second in batches.
    Throughput,
    /// Milliseconds for one grid alone.
    Latency,
}

impl Figure {
    fn of(self, measurement: &Measurement) -> Option<f64> {
        match self {
            Self::Throughput => Some(measurement.grids_per_second),
            Self::Latency => measurement.latency_ms_p50,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Throughput => "grids/s",
            Self::Latency => "ms",
        }
    }

    /// How many times as fast `ours` is.
    fn ratio(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::Throughput => ours / theirs,
            Self::Latency => theirs / ours,
        }
    }
}

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
    let pairs = COMPARISONS.iter().flat_map(|comparison| threads.iter().map(move |&n| (comparison, n)));
    pairs
        .filter_map(|(&(task, figure, variant, against), threads)| {
            let of_task = |sample: &&Sample| sample.task == task && sample.threads == threads;
            let measurements = || samples.iter().filter(of_task).map(|sample| &sample.measurement);
            let median_of = |variant: Option<&str>| {
                let same = measurements().filter(|measurement| measurement.variant.as_deref() == variant);
                median(same.filter_map(|measurement| figure.of(measurement)).collect())
            };
            let (mnist2x2, pytorch) = (median_of(None)?, median_of(Some(variant))?);
            let work = describe(task, figure, measurements().next()?.batch);
            let ratio = figure.ratio(mnist2x2, pytorch);
            Some(Row { work, threads, against, unit: figure.unit(), pytorch, mnist2x2, ratio })
        })
        .collect()
}

fn describe(task: Task, figure: Figure, batch: usize) -> String {
    match (task, figure) {
        (_, Figure::Latency) => "decoding one grid".into(),
        (Task::Train, Figure::Throughput) => format!("training, batches of {batch}"),
        (Task::Decode, Figure::Throughput) => format!("decoding, batches of {batch}"),
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
    let header =
        "| work | threads | PyTorch's way | PyTorch | mnist2x2 | times as fast |\n|---|--:|---|--:|--:|--:|";
    let mut lines = vec![header.to_owned()];
    lines.extend(rows.iter().map(Row::markdown));
    lines.join("\n") + "\n"
}

impl Row {
    fn markdown(&self) -> String {
        let Self { work, threads, against, unit, pytorch, mnist2x2, ratio } = self;
        let [theirs, ours] = [*pytorch, *mnist2x2].map(readable);
        format!("| {work} | {threads} | {against} | {theirs} {unit} | {ours} {unit} | {ratio:.2} |")
    }
}

/// Whole with thousands apart, or with three decimals if it is small.
fn readable(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.3}");
    }
    let digits = format!("{value:.0}");
    let separated = digits.bytes().enumerate().flat_map(|(index, digit)| {
        let comma = index > 0 && (digits.len() - index).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([char::from(digit)])
    });
    separated.collect()
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
