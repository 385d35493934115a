//! The training loop.

use mnist2x2_infer::Calibration;
use mnist2x2_model::Seq2Seq;

use crate::observer::counting;
use crate::predict::grids_read;
use crate::{Error, Observer, ReadingFor, Trainer, Workers, calibrate};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// All epochs are done.
    Finished,
    /// The observer stopped it.
    Stopped,
}

impl Trainer {
    /// Trains to the end of the recipe, or until `observer` stops it.
    ///
    /// # Errors
    /// [`Error::Setting`] if the recipe asks for validation grids or teachers that are not there. [`Error::Diverged`] if the
    /// loss, a gradient or a weight stops being finite: the model is then that before that step. Otherwise what the device
    /// or the observer reports.
    pub fn run(&mut self, workers: &Workers, observer: &mut dyn Observer) -> Result<Outcome, Error> {
        self.check_complete()?;
        let epochs = self.recipe().epochs;
        while self.position().epoch < epochs {
            let loader = self.epoch_loader();
            let epoch = loader.epoch(self.position().epoch);
            while self.position().step < epoch.steps() {
                let report = self.step(&epoch, workers)?;
                observer.on_step(self, &report).map_err(Error::from_observer)?;
                if workers.group().any(observer.should_stop()) {
                    return Ok(Outcome::Stopped);
                }
            }
            let grids = self.validation().map_or(0, |loader| grids_read(loader, self.enough()));
            let metrics = self.finish_epoch(workers, counting(observer, ReadingFor::Validation, grids))?;
            observer.on_epoch(self, &metrics).map_err(Error::from_observer)?;
            if workers.group().any(observer.should_stop()) && self.position().epoch < epochs {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Finished)
    }

    /// The temperature of `model`, fitted to as many validation grids as an epoch has, in whole batches; nothing without any.
    ///
    /// # Errors
    /// As [`calibrate`].
    pub fn calibrate(
        &self,
        model: &Seq2Seq,
        workers: &Workers,
        observer: &mut dyn Observer,
    ) -> Result<Option<Calibration>, Error> {
        let Some(loader) = self.validation() else { return Ok(None) };
        let enough = self.enough();
        let done = counting(observer, ReadingFor::Calibration, grids_read(loader, enough));
        let calibration = calibrate(model, loader, enough, workers, done)?;
        Ok(Some(Calibration { exposure: self.exposure(), ..calibration }))
    }
}
