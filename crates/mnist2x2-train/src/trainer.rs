//! The training loop.

use std::ops::ControlFlow;
use std::time::Instant;

use candle_core::Device;
use mnist2x2_data::{Epoch, Loader};
use mnist2x2_model::{Config, Parameters, Seq2Seq};
use serde::{Deserialize, Serialize};

use crate::adam::Adam;
use crate::gradient::batch_gradient;
use crate::metrics::EpochMetrics;
use crate::workers::Workers;
use crate::{Checkpoint, Error, Recipe};

/// Watches a run, and may stop it.
pub trait Observer {
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
}

/// A run: the model, the optimiser, and how far they have come.
#[derive(Debug)]
pub struct Trainer {
    recipe: Recipe,
    loader: Loader,
    model: Seq2Seq,
    /// The model's values in flat order, as the optimiser sees them.
    values: Vec<f32>,
    adam: Adam,
    /// The gradient of the newest step; its memory is used again.
    gradient: Vec<f32>,
    position: Position,
}

impl Trainer {
    /// A run before its first step.
    ///
    /// # Errors
    /// [`Error::Recipe`] or [`Error::Model`] if a setting or size is impossible, or the loader's grids do not fit.
    pub fn new(config: &Config, recipe: Recipe, loader: Loader, device: &Device) -> Result<Self, Error> {
        recipe.validate()?;
        let shape = loader.shape();
        if (shape.rows, shape.cols) != (config.rows, config.cols) {
            let problem =
                format!("trains on grids of {} x {} cells, the model's are not", shape.rows, shape.cols);
            return Err(Error::Recipe { field: "data", problem });
        }
        let model = Seq2Seq::new(Parameters::init(config, recipe.seed, device)?)?;
        let values = model.parameters().to_flat()?;
        Ok(Self {
            adam: Adam::new(&recipe, values.len()),
            gradient: vec![0.0; values.len()],
            position: Position::default(),
            recipe,
            loader,
            model,
            values,
        })
    }

    /// Goes on where `checkpoint` was taken: from there on every number is that of a run that was never interrupted.
    ///
    /// # Errors
    /// [`Error::Model`] if the checkpoint is of another model.
    pub fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        let lengths = [&checkpoint.values, &checkpoint.first_moment, &checkpoint.second_moment].map(Vec::len);
        if lengths != [self.values.len(); 3] {
            let problem = format!("has {lengths:?} values for {} parameters", self.values.len());
            return Err(mnist2x2_model::Error::Tensors(problem).into());
        }
        self.model.parameters().set_flat(&checkpoint.values)?;
        self.adam.steps = checkpoint.optimiser_steps;
        self.adam.first_moment = checkpoint.first_moment;
        self.adam.second_moment = checkpoint.second_moment;
        self.values = checkpoint.values;
        self.position = checkpoint.position;
        Ok(())
    }

    /// Everything that [`Trainer::restore`] needs.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            position: self.position,
            optimiser_steps: self.adam.steps,
            values: self.values.clone(),
            first_moment: self.adam.first_moment.clone(),
            second_moment: self.adam.second_moment.clone(),
        }
    }

    /// The model as trained so far.
    pub fn model(&self) -> &Seq2Seq {
        &self.model
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
        self.adam.steps
    }

    /// Trains to the end of the recipe, or until `observer` stops it.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss or a gradient stops being finite: the values are then those before that step.
    /// Otherwise what the device or the observer reports.
    pub fn run(&mut self, workers: &Workers, observer: &mut dyn Observer) -> Result<Outcome, Error> {
        let loader = self.loader.clone();
        while self.position.epoch < self.recipe.epochs {
            let epoch = loader.epoch(self.position.epoch);
            while self.position.step < epoch.steps() {
                let report = self.step(&epoch, workers)?;
                if observer.step(&report).is_break() {
                    return Ok(Outcome::Stopped);
                }
            }
            let metrics = self.finish_epoch();
            observer.epoch(self, &metrics)?;
        }
        Ok(Outcome::Finished)
    }

    fn step(&mut self, epoch: &Epoch, workers: &Workers) -> Result<StepReport, Error> {
        let start = Instant::now();
        let Position { epoch: number, step, .. } = self.position;
        let shards = self.recipe.shards;
        let loss = batch_gradient(&self.model, epoch, step, shards, workers, &mut self.gradient)?;
        let diverged = |what| Err(Error::Diverged { epoch: number + 1, step: step + 1, what });
        if !loss.is_finite() {
            return diverged("loss");
        }
        if !self.gradient.iter().all(|g| g.is_finite()) {
            return diverged("gradient");
        }
        self.adam.step(&mut self.values, &self.gradient, workers);
        self.model.parameters().set_flat(&self.values)?;

        let grids = epoch.batch_len(step);
        self.position.step += 1;
        self.position.grids += grids as u64;
        self.position.loss_sum += loss * grids as f64;
        self.position.seconds += start.elapsed().as_secs_f64();
        Ok(StepReport { epoch: number + 1, step: step + 1, steps: epoch.steps(), grids, loss })
    }

    fn finish_epoch(&mut self) -> EpochMetrics {
        let Position { epoch, loss_sum, grids, seconds, .. } = self.position;
        self.position = Position { epoch: epoch + 1, ..Position::default() };
        EpochMetrics {
            epoch: epoch + 1,
            steps: self.adam.steps,
            loss: loss_sum / grids as f64,
            seconds,
            grids_per_second: grids as f64 / seconds,
        }
    }
}
