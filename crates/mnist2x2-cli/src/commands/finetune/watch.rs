//! Watching a model being fine-tuned: the bar, a line per epoch, and the interrupt.

use std::ops::ControlFlow;

use mnist2x2::train::{EpochMetrics, Error, StepReport};
use mnist2x2::{Observer, Trainer};

use crate::commands::train::Interrupt;
use crate::console::{self, Bar, duration, percent};

/// Shows how it goes, keeps each epoch's figures, and stops when the user asks.
pub(super) struct Watch {
    bar: Option<Bar>,
    epochs: Vec<EpochMetrics>,
    of: u64,
    interrupt: Interrupt,
}

impl Watch {
    /// Watches a run of so many epochs.
    pub(super) fn new(of: u64, interrupt: Interrupt) -> Self {
        Self { bar: None, epochs: Vec::new(), of, interrupt }
    }

    /// The epochs that have been.
    pub(super) fn epochs(&self) -> &[EpochMetrics] {
        &self.epochs
    }
}

impl Observer for Watch {
    fn step(&mut self, report: &StepReport) -> ControlFlow<()> {
        let StepReport { epoch, steps, loss, .. } = *report;
        let of = self.of;
        let bar = self.bar.get_or_insert_with(|| Bar::new(steps, &format!("epoch {epoch}/{of}")));
        bar.advance(1);
        bar.describe(|| format!("epoch {epoch}/{of} loss {loss:.4}"));
        if self.interrupt.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn epoch(&mut self, _: &Trainer, metrics: &EpochMetrics) -> Result<(), Error> {
        self.bar = None;
        let accuracy = metrics.validation.map(|validation| percent(validation.sequence_accuracy));
        console::log(&format!(
            "epoch {}/{}  loss {:.4}  validation {}  {}",
            metrics.epoch,
            self.of,
            metrics.loss,
            accuracy.unwrap_or_default(),
            duration(metrics.seconds)
        ));
        self.epochs.push(metrics.clone());
        Ok(())
    }
}
