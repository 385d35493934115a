//! A run in memory: the model, the optimizer, and how far they have come.

use std::path::Path;

use candle_core::Device;
use mnist2x2_data::{Epoch, Layout, Loader};
use mnist2x2_infer::layout_of;
use mnist2x2_model::{Config, Parameters, Seq2Seq};

use crate::ema::update_ema;
use crate::evaluate::validate;
use crate::gradient::batch_gradient;
use crate::loaders::check_layout;
use crate::loss::{Targets, check_layout_of_teacher};
use crate::stopwatch::Stopwatch;
use crate::{
    Checkpoint, EpochMetrics, Error, Exposure, Group, Loaders, ModelSelection, Optimizer, Position, Recipe,
    StepReport, TrainingData, Validation, Workers,
};

/// A run: the model, the optimizer, and how far they have come.
#[derive(Debug)]
pub struct Trainer {
    recipe: Recipe,
    training: Loader,
    validation: Option<Loader>,
    unseen: Option<Loader>,
    /// Whether the model that it began with was trained on the digits that are held out now.
    exposure: Exposure,
    targets: Targets,
    model: Seq2Seq,
    optimizer: Optimizer,
    /// All that changes from step to step; the model's parameters are a copy of its values.
    state: Checkpoint,
    /// The gradient of the newest step; its memory is used again.
    gradient: Vec<f32>,
}

impl Trainer {
    /// A run before its first step: the recipe's grids of `data`, less what it holds back to validate with.
    ///
    /// # Errors
    /// [`Error::Setting`] or [`Error::Model`] if a setting or size is impossible, and as [`Recipe::loaders`].
    pub fn new(
        config: &Config,
        recipe: Recipe,
        data: impl Into<TrainingData>,
        device: &Device,
    ) -> Result<Self, Error> {
        recipe.validate()?;
        let layout = match layout_of(config) {
            Layout::Grid { shape, .. } => Layout::Grid { shape, blanks: recipe.blanks },
            other => other,
        };
        let Loaders { training, validation, unseen } = recipe.loaders(data.into(), layout)?;
        Ok(Self { validation, unseen, ..Self::from_loader(config, recipe, training, device)? })
    }

    /// A run on the grids of `loader`, augmented as the recipe says, whatever else it says of grids; and without any to
    /// validate with, see [`Trainer::with_validation`].
    ///
    /// # Errors
    /// As [`Trainer::new`], and [`Error::Setting`] if the loader's grids do not fit the model.
    pub fn from_loader(
        config: &Config,
        recipe: Recipe,
        loader: Loader,
        device: &Device,
    ) -> Result<Self, Error> {
        recipe.validate()?;
        check_layout(config, &loader)?;
        let training = loader.augmented(recipe.augmentation.clone())?;
        let parameters = Parameters::init_by(recipe.initialization, config, recipe.seed, device)?;
        let optimizer = Optimizer::new(recipe.optimizer.clone(), &parameters);
        let model = Seq2Seq::new(parameters)?;
        let values = model.parameters().to_flat()?;
        let gradient = vec![0.0; values.len()];
        let state = Checkpoint {
            position: Position::default(),
            optimizer: optimizer.initial_state(),
            ema: if recipe.ema_decay > 0.0 { values.clone() } else { Vec::new() },
            best: Vec::new(),
            values,
        };
        let targets = Targets::smoothed(recipe.label_smoothing);
        let (validation, unseen, exposure) = (None, None, Exposure::default());
        Ok(Self {
            recipe,
            training,
            validation,
            unseen,
            exposure,
            targets,
            model,
            optimizer,
            state,
            gradient,
        })
    }

    /// The same run, validated with the grids of `validation` after each epoch.
    ///
    /// # Errors
    /// [`Error::Setting`] if they do not fit the model.
    pub fn with_validation(self, validation: Loader) -> Result<Self, Error> {
        check_layout(self.model.config(), &validation)?;
        Ok(Self { validation: Some(validation), ..self })
    }

    /// The same run, taught by `teachers`: models trained before, needed if the recipe distills. They read what the model reads, or,
    /// where that is full grids, single digits; such a teacher reads each cell.
    ///
    /// # Errors
    /// [`Error::Setting`] if the recipe asks for teachers and there are none, or the reverse, or if a teacher reads something else.
    pub fn with_teachers(self, teachers: &[Seq2Seq]) -> Result<Self, Error> {
        let mut configs = teachers.iter().map(Seq2Seq::config);
        configs.try_for_each(|config| check_layout_of_teacher(self.model.config(), config))?;
        Ok(Self { targets: Targets::new(&self.recipe, teachers)?, ..self })
    }

