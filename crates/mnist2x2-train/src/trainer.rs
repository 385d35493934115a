//! The training loop.

use std::time::Instant;

use candle_core::Device;
use mnist2x2_data::{Epoch, Loader};
use mnist2x2_infer::Calibration;
use mnist2x2_model::{Config, Parameters, Seq2Seq};
use serde::{Deserialize, Serialize};

use crate::average::average;
use crate::calibrate::calibrate;
use crate::evaluate::{evaluate, mean_loss};
use crate::gradient::batch_gradient;
use crate::metrics::{EpochMetrics, Validation};
use crate::targets::Targets;
use crate::workers::Workers;
use crate::{Checkpoint, Error, Keep, Observer, Optimiser, Outcome, Recipe, StepReport};

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs finished.
    pub epoch: u64,
    /// Steps finished in the epoch after those.
    pub step: usize,
    /// Sum over the epoch's grids so far of their loss.
    pub loss_sum: f64,
    /// Grids of the epoch so far.
    pub grids: u64,
    /// Seconds spent on them.
    pub seconds: f64,
    /// The share of validation grids that the best epoch so far read, where the recipe keeps the best.
    pub best_accuracy: Option<f64>,
    /// How many steps had been taken at its end.
    pub best_steps: Option<u64>,
}

/// A run: the model, the optimiser, and how far they have come.
#[derive(Debug)]
pub struct Trainer {
    recipe: Recipe,
    loader: Loader,
    /// The grids that each epoch is validated with.
    validation: Option<Loader>,
    targets: Targets,
    model: Seq2Seq,
    /// The model's values in flat order, as the optimiser sees them.
    values: Vec<f32>,
    optimiser: Optimiser,
    /// The running average of the values; empty if the recipe has none.
    average: Vec<f32>,
    /// The weights of the best epoch; empty before the first, or if the recipe keeps the last.
    best: Vec<f32>,
    /// The gradient of the newest step; its memory is used again.
    gradient: Vec<f32>,
    position: Position,
}

impl Trainer {
    /// A run before its first step, on the grids of `loader`, augmented as the recipe says.
    ///
    /// # Errors
    /// As [`Trainer::taught`].
    pub fn new(config: &Config, recipe: Recipe, loader: Loader, device: &Device) -> Result<Self, Error> {
        Self::taught(config, recipe, loader, &[], device)
    }

    /// The same, where `teachers` say what they make of each grid: needed if the recipe distils.
    ///
    /// # Errors
    /// [`Error::Recipe`] or [`Error::Model`] if a setting or size is impossible, the loader's grids do not fit, or the recipe
    /// asks for teachers that are not there or the reverse.
    pub fn taught(
        config: &Config,
        recipe: Recipe,
        loader: Loader,
        teachers: &[Seq2Seq],
        device: &Device,
    ) -> Result<Self, Error> {
        recipe.validate()?;
        check_shape(config, &loader)?;
        let loader = loader.augmented(recipe.augmentation.clone())?;
        let targets = Targets::new(&recipe, teachers)?;
        let parameters = Parameters::init_by(recipe.initialisation, config, recipe.seed, device)?;
        let optimiser = Optimiser::new(recipe.optimiser.clone(), &parameters);
        let model = Seq2Seq::new(parameters)?;
        let values = model.parameters().to_flat()?;
        Ok(Self {
            optimiser,
            gradient: vec![0.0; values.len()],
            average: if recipe.average > 0.0 { values.clone() } else { Vec::new() },
            best: Vec::new(),
            position: Position::default(),
            validation: None,
            recipe,
            loader,
            targets,
            model,
            values,
        })
    }

    /// The same run, validated with the grids of `validation` after each epoch.
    ///
    /// # Errors
    /// [`Error::Recipe`] if they do not fit the model.
    pub fn with_validation(mut self, validation: Loader) -> Result<Self, Error> {
        check_shape(self.model.config(), &validation)?;
        self.validation = Some(validation);
        Ok(self)
    }

