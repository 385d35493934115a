//! Watching a run: the bar, the line per epoch, and the interrupt.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;
use mnist2x2::train::{EpochMetrics, Error, StepReport};
use mnist2x2::{Observer, Trainer};

use super::curves::Curves;
use crate::console::{self, Bar, duration, percent};

/// The share of the reference test grids that the published model reads.
const PUBLISHED: f64 = 0.9377;

/// Whether the user asked to stop.
#[derive(Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from here on: the first interrupt or termination signal asks to save and stop, the second ends the program at
    /// once.
    ///
    /// # Errors
    /// If the system does not let us.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&asked);
        let on_signal = move || {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        };
        ctrlc::set_handler(on_signal).context("cannot listen for interrupts")?;
        Ok(Self(asked))
    }

    /// From here on the first signal ends the program: there is nothing left to save.
    pub(crate) fn release(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether to stop.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Shows how a run goes, and stops it when the user asks.
pub(crate) struct Watch {
    start: Instant,
    bar: Option<Bar>,
    epochs: u64,
    grids: usize,
    epoch_start: Instant,
    interrupt: Interrupt,
    curves: Curves,
    /// Whether the published accuracy was reached before.
    has_passed: bool,
}

impl Watch {
    /// Watches `trainer` from here on.
    pub(super) fn new(trainer: &Trainer, interrupt: &Interrupt, curves: Curves) -> Self {
        let now = Instant::now();
        let epochs = trainer.recipe().epochs;
        Self {
            start: now,
            bar: None,
            epochs,
            grids: 0,
            epoch_start: now,
            interrupt: interrupt.clone(),
            curves,
            has_passed: trainer.position().epoch > 0,
        }
    }

    /// Says once when the validation grids are first read as well as the published model reads the test grids.
    fn tell_if_published(&mut self, metrics: &EpochMetrics) {
        let passes = metrics.validation.is_some_and(|validation| validation.sequence_accuracy >= PUBLISHED);
        if passes && !self.has_passed {
            self.has_passed = true;
            let (published, time) = (percent(PUBLISHED), duration(self.seconds()));
            console::log(&format!("the published {published} of sequences are passed after {time}"));
        }
    }

    /// How long the run has been watched.
    pub(crate) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

impl Observer for Watch {
    fn step(&mut self, report: &StepReport) -> ControlFlow<()> {
        let StepReport { epoch, step, steps, loss, .. } = *report;
        let epochs = self.epochs;
        if self.bar.is_none() {
            let mut bar = Bar::new(steps, &format!("epoch {epoch}/{epochs}"));
            bar.advance(step - 1); // those done before an interruption
            (self.bar, self.grids, self.epoch_start) = (Some(bar), 0, Instant::now());
        }
        self.grids += report.grids;
        if let Some(bar) = &mut self.bar {
            let rate = self.grids as f64 / self.epoch_start.elapsed().as_secs_f64();
            bar.advance(1);
            bar.describe(|| format!("epoch {epoch}/{epochs} loss {loss:.4} {rate:.0} grids/s"));
        }
        if self.interrupt.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn epoch(&mut self, _: &Trainer, metrics: &EpochMetrics) -> Result<(), Error> {
        self.bar = None;
        let EpochMetrics { epoch, loss, seconds, grids_per_second, validation, .. } = metrics;
        let (epochs, time) = (self.epochs, duration(*seconds));
        let validation = validation.map_or_else(String::new, |validation| {
            format!("  validation {:.4} {}", validation.loss, percent(validation.sequence_accuracy))
        });
        console::log(&format!(
            "epoch {epoch:2}/{epochs}  loss {loss:.4}{validation}  {time}  {grids_per_second:.0} grids/s"
        ));
        self.tell_if_published(metrics);
        self.curves.add(metrics).map_err(|error| Error::Observer(error.into()))
    }
}
