//! Watching a run: the bar, the line per epoch, and the interrupt.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;
use mnist2x2::train::{EpochMetrics, Error, StepReport};
use mnist2x2::{Observer, Trainer};

use crate::console::{self, Bar, duration};

/// Shows how a run goes, and stops it when the user asks.
pub(crate) struct Watch {
    start: Instant,
    bar: Option<Bar>,
    epochs: u64,
    grids: usize,
    epoch_start: Instant,
    interrupted: Arc<AtomicBool>,
}

impl Watch {
    /// Watches from here on; the first interrupt or termination signal asks the run to save and stop, the second ends
    /// the program at once.
    pub(crate) fn new(trainer: &Trainer) -> anyhow::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        let on_signal = move || {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        };
        ctrlc::set_handler(on_signal).context("cannot listen for interrupts")?;
        let now = Instant::now();
        let epochs = trainer.recipe().epochs;
        Ok(Self { start: now, bar: None, epochs, grids: 0, epoch_start: now, interrupted })
    }

    /// From here on the first signal ends the program: there is nothing left to save.
    pub(crate) fn release(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
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
        if self.interrupted.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn epoch(&mut self, _: &Trainer, metrics: &EpochMetrics) -> Result<(), Error> {
        self.bar = None;
        let EpochMetrics { epoch, loss, seconds, grids_per_second, .. } = metrics;
        let (epochs, time) = (self.epochs, duration(*seconds));
        console::log(&format!(
            "epoch {epoch:2}/{epochs}  loss {loss:.4}  {time}  {grids_per_second:.0} grids/s"
        ));
        Ok(())
    }
}
