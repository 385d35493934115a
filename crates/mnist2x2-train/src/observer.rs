//! Watching a run.

use crate::{BoxError, EpochMetrics, StepReport, Trainer};

/// Why a run reads grids that it does not train on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadingFor {
    /// To validate an epoch.
    Validation,
    /// To fit the temperature of the finished model.
    Calibration,
}

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

    /// While grids are read beside training, for this `purpose`: `done` of `grids` have been, at first none.
    fn on_reading(&mut self, purpose: ReadingFor, done: usize, grids: usize) {
        let _ = (purpose, done, grids);
    }

    /// Whether the run is to stop here; asked after each step and after each epoch.
    fn should_stop(&self) -> bool {
        false
    }
}

/// No one is watching.
impl Observer for () {}

/// Tells `observer` how many of `grids` have been read, whenever it is told how many more.
pub(crate) fn counting(observer: &mut dyn Observer, purpose: ReadingFor, grids: usize) -> impl FnMut(usize) {
    let mut done = 0;
    observer.on_reading(purpose, done, grids);
    move |more| {
        done += more;
        observer.on_reading(purpose, done, grids);
    }
}