    /// The same, but teachers count as far as they are right; see [`Targets::checked_by_labels`].
    pub(crate) fn checked_by_labels(self) -> Self {
        Self { targets: self.targets.checked_by_labels(), ..self }
    }

    /// The same before its first step, with the weights of `base` in place of new ones. Whether `base` was trained on digits
    /// that are held out now is said in the model's calibration; see [`RunRecord::exposure`](crate::RunRecord::exposure).
    ///
    /// # Errors
    /// [`Error::Model`] if `base` is of other sizes.
    pub fn starting_from(mut self, base: &Seq2Seq, exposure: Exposure) -> Result<Self, Error> {
        if base.config() != self.model.config() {
            let problem = "the model to begin with is of other sizes than the one to be trained".into();
            return Err(mnist2x2_model::Error::Tensors(problem).into());
        }
        let values = base.parameters().to_flat()?;
        let ema = if self.state.ema.is_empty() { Vec::new() } else { values.clone() };
        let start = Checkpoint { values, ema, ..self.state.clone() };
        self.restore(start)?;
        Ok(Self { exposure, ..self })
    }

    /// Goes on where `checkpoint` was taken: from there on every number is that of a run that was never interrupted.
    ///
    /// # Errors
    /// [`Error::Model`] if the checkpoint is of another model, [`Error::Setting`] if of another recipe.
    pub fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        let Checkpoint { values, optimizer, ema, .. } = &checkpoint;
        let lengths = [values, &optimizer.first_moment, &optimizer.second_moment].map(Vec::len);
        if lengths != [self.state.values.len(); 3] {
            let problem = format!("has {lengths:?} values for {} parameters", self.state.values.len());
            return Err(mnist2x2_model::Error::Tensors(problem).into());
        }
        if ema.len() != self.state.ema.len() {
            return Err(Error::setting("ema_decay", "differs from that of the checkpoint's run"));
        }
        self.model.parameters().set_flat(values)?;
        self.state = checkpoint;
        Ok(())
    }

    /// Takes part in training by the processes of `group`: all begin where the first is.
    ///
    /// # Errors
    /// [`Error::Setting`] if a batch has fewer shards than there are processes, and as [`Trainer::restore`].
    pub fn join(&mut self, group: &Group) -> Result<(), Error> {
        let (shards, size) = (self.recipe.shards, group.size());
        if size == 1 {
            return Ok(());
        }
        if size > shards.next_power_of_two() {
            let problem =
                format!("is {shards}: too few for {size} processes; start fewer, or set `shards={size}`");
            return Err(Error::setting("shards", problem));
        }
        let (name, run) = (Path::new("the first process's state"), "shared");
        let bytes = group.broadcast(self.state.to_bytes(name, run)?);
        let state = Checkpoint::parse(&bytes, run, self.gradient.len());
        self.restore(state.map_err(|problem| Error::run(name, problem))?)
    }

    /// Where the run is: everything that [`Trainer::restore`] needs.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.state
    }

    /// The model that is being trained, as the last step left it; see [`Trainer::result`] for the one to use.
    pub fn model(&self) -> &Seq2Seq {
        &self.model
    }

    /// The model that the run would end with now: of the best epoch where the recipe keeps that, of averaged weights where
    /// it averages them.
    ///
    /// # Errors
    /// [`Error::Model`] if the device fails.
    pub fn result(&self) -> Result<Seq2Seq, Error> {
        self.frozen(self.state.result())
    }

    /// The weights that would be validated and saved now.
    fn newest(&self) -> &[f32] {
        if self.state.ema.is_empty() { &self.state.values } else { &self.state.ema }
    }

    /// A model of these weights, on the device of the one that is trained.
    pub(crate) fn frozen(&self, values: &[f32]) -> Result<Seq2Seq, Error> {
        let device = self.model.parameters().device();
        Ok(Seq2Seq::new(Parameters::from_flat(self.model.config(), values, device)?)?)
    }

    /// The settings of the run.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// What each epoch trains on.
    pub fn training(&self) -> &Loader {
        &self.training
    }

    /// The grids that each epoch is validated with, if there are any.
    pub fn validation(&self) -> Option<&Loader> {
        self.validation.as_ref()
    }

    /// The grids of writers by whom nothing is chosen, if writers are held out: for comparing finished runs.
    pub fn unseen(&self) -> Option<&Loader> {
        self.unseen.as_ref()
    }

    /// Whether the model that it began with was trained on the digits that are held out now.
    pub fn exposure(&self) -> Exposure {
        self.exposure
    }

    /// How far the run has come.
    pub fn position(&self) -> Position {
        self.state.position
    }

    /// Steps of the optimizer so far.
    pub fn steps(&self) -> u64 {
        self.state.optimizer.steps
    }

    /// Refuses to begin without what the recipe asks for.
    pub(crate) fn check_complete(&self) -> Result<(), Error> {
        if self.recipe.model_selection == ModelSelection::Best && self.validation.is_none() {
            let problem = "is `best`, but the run was given no grids to validate with; make it with `Trainer::new`, which \
                takes them from the data, or call `Trainer::with_validation`";
            return Err(Error::setting("model_selection", problem));
        }
        self.targets.check_distillation(&self.recipe)
    }

    /// The grids of the epoch that the run is in: as they are in the last epochs, if the recipe says so.
    pub(crate) fn epoch_loader(&self) -> Loader {
        let is_augmented = self.state.position.epoch + self.recipe.unaugmented_epochs < self.recipe.epochs;
        let loader = self.training.clone();
        if is_augmented { loader } else { loader.unaugmented() }
    }

    /// One step of the optimizer, on the next batch of `epoch`.
    pub(crate) fn step(&mut self, epoch: &Epoch, workers: &Workers) -> Result<StepReport, Error> {
        let start = Stopwatch::start();
        let Self { recipe, model, state, gradient, .. } = self;
        let Position { epoch: number, step, .. } = state.position;
        let loss = batch_gradient(model, epoch, step, recipe.shards, &self.targets, workers, gradient)?;
        let check = |what, holds: bool| {
            if holds { Ok(()) } else { Err(Error::Diverged { epoch: number + 1, step: step + 1, what }) }
        };
        check("loss", loss.is_finite())?;
        // Adam's average of squares would never be finite again.
        if !workers.all(gradient, |g| (g * g).is_finite()) {
            check("gradient", workers.are_finite(gradient))?;
            check("square of the gradient", false)?;
        }
        let total = recipe.epochs * epoch.steps() as u64;
        let rate = recipe.schedule.at(state.optimizer.steps, total);
        self.optimizer.step(&mut state.optimizer, &mut state.values, gradient, rate, workers);
        check("step", workers.are_finite(&state.values))?;
        if !state.ema.is_empty() {
            update_ema(&mut state.ema, &state.values, recipe.ema_decay, state.optimizer.steps, workers);
            check("average of the weights", workers.are_finite(&state.ema))?;
        }
        model.parameters().set_flat(&state.values)?;
        let grids = epoch.batch_len(step);
        state.position.step += 1;
        state.position.grids += grids as u64;
        state.position.loss_sum += loss * grids as f64;
        state.position.seconds += start.seconds();
        Ok(StepReport { epoch: number + 1, step: step + 1, steps: epoch.steps(), grids, loss })
    }

    /// How many grids are enough to judge an epoch: as many as it has. A short epoch is not worth a longer validation.
    pub(crate) fn enough(&self) -> usize {
        self.training.in_order().grids()
    }

    /// Validates the weights that would be saved now, and keeps them if they are the best so far.
    ///
    /// `done` is told how many more validation grids have been read.
    pub(crate) fn finish_epoch(
        &mut self,
        workers: &Workers,
        done: impl FnMut(usize),
    ) -> Result<EpochMetrics, Error> {
        let Position { epoch, loss_sum, grids, seconds, best_accuracy, best_steps, .. } = self.position();
        let read = |loader| validate(&self.frozen(self.newest())?, loader, self.enough(), workers, done);
        let validation = self.validation.as_ref().map(read).transpose()?;
        self.state.position = Position { epoch: epoch + 1, best_accuracy, best_steps, ..Position::default() };
        if let Some(Validation { sequence_accuracy, .. }) = validation
            && self.recipe.model_selection.prefers(sequence_accuracy, best_accuracy)
        {
            self.state.position.best_accuracy = Some(sequence_accuracy);
            self.state.position.best_steps = Some(self.steps());
            self.state.best = self.newest().to_vec();
        }
        Ok(EpochMetrics {
            epoch: epoch + 1,
            steps: self.steps(),
            loss: loss_sum / grids as f64,
            seconds,
            grids_per_second: grids as f64 / seconds,
            validation,
        })
    }
}
