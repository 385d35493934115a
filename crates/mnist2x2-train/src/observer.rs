//! Watching a run.

use crate::{BoxError, EpochMetrics, StepReport, Trainer};

/// Watches a run, and may stop it: what other libraries call a callback.
///
/// ```
/// use mnist2x2_train::{BoxError, EpochMetrics, Observer, Trainer};
///
/// struct Print;
///
/// impl Observer for Print {
///     fn on_epoch(&mut self, _: &Trainer, metrics: &EpochMetrics) -> Result<(), BoxError> {
///         println!("epoch {}: loss {:.3}", metrics.epoch, metrics.loss);
///         Ok(())
///     }
/// }
/// ```
pub trait Observer {
    /// After each step.
    ///
    /// # Errors
    /// Whatever makes it impossible to go on, such as a full disk: it ends the run as [`Error::Observer`](crate::Error).
    fn on_step(&mut self, trainer: &Trainer, step: &StepReport) -> Result<(), BoxError> {
        let _ = (trainer, step);
        Ok(())
    }

    /// After each epoch and its validation.
    ///
    /// # Errors
    /// As [`Observer::on_step`].
    fn on_epoch(&mut self, trainer: &Trainer, metrics: &EpochMetrics) -> Result<(), BoxError> {
        let _ = (trainer, metrics);
        Ok(())
    }

    /// Whether the run is to stop here; asked after each step and after each epoch.
    fn should_stop(&self) -> bool {
        false
    }
}

/// No one is watching.
impl Observer for () {}
