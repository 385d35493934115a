//! Learning from corrections without forgetting the rest.
//!
//! A model that people corrected is trained for a short time from the weights it has, gently, on grids in which its
//! corrections stand beside MNIST's digits: what is new is learnt, and what is known is rehearsed (A. Robins,
//! *Catastrophic Forgetting, Rehearsal and Pseudorehearsal*, 1995). Of the way from the old weights to the new ones it then
//! goes only as far as validation lets it (M. Wortsman and others, *Robust fine-tuning of zero-shot models*, 2022): between
//! the two lie models that read both. Some corrections are held out, and tell beside MNIST's validation digits whether the
//! outcome is better than what there was.

mod lesson;
mod grids;
mod verdict;

use mnist2x2_data::pendigits::PenDigits;
use mnist2x2_data::{Digits, Loader};
use mnist2x2_formats::Weights;
use mnist2x2_infer::{Calibration, Recognizer};
use mnist2x2_model::{Parameters, Seq2Seq};
use mnist2x2_picture::ModelInput;
use serde::{Deserialize, Serialize};

use crate::evaluate::{EVALUATION_BATCH, evaluate};
use crate::loaders::validation;
use crate::{
    Error, Grids, Keep, Observer, OptimiserSettings, Outcome, Recipe, Rule, Schedule, Trainer, Workers,
};

use lesson::Drawn;

pub use lesson::Lesson;
pub use verdict::{Marks, Verdict};

/// The fewest corrections that are learnt from: of fewer, those held out would say nothing.
const FEWEST: usize = 10;
/// The parts of the way from the old weights to the new ones after which it is tried to stop.
const STOPS: u8 = 8;

/// Where a fine-tuned model came from and what it learnt: part of `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinetuneRecord {
    /// Where the model was that it began with, in words.
    pub base: String,
    /// SHA-256 of that model's weights.
    pub base_sha256: String,
    /// As [`Finetuning::corrections_sha256`].
    pub corrections_sha256: String,
    /// Corrections that were learnt.
    pub learnt: u64,
    /// As [`Finetuning::way`].
    pub way: f64,
    /// What became of it.
    pub verdict: Verdict,
}

/// What a model is fine-tuned on.
#[derive(Debug)]
pub struct Material<'a> {
    /// MNIST's training split, or whatever the model was trained on, to be rehearsed.
    pub digits: Digits,
    /// Pen strokes to be rehearsed, where the recipe asks for them.
    pub pens: Option<&'a PenDigits>,
    /// The corrections.
    pub lessons: Vec<Lesson>,
    /// The share of digits that are from corrections, above 0 and at most 1.
    pub share: f64,
}

impl Recipe {
    /// Some thousand grids at a gentle rate, from weights that are good already; see [`Finetuning`].
    ///
    /// Matrices move by AdamW: Muon, whose steps are as long in every direction, forgets more on the way to the same
    /// corrections. The model that was begun with teaches what it knew (Z. Li and D. Hoiem, *Learning without
    /// Forgetting*, 2016), with less than half a say, because of the corrections it knew the wrong answer.
    pub fn finetune(seed: u64) -> Self {
        let recommended = Self::recommended(seed);
        Self {
            name: "finetune".into(),
            epochs: 3,
            epoch_grids: 25_000,
            keep: Keep::Last,
            distillation: 0.3,
            average: 0.998,
            optimiser: OptimiserSettings {
                matrices: Rule::AdamW,
                learning_rate: 3e-4,
                ..recommended.optimiser
            },
            schedule: Schedule { warm_up: 0.1, ..Schedule::linear() },
            ..recommended
        }
    }
}

/// A model on its way from what it was to one that has learnt its corrections.
#[derive(Debug)]
pub struct Finetuning {
    trainer: Trainer,
    validation: Loader,
    held_out: Vec<Lesson>,
    learnt: u64,
    sha256: String,
    /// The weights that it has come to, in flat order; those of the beginning before it has run.
    values: Vec<f32>,
    way: f64,
    before: Marks,
}

