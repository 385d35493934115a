//! Metrics of the server, in the text format of Prometheus (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Upper bounds of durations, in seconds.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of batches.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// Name, type and meaning of each metric, in the order in which they are rendered.
const FAMILIES: [(&str, &str, &str); 10] = [
    ("http_requests_total", "counter", "Requests answered."),
    ("http_request_seconds", "histogram", "Time from a request's header to its answer."),
    ("batch_size", "histogram", "Inputs read at a time."),
    ("batch_seconds", "histogram", "Time the model took for a batch."),
    ("shed_total", "counter", "What was refused because there was too much, by what was full."),
    ("panics_total", "counter", "Panics that were caught, by where."),
    ("corrections_total", "counter", "Corrections that were not there before."),
    ("connections", "gauge", "Open connections."),
    ("queue_depth", "gauge", "Inputs that wait for the model."),
    ("model_info", "gauge", "The model that reads, by the SHA-256 of its weights."),
];

/// What stands after a metric's name, and the value: as Prometheus counts, in f64.
type Sample = (String, f64);

/// What is counted beside requests and batches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// An input was refused because the queue was full.
    ShedByQueue,
    /// A connection was refused because there were too many.
    ShedByConnections,
    /// A body was refused because all together were too large.
    ShedByBytes,
    /// A panic was caught while a request was handled.
    HandlerPanic,
    /// A panic was caught while a batch was read.
    ReaderPanic,
    /// A correction came that was not there before.
    NewCorrection,
}

/// How many values fell under each upper bound.
#[derive(Debug, Default)]
struct Histogram {
    /// Values in each bucket, one more than bounds; and their sum.
    values: Mutex<(Vec<u64>, f64)>,
}

impl Histogram {
    fn add(&self, bounds: &[f64], value: f64) {
        let bucket = bounds.partition_point(|&bound| bound < value);
        let mut values = lock(&self.values);
        values.0.resize(bounds.len() + 1, 0);
        values.0[bucket] += 1;
        values.1 += value;
    }

    fn samples(&self, bounds: &[f64]) -> Vec<Sample> {
        let mut values = lock(&self.values);
        values.0.resize(bounds.len() + 1, 0);
        let bounds = bounds.iter().map(ToString::to_string).chain(["+Inf".into()]);
        let mut below = 0.0;
        let buckets = bounds.zip(&values.0).map(|(bound, &count)| {
            below += count as f64;
            (format!("_bucket{{le=\"{bound}\"}}"), below)
        });
        let mut samples: Vec<Sample> = buckets.collect();
        samples.extend([("_sum".into(), values.1), ("_count".into(), below)]);
        samples
    }
}

/// What the server counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By path of the table of routes, and status.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    request_seconds: Histogram,
    batch_size: Histogram,
    batch_seconds: Histogram,
    /// By [`Event`].
    events: [AtomicU64; 6],
}

impl Metrics {
    pub(crate) fn count(&self, event: Event) {
        self.events[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn request(&self, route: &str, status: u16, time: Duration) {
        *lock(&self.requests).entry((route.into(), status)).or_default() += 1;
        self.request_seconds.add(SECONDS, time.as_secs_f64());
    }

    pub(crate) fn batch(&self, size: usize, time: Duration) {
        self.batch_size.add(SIZES, size as f64);
        self.batch_seconds.add(SECONDS, time.as_secs_f64());
    }

    /// Everything as Prometheus reads it, with the open connections, the inputs that wait, and the digest of the model.
    pub(crate) fn render(&self, connections: usize, queue: usize, model: &str) -> String {
        let request = |((route, code), &count): (&(String, u16), &u64)| {
            (format!("{{route=\"{route}\",code=\"{code}\"}}"), count as f64)
        };
        let event = |labels: &str, event: Event| {
            (labels.to_owned(), self.events[event as usize].load(Ordering::Relaxed) as f64)
        };
        let samples: [Vec<Sample>; FAMILIES.len()] = [
            lock(&self.requests).iter().map(request).collect(),
            self.request_seconds.samples(SECONDS),
            self.batch_size.samples(SIZES),
            self.batch_seconds.samples(SECONDS),
            vec![
                event("{full=\"queue\"}", Event::ShedByQueue),
                event("{full=\"connections\"}", Event::ShedByConnections),
                event("{full=\"bytes\"}", Event::ShedByBytes),
            ],
            vec![
                event("{in=\"handler\"}", Event::HandlerPanic),
                event("{in=\"reader\"}", Event::ReaderPanic),
            ],
            vec![event("", Event::NewCorrection)],
            vec![(String::new(), connections as f64)],
            vec![(String::new(), queue as f64)],
            vec![(format!("{{digest=\"{model}\"}}"), 1.0)],
        ];
        let mut text = String::new();
        for ((name, kind, help), samples) in FAMILIES.iter().zip(samples) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP mnist2x2_{name} {help}\n# TYPE mnist2x2_{name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(text, "mnist2x2_{name}{labels} {value}");
            }
        }
        text
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_every_bucket_that_it_fits() {
        let metrics = Metrics::default();
        for (size, millis) in [(2, 2), (3, 30), (65, 20_000)] {
            metrics.batch(size, Duration::from_millis(millis));
        }
        metrics.request("/healthz", 200, Duration::ZERO);
        metrics.request("/healthz", 200, Duration::ZERO);
        let text = metrics.render(3, 0, "ab");
        for line in [
            "mnist2x2_batch_size_bucket{le=\"1\"} 0",
            "mnist2x2_batch_size_bucket{le=\"2\"} 1",
            "mnist2x2_batch_size_bucket{le=\"4\"} 2",
            "mnist2x2_batch_size_bucket{le=\"64\"} 2",
            "mnist2x2_batch_size_bucket{le=\"+Inf\"} 3",
            "mnist2x2_batch_size_sum 70",
            "mnist2x2_batch_seconds_bucket{le=\"0.0025\"} 1",
            "mnist2x2_batch_seconds_bucket{le=\"10\"} 2",
            "mnist2x2_batch_seconds_count 3",
            "mnist2x2_http_requests_total{route=\"/healthz\",code=\"200\"} 2",
            "mnist2x2_connections 3",
            "mnist2x2_model_info{digest=\"ab\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
