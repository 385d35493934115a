//! The progress of a training run: an estimate of its time, a bar, and a line per epoch.

use std::time::{Duration, Instant};

use mnist2x2::train::{BoxError, EpochMetrics, ReadingFor, StepReport};
use mnist2x2::{Observer, Trainer};

use crate::console::{self, Bar, duration, percent};
use crate::interrupt::Interrupt;

/// How long a run is timed before its length is estimated. Shorter runs need neither estimate nor bar.
const TIMED: Duration = Duration::from_secs(2);

/// Shows the progress of a run, and stops it when the user asks.
pub(crate) struct Progress<'a, F> {
    epochs: u64,
    interrupt: &'a Interrupt,
    /// What else is done after each epoch.
    on_epoch: F,
    start: Instant,
    /// Steps and grids since the start.
    steps: u64,
    grids: usize,
    is_estimated: bool,
    bar: Option<Bar>,
    /// Grids read beside training that the bar shows.
    read: usize,
}

impl<'a, F: FnMut(&EpochMetrics) -> anyhow::Result<()>> Progress<'a, F> {
    /// Watches `trainer` from here on; `on_epoch` is called after each epoch, and its error stops the run.
    pub(crate) fn new(trainer: &Trainer, interrupt: &'a Interrupt, on_epoch: F) -> Self {
        Self {
            epochs: trainer.recipe().epochs,
            interrupt,
            on_epoch,
            start: Instant::now(),
            steps: 0,
            grids: 0,
            is_estimated: false,
            bar: None,
            read: 0,
        }
    }

    /// Grids trained on in a second, validation included.
    fn grids_per_second(&self) -> f64 {
        self.grids as f64 / self.start.elapsed().as_secs_f64()
    }

    /// Says once how long the rest will take, in proportion to the time so far.
    fn estimate(&mut self, report: &StepReport) {
        self.is_estimated = true;
        let all = self.epochs * report.steps as u64;
        let done = (report.epoch - 1) * report.steps as u64 + report.step as u64;
        let seconds = self.start.elapsed().as_secs_f64() / self.steps as f64 * (all - done) as f64;
        let (time, rate) = (duration(seconds), self.grids_per_second());
        console::log(&format!("about {time} to go, at {rate:.0} grids/s"));
    }
}

impl<F: FnMut(&EpochMetrics) -> anyhow::Result<()>> Observer for Progress<'_, F> {
    fn on_step(&mut self, _: &Trainer, report: &StepReport) -> Result<(), BoxError> {
        let StepReport { epoch, step, steps, loss, grids, .. } = *report;
        self.steps += 1;
        self.grids += grids;
        if !self.is_estimated && self.start.elapsed() >= TIMED {
            self.estimate(report);
        }
        let (epochs, rate) = (self.epochs, self.grids_per_second());
        if self.is_estimated {
            let bar = self.bar.get_or_insert_with(|| {
                let mut bar = Bar::new(steps, &format!("epoch {epoch}/{epochs}"));
                bar.advance(step - 1); // those before the bar
                bar
            });
            bar.advance(1);
            bar.describe(|| format!("epoch {epoch}/{epochs} loss {loss:.4} {rate:.0} grids/s"));
        }
        Ok(())
    }

    fn on_epoch(&mut self, _: &Trainer, metrics: &EpochMetrics) -> Result<(), BoxError> {
        self.bar = None;
        let EpochMetrics { epoch, loss, seconds, grids_per_second, validation, .. } = metrics;
        let (epochs, time) = (self.epochs, duration(*seconds));
        let validation = validation.map_or_else(String::new, |validation| {
            let accuracy = percent(validation.sequence_accuracy);
            format!("  validation loss {:.4}  sequence accuracy {accuracy}", validation.loss)
        });
        console::log(&format!(
            "epoch {epoch:2}/{epochs}  loss {loss:.4}{validation}  {time}  {grids_per_second:.0} grids/s"
        ));
        Ok((self.on_epoch)(metrics)?)
    }

    fn on_reading(&mut self, purpose: ReadingFor, done: usize, grids: usize) {
        let what = match purpose {
            ReadingFor::Calibration => "fitting the temperature",
            _ => "validating",
        };
        if done == 0 {
            (self.bar, self.read) = (None, 0);
            if purpose == ReadingFor::Calibration {
                console::log(&format!("{what} to {grids} validation grids"));
            }
        }
        if self.start.elapsed() >= TIMED {
            self.bar.get_or_insert_with(|| Bar::new(grids, what)).advance(done - self.read);
            self.read = done;
        }
        if done == grids {
            self.bar = None;
        }
    }

    fn should_stop(&self) -> bool {
        self.interrupt.is_asked()
    }
}