impl Finetuning {
    /// Prepares to train `base` by `recipe` on all of `material` but what is held out of it: digits to validate with, and
    /// some of the corrections.
    ///
    /// # Errors
    /// [`Error::NotFinetuned`] if there are fewer than ten corrections, or the model reads all that are held out;
    /// [`Error::Lesson`] if they are of another shape than the model's or show no digit; and as [`Trainer::new`].
    pub fn new(
        base: &Recognizer,
        recipe: Recipe,
        material: Material,
        workers: &Workers,
    ) -> Result<Self, Error> {
        check(base, &recipe, &material)?;
        let Material { digits, pens, lessons, share } = material;
        let shape = base.shape();
        let sha256 = lesson::sha256(&lessons);
        let (learnt, held_out) = lesson::hold_out(lessons);
        let (digits, unseen) = recipe.split(digits)?;
        let no_digits = || Error::Recipe { field: "validate_one_in", problem: "holds no digit back".into() };
        let validation = validation(unseen, shape)?.ok_or_else(no_digits)?;
        let before = marks(base, &held_out, &validation, workers)?;
        if before.corrections == held_out.len() as u64 {
            let problem = format!(
                "the model reads all {} held-out corrections right; there is nothing to learn that could be told",
                held_out.len()
            );
            return Err(Error::NotFinetuned { problem });
        }
        let pens = recipe.draw(pens)?;
        let drawn = Drawn::of(&learnt, shape)?;
        let training = grids::training(&recipe, digits, pens.as_ref(), (&drawn, share), shape)?;
        let trainer = begin(base.model(), recipe, training)?.with_validation(validation.clone())?;
        let (values, learnt) = (base.model().parameters().to_flat()?, learnt.len() as u64);
        Ok(Self { trainer, validation, held_out, learnt, sha256, values, way: 0.0, before })
    }

    /// Trains to the end of the recipe, or until `observer` stops it; then goes as far towards the new weights as validation
    /// lets it, or all the way if it never does.
    ///
    /// # Errors
    /// As [`Trainer::run`].
    pub fn run(&mut self, workers: &Workers, observer: &mut dyn Observer) -> Result<Outcome, Error> {
        let outcome = self.trainer.run(workers, observer)?;
        if outcome == Outcome::Finished {
            self.settle(workers)?;
        }
        Ok(outcome)
    }

    fn settle(&mut self, workers: &Workers) -> Result<(), Error> {
        let old = std::mem::take(&mut self.values);
        let new = self.trainer.result()?.parameters().to_flat()?;
        for stop in (1..=STOPS).rev() {
            let way = f32::from(stop) / f32::from(STOPS);
            let values: Vec<f32> = old.iter().zip(&new).map(|(old, new)| old + way * (new - old)).collect();
            let accuracy =
                evaluate(&self.frozen(&values)?, &self.validation, workers, |_| ())?.sequence_accuracy;
            if verdict::keeps(self.before.validation, accuracy) {
                (self.values, self.way) = (values, way.into());
                return Ok(());
            }
        }
        (self.values, self.way) = (new, 1.0);
        Ok(())
    }

    fn frozen(&self, values: &[f32]) -> Result<Seq2Seq, Error> {
        let (config, parameters) = (self.trainer.model().config(), self.trainer.model().parameters());
        Ok(Seq2Seq::new(Parameters::from_flat(config, values, parameters.device())?)?)
    }

    /// How the model that it has come to does beside the one that it began with.
    ///
    /// # Errors
    /// [`Error::Infer`] if a model's numbers overflow.
    pub fn verdict(&self, workers: &Workers) -> Result<Verdict, Error> {
        let after = marks(&recognizer(&self.result()?)?, &self.held_out, &self.validation, workers)?;
        Ok(Verdict { held_out: self.held_out.len() as u64, before: self.before, after })
    }

    /// Corrections that are learnt from; the others are held out.
    pub fn learnt(&self) -> u64 {
        self.learnt
    }