    /// The same before its first step, with the weights of `base` in place of new ones.
    ///
    /// # Errors
    /// [`Error::Model`] if `base` is of other sizes.
    pub fn starting_from(mut self, base: &Seq2Seq) -> Result<Self, Error> {
        if base.config() != self.model.config() {
            let problem = "the model to begin with is of other sizes than the one to be trained".into();
            return Err(mnist2x2_model::Error::Tensors(problem).into());
        }
        let (start, values) = (self.checkpoint(), base.parameters().to_flat()?);
        let average = if start.average.is_empty() { Vec::new() } else { values.clone() };
        self.restore(Checkpoint { values, average, ..start })?;
        Ok(self)
    }

    /// Goes on where `checkpoint` was taken: from there on every number is that of a run that was never interrupted.
    ///
    /// # Errors
    /// [`Error::Model`] if the checkpoint is of another model, [`Error::Recipe`] if of another recipe.
    pub fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        let lengths = [&checkpoint.values, &checkpoint.first_moment, &checkpoint.second_moment].map(Vec::len);
        if lengths != [self.values.len(); 3] {
            let problem = format!("has {lengths:?} values for {} parameters", self.values.len());
            return Err(mnist2x2_model::Error::Tensors(problem).into());
        }
        if checkpoint.average.len() != self.average.len() {
            let problem = "differs from that of the checkpoint's run".into();
            return Err(Error::Recipe { field: "average", problem });
        }
        self.model.parameters().set_flat(&checkpoint.values)?;
        self.optimiser.steps = checkpoint.optimiser_steps;
        self.optimiser.first_moment = checkpoint.first_moment;
        self.optimiser.second_moment = checkpoint.second_moment;
        self.values = checkpoint.values;
        self.average = checkpoint.average;
        self.best = checkpoint.best;
        self.position = checkpoint.position;
        Ok(())
    }

    /// Everything that [`Trainer::restore`] needs.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            position: self.position,
            optimiser_steps: self.optimiser.steps,
            values: self.values.clone(),
            first_moment: self.optimiser.first_moment.clone(),
            second_moment: self.optimiser.second_moment.clone(),
            average: self.average.clone(),
            best: self.best.clone(),
        }
    }

    /// The model that is being trained.
    pub fn model(&self) -> &Seq2Seq {
        &self.model
    }

    /// The model that the run would end with now: of the best epoch where the recipe keeps that, of averaged weights where
    /// it averages them.
    ///
    /// # Errors
    /// [`Error::Model`] if the device fails.
    pub fn result(&self) -> Result<Seq2Seq, Error> {
        self.frozen(if self.best.is_empty() { self.newest() } else { &self.best })
    }

    /// How far the confidence of [`Trainer::result`] can be trusted, by its validation grids; nothing if there are none.
    ///
    /// # Errors
    /// As [`calibrate`].
    pub fn calibration(&self, workers: &Workers) -> Result<Option<Calibration>, Error> {
        let Some(loader) = &self.validation else { return Ok(None) };
        calibrate(&self.result()?, loader, workers).map(Some)
    }

    /// The weights that would be validated and saved now.
    fn newest(&self) -> &[f32] {
        if self.average.is_empty() { &self.values } else { &self.average }
    }

    fn frozen(&self, values: &[f32]) -> Result<Seq2Seq, Error> {
        let device = self.model.parameters().device();
        Ok(Seq2Seq::new(Parameters::from_flat(self.model.config(), values, device)?)?)
    }

    /// The settings of the run.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// How far the run has come.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Steps of the optimiser so far.
    pub fn steps(&self) -> u64 {
        self.optimiser.steps
    }

    /// Trains to the end of the recipe, or until `observer` stops it.
    ///
    /// # Errors
    /// [`Error::Recipe`] if the best epoch is to be kept and there is nothing to validate with.
    /// [`Error::Diverged`] if the loss, a gradient or a weight stops being finite: the model is then that before that step.
    /// Otherwise what the device or the observer reports.
    pub fn run(&mut self, workers: &Workers, observer: &mut dyn Observer) -> Result<Outcome, Error> {
        if self.recipe.keep == Keep::Best && self.validation.is_none() {
            let problem = "is `best`, but the run was given no grids to validate with".into();
            return Err(Error::Recipe { field: "keep", problem });
        }
        let (augmented, plain) = (self.loader.clone(), self.loader.clone().unaugmented());
        while self.position.epoch < self.recipe.epochs {
            let is_plain = self.position.epoch + self.recipe.plain_epochs >= self.recipe.epochs;
            let epoch = if is_plain { &plain } else { &augmented }.epoch(self.position.epoch);
            while self.position.step < epoch.steps() {
                let report = self.step(&epoch, workers)?;
                observer.keep(self)?;
                if observer.step(&report).is_break() {
                    return Ok(Outcome::Stopped);
                }
            }
            let metrics = self.finish_epoch(workers)?;
            observer.epoch(self, &metrics)?;
        }
        Ok(Outcome::Finished)
    }

    fn step(&mut self, epoch: &Epoch, workers: &Workers) -> Result<StepReport, Error> {
        let start = Instant::now();
        let Position { epoch: number, step, .. } = self.position;
        let shards = self.recipe.shards;
        let loss =
            batch_gradient(&self.model, epoch, step, shards, &self.targets, workers, &mut self.gradient)?;
        let check = |what, holds: bool| {
            if holds { Ok(()) } else { Err(Error::Diverged { epoch: number + 1, step: step + 1, what }) }
        };
        check("loss", loss.is_finite())?;
        check("gradient", are_finite(&self.gradient))?;
        let total = self.recipe.epochs * epoch.steps() as u64;
        let rate = self.recipe.schedule.at(self.optimiser.steps, total);
        self.optimiser.step(&mut self.values, &self.gradient, rate, workers);
        check("step", are_finite(&self.values))?;
        if !self.average.is_empty() {
            average(&mut self.average, &self.values, self.recipe.average, self.optimiser.steps, workers);
        }
        self.model.parameters().set_flat(&self.values)?;

        let grids = epoch.batch_len(step);
        self.position.step += 1;
        self.position.grids += grids as u64;
        self.position.loss_sum += loss * grids as f64;
        self.position.seconds += start.elapsed().as_secs_f64();
        Ok(StepReport { epoch: number + 1, step: step + 1, steps: epoch.steps(), grids, loss })
    }

    fn finish_epoch(&mut self, workers: &Workers) -> Result<EpochMetrics, Error> {
        let Position { epoch, loss_sum, grids, seconds, best_accuracy, best_steps, .. } = self.position;
        let validation = self.validate(workers)?;
        self.position = Position { epoch: epoch + 1, best_accuracy, best_steps, ..Position::default() };
        if let Some(Validation { sequence_accuracy, .. }) = validation
            && self.recipe.keep == Keep::Best
            && best_accuracy.is_none_or(|best| sequence_accuracy >= best)
        {
            self.position.best_accuracy = Some(sequence_accuracy);
            self.position.best_steps = Some(self.optimiser.steps);
            self.best = self.newest().to_vec();
        }
        Ok(EpochMetrics {
            epoch: epoch + 1,
            steps: self.optimiser.steps,
            loss: loss_sum / grids as f64,
            seconds,
            grids_per_second: grids as f64 / seconds,
            validation,
        })
    }

    /// Reads the validation grids with the weights that would be saved now.
    fn validate(&self, workers: &Workers) -> Result<Option<Validation>, Error> {
        let Some(loader) = &self.validation else { return Ok(None) };
        let model = self.frozen(self.newest())?;
        let evaluation = evaluate(&model, loader, workers, |_| ())?;
        Ok(Some(Validation {
            loss: mean_loss(&model, loader, workers)?,
            sequence_accuracy: evaluation.sequence_accuracy,
            digit_accuracy: evaluation.digit_accuracy,
        }))
    }
}

fn are_finite(values: &[f32]) -> bool {
    values.iter().all(|value| value.is_finite())
}

/// Refuses grids of another layout than the model reads.
fn check_shape(config: &Config, loader: &Loader) -> Result<(), Error> {
    let shape = loader.shape();
    if (shape.rows, shape.cols) == (config.rows, config.cols) {
        return Ok(());
    }
    let problem = format!("has grids of {} x {} cells, the model's are not", shape.rows, shape.cols);
    Err(Error::Recipe { field: "data", problem })
}
