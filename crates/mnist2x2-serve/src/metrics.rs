//! Figures about the server, in the text format of Prometheus (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Upper bounds of durations, in seconds.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of batches.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many values fell under each bound.
#[derive(Debug)]
struct Histogram {
    bounds: &'static [f64],
    /// Values in each bucket, one more than bounds; and their sum.
    values: Mutex<(Vec<u64>, f64)>,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, values: Mutex::new((vec![0; bounds.len() + 1], 0.0)) }
    }

    fn add(&self, value: f64) {
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        let mut values = lock(&self.values);
        values.0[bucket] += 1;
        values.1 += value;
    }
}

/// What the server counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By path of the table of routes, and status.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    request_seconds: Histogram,
    batch_size: Histogram,
    batch_seconds: Histogram,
    /// Inputs refused because the queue was full.
    pub(crate) shed_queue: Counter,
    /// Connections refused because there were too many.
    pub(crate) shed_connections: Counter,
    /// Bodies refused because all together were too large.
    pub(crate) shed_bytes: Counter,
    /// Panics while a request was handled.
    pub(crate) handler_panics: Counter,
    /// Panics while a batch was read.
    pub(crate) reader_panics: Counter,
    /// Corrections that were not there before.
    pub(crate) corrections: Counter,
}

/// What the server has at this moment.
pub(crate) struct Gauges<'a> {
    pub(crate) connections: usize,
    pub(crate) queue: usize,
    pub(crate) model: &'a str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            requests: Mutex::default(),
            request_seconds: Histogram::new(SECONDS),
            batch_size: Histogram::new(SIZES),
            batch_seconds: Histogram::new(SECONDS),
            shed_queue: Counter::default(),
            shed_connections: Counter::default(),
            shed_bytes: Counter::default(),
            handler_panics: Counter::default(),
            reader_panics: Counter::default(),
            corrections: Counter::default(),
        }
    }

    pub(crate) fn request(&self, route: &str, status: u16, time: Duration) {
        *lock(&self.requests).entry((route.into(), status)).or_default() += 1;
        self.request_seconds.add(time.as_secs_f64());
    }

    pub(crate) fn batch(&self, size: usize, time: Duration) {
        self.batch_size.add(size as f64);
        self.batch_seconds.add(time.as_secs_f64());
    }

    /// Everything as Prometheus reads it.
    pub(crate) fn text(&self, now: &Gauges<'_>) -> String {
        let mut page = Page::default();
        page.family("http_requests_total", "counter", "Requests answered.");
        for ((route, code), count) in &*lock(&self.requests) {
            page.line("http_requests_total", &format!("{{route=\"{route}\",code=\"{code}\"}}"), count);
        }
        page.histogram(
            "http_request_seconds",
            "Time from a request's header to its answer.",
            &self.request_seconds,
        );
        page.histogram("batch_size", "Inputs read at a time.", &self.batch_size);
        page.histogram("batch_seconds", "Time the model took for a batch.", &self.batch_seconds);
        page.family(
            "shed_total",
            "counter",
            "What was refused because there was too much, by what was full.",
        );
        page.line("shed_total", "{full=\"queue\"}", self.shed_queue.get());
        page.line("shed_total", "{full=\"connections\"}", self.shed_connections.get());
        page.line("shed_total", "{full=\"bytes\"}", self.shed_bytes.get());
        page.family("panics_total", "counter", "Panics that were caught, by where.");
        page.line("panics_total", "{in=\"handler\"}", self.handler_panics.get());
        page.line("panics_total", "{in=\"reader\"}", self.reader_panics.get());
        page.family("corrections_total", "counter", "Corrections that were not there before.");
        page.line("corrections_total", "", self.corrections.get());
        page.family("connections", "gauge", "Open connections.");
        page.line("connections", "", now.connections);
        page.family("queue_depth", "gauge", "Inputs that wait for the model.");
        page.line("queue_depth", "", now.queue);
        page.family("model_info", "gauge", "The model that reads, by the SHA-256 of its weights.");
        page.line("model_info", &format!("{{digest=\"{}\"}}", now.model), 1);
        page.0
    }
}

/// The text as it grows.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.write(format_args!("# HELP mnist2x2_{name} {help}\n# TYPE mnist2x2_{name} {kind}\n"));
    }

    fn line(&mut self, name: &str, labels: &str, value: impl fmt::Display) {
        self.write(format_args!("mnist2x2_{name}{labels} {value}\n"));
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        let values = lock(&histogram.values);
        let mut below = 0;
        for (index, count) in values.0.iter().enumerate() {
            below += count;
            let bound = histogram.bounds.get(index).map_or("+Inf".into(), ToString::to_string);
            self.line(&format!("{name}_bucket"), &format!("{{le=\"{bound}\"}}"), below);
        }
        self.line(&format!("{name}_sum"), "", values.1);
        self.line(&format!("{name}_count"), "", below);
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a string takes all");
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
        let metrics = Metrics::new();
        for (size, millis) in [(2, 2), (3, 30), (65, 20_000)] {
            metrics.batch(size, Duration::from_millis(millis));
        }
        metrics.request("/healthz", 200, Duration::ZERO);
        metrics.request("/healthz", 200, Duration::ZERO);
        let text = metrics.text(&Gauges { connections: 3, queue: 0, model: "ab" });
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
