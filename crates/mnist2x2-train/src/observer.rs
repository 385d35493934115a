//! Watching a run.

use std::ops::ControlFlow;

use crate::{EpochMetrics, Error, Trainer};

/// Watches a run, and may stop it.
pub trait Observer {
    /// After each step and before [`Observer::step`]: the moment to keep the trainer as it is. An error stops the run.
    ///
    /// # Errors
    /// Whatever made it impossible to go on, such as a full disk.
    fn keep(&mut self, trainer: &Trainer) -> Result<(), Error> {
        let _ = trainer;
        Ok(())
    }

    /// After each step; [`ControlFlow::Break`] stops the run after this step.
    fn step(&mut self, report: &StepReport) -> ControlFlow<()> {
        let _ = report;
        ControlFlow::Continue(())
    }

    /// After each epoch; an error stops the run.
    ///
    /// # Errors
    /// Whatever made it impossible to go on, such as a full disk.
    fn epoch(&mut self, trainer: &Trainer, metrics: &EpochMetrics) -> Result<(), Error> {
        let _ = (trainer, metrics);
        Ok(())
    }
}

/// No one is watching.
impl Observer for () {}

/// One step of the optimiser.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// The epoch that the step is part of, from 1.
    pub epoch: u64,
    /// The step within its epoch, from 1.
    pub step: usize,
    /// Steps in an epoch.
    pub steps: usize,
    /// Grids in the step's batch.
    pub grids: usize,
    /// The batch's mean loss, in nats per token.
    pub loss: f64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done.
    Finished,
    /// The observer stopped it.
    Stopped,
}