    /// SHA-256 of all corrections, whatever their order: what is seen and what is right.
    pub fn corrections_sha256(&self) -> &str {
        &self.sha256
    }

    /// Corrections that are held out.
    pub fn held_out(&self) -> &[Lesson] {
        &self.held_out
    }

    /// What the model that it began with reads right.
    pub fn before(&self) -> Marks {
        self.before
    }

    /// The run behind it.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// How much of the way from the old weights to those at the end of training it has gone, 0 to 1.
    pub fn way(&self) -> f64 {
        self.way
    }

    /// The model that it has come to.
    ///
    /// # Errors
    /// As [`Trainer::result`].
    pub fn result(&self) -> Result<Seq2Seq, Error> {
        self.frozen(&self.values)
    }

    /// How far that model's confidence can be trusted.
    ///
    /// # Errors
    /// As [`crate::calibrate`].
    pub fn calibration(&self, workers: &Workers) -> Result<Calibration, Error> {
        crate::calibrate(&self.result()?, &self.validation, workers)
    }
}

/// Refuses what cannot be learnt, before anything is computed.
fn check(base: &Recognizer, recipe: &Recipe, material: &Material) -> Result<(), Error> {
    recipe.validate()?;
    let Material { lessons, share, .. } = material;
    if !(*share > 0.0 && *share <= 1.0) {
        let problem = format!("the share of corrections is {share}, but must be above 0 and at most 1");
        return Err(Error::NotFinetuned { problem });
    }
    let count = lessons.len();
    if count < FEWEST {
        let problem = format!(
            "{count} corrections are too few to hold some out and learn the others; collect {FEWEST} at least"
        );
        return Err(Error::NotFinetuned { problem });
    }
    if recipe.grids != Grids::Fresh || recipe.epoch_grids == 0 {
        let problem = "must be above 0, with `grids` `fresh`: corrections are mixed into new grids".into();
        return Err(Error::Recipe { field: "epoch_grids", problem });
    }
    let shape = base.shape();
    match lessons.iter().find(|lesson| lesson.seen().shape() != shape) {
        Some(lesson) => {
            let other = lesson.seen().shape();
            let problem = format!(
                "a correction is of {} x {} cells, but the model reads {} x {}",
                other.rows, other.cols, shape.rows, shape.cols
            );
            Err(Error::Lesson { problem })
        }
        None => Ok(()),
    }
}

/// A run before its first step, with the weights of `base`, which also teaches where the recipe distils.
fn begin(base: &Seq2Seq, recipe: Recipe, training: Loader) -> Result<Trainer, Error> {
    let teachers = if recipe.distillation > 0.0 { std::slice::from_ref(base) } else { &[] };
    let device = base.parameters().device();
    Trainer::taught(base.config(), recipe, training, teachers, device)?.starting_from(base)
}

/// What reads with `model`, whoever it is.
fn recognizer(model: &Seq2Seq) -> Result<Recognizer, Error> {
    let parameters = model.parameters().frozen()?;
    Ok(Recognizer::new(Weights { parameters, digest: String::new() })?)
}

fn marks(
    recognizer: &Recognizer,
    lessons: &[Lesson],
    validation: &Loader,
    workers: &Workers,
) -> Result<Marks, Error> {
    let (mut corrections, mut cells) = (0, 0);
    for lessons in lessons.chunks(EVALUATION_BATCH) {
        let seen: Vec<ModelInput> = lessons.iter().map(|lesson| lesson.seen().clone()).collect();
        for (reading, lesson) in recognizer.read_batch(&seen)?.iter().zip(lessons) {
            let pairs = reading.cells.iter().zip(lesson.right());
            let right = pairs.filter(|(cell, right)| cell.digit == **right).count();
            corrections += u64::from(right == lesson.right().len());
            cells += right as u64;
        }
    }
    let validation = evaluate(recognizer.model(), validation, workers, |_| ())?.sequence_accuracy;
    Ok(Marks { corrections, cells, validation })
}
