//! How a model is trained.

use candle_core::Device;
use mnist2x2_data::{Augmentation, Loader};
use mnist2x2_model::Initialization;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::check_setting;
use crate::{Error, MatrixOptimizer, OptimizerSettings, Schedule};

/// The most grids in an epoch, and in a batch: the index map of more would fill the memory.
pub const MAX_GRIDS: usize = 100_000_000;
/// The most epochs: with as many grids in each, their steps can be counted.
const MAX_EPOCHS: u64 = 1_000_000_000;

/// Everything that decides the outcome of a run besides the data and the model's sizes: part of `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What it is called.
    pub name: String,
    /// Decides the initial weights, the grids, their order and how they are augmented.
    pub seed: u64,
    /// How many epochs are trained.
    pub epochs: u64,
    /// Grids in an epoch; 0 for as many as there are training digits.
    pub epoch_grids: usize,
    /// Grids per step of the optimizer.
    #[serde(alias = "batch")]
    pub batch_size: usize,
    /// Into how many parts a batch is split, each differentiated by one thread; a fixed number, so that results do not
    /// depend on how many threads there are.
    pub shards: usize,
    /// Which grids an epoch has.
    pub grids: Grids,
    /// The probability that a cell of a grid is empty.
    #[serde(default)]
    pub blanks: f64,
    /// The share of fresh pictures whose digits are all by one writer, where writers are known.
    #[serde(default)]
    pub one_writer: f64,
    /// The share of pictures that have something that is no digit, which is no part of the sequence.
    #[serde(default)]
    pub distractors: f64,
    /// By how much of the smaller one the images of neighbors in a training line overlap at most; lines to evaluate with always
    /// have 0.4.
    #[serde(default = "usual_overlap")]
    pub overlap: f64,
    /// The fraction of the training digits that is kept from training to validate with; 0 for none. A number above 1 means one
    /// digit in so many.
    #[serde(alias = "validate_one_in", deserialize_with = "fraction_or_one_in")]
    pub validation_fraction: f64,
    /// Whose digits those are.
    #[serde(default)]
    pub validation_split: ValidationSplit,
    /// The fraction of digits that are drawn from pen strokes instead; 0 for none.
    #[serde(alias = "strokes")]
    pub stroke_fraction: f64,
    /// Whether pen strokes include those of [`HELD_OUT_WRITERS`](crate::HELD_OUT_WRITERS): for a last run, once all has been
    /// chosen by them.
    pub all_writers: bool,
    /// The fraction of digits that are written by rules instead, most of them in ways that few people have; 0 for none. See
    /// [`rare_digits`](mnist2x2_data::synthetic::rare_digits).
    #[serde(default)]
    pub rare_fraction: f64,
    /// Which weights a run ends with.
    #[serde(alias = "keep")]
    pub model_selection: ModelSelection,
    /// How the weights begin.
    #[serde(alias = "initialisation")]
    pub initialization: Initialization,
    /// The weight, in each target, of the mean of the probabilities that teachers, models trained before, give for the same
    /// grid (G. Hinton, O. Vinyals and J. Dean, *Distilling the Knowledge in a Neural Network*, 2015); 0 for none.
    #[serde(alias = "distillation")]
    pub distillation_weight: f64,
    /// By what the logits of teachers and student are divided where the two are compared (section 2 of the same): above 1,
    /// second thoughts weigh more. That part of the loss is multiplied by its square, so that its gradients keep their size.
    pub distillation_temperature: f64,
    /// The share of each target's probability that is spread evenly over all tokens (C. Szegedy and others, *Rethinking
    /// the Inception Architecture for Computer Vision*, 2016, section 7).
    pub label_smoothing: f64,
    /// The number of epochs, the last ones, whose digits are not augmented.
    #[serde(alias = "plain_epochs")]
    pub unaugmented_epochs: u64,
    /// The decay, per step, of the exponential moving average of the weights, which is what is validated and saved; 0 for
    /// none.
    #[serde(alias = "average")]
    pub ema_decay: f64,
    /// How a gradient becomes a step.
    #[serde(alias = "optimiser")]
    pub optimizer: OptimizerSettings,
    /// The learning-rate schedule.
    pub schedule: Schedule,
    /// How digits are changed.
    pub augmentation: Augmentation,
}

/// Which grids an epoch has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grids {
    /// The published ones, the same in every epoch.
    Fixed,
    /// New ones in every epoch.
    Fresh,
}

/// Which of the training digits are kept from training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ValidationSplit {
    /// The last ones, whoever wrote them.
    #[default]
    Last,
    /// All that some writers wrote, where the writers are known and enough, else the last ones. As many digits of other writers
    /// are kept from all choices too, see [`Trainer::unseen`](crate::Trainer::unseen).
    Writers,
}

/// Which weights a run ends with.
///
/// No run is stopped early: a schedule that falls to nothing needs its whole length. What early stopping would save is
/// kept by [`ModelSelection::Best`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ModelSelection {
    /// Those of the last epoch.
    Last,
    /// Those of the epoch with the highest sequence accuracy on the validation grids, the latest of several.
    Best,
}

impl ModelSelection {
    /// Whether an epoch with this validation accuracy takes the place of the `best` one before.
    pub(crate) fn prefers(self, accuracy: f64, best: Option<f64>) -> bool {
        self == Self::Best && best.is_none_or(|best| accuracy >= best)
    }
}

impl Default for Recipe {
    /// Our recipe, with seed 0; what was tried to find it is in `docs/recipe.md`.
    fn default() -> Self {
        Self {
            name: "default".into(),
            grids: Grids::Fresh,
            validation_fraction: 1.0 / 12.0, // 5,000 of MNIST's 60,000
            validation_split: ValidationSplit::Writers,
            model_selection: ModelSelection::Best,
            initialization: Initialization::Truncated,
            ema_decay: 0.999,
            optimizer: OptimizerSettings {
                matrix_optimizer: MatrixOptimizer::Muon,
                learning_rate: 6e-3,
                beta2: 0.99,
                weight_decay: 0.1,
                ..OptimizerSettings::adam()
            },
            schedule: Schedule { warmup_fraction: 0.05, ..Schedule::linear() },
            augmentation: Augmentation {
                rotation: 14.0,
                scale: 0.14,
                shear: 0.24,
                shift: 1.2,
                elastic: 1.2,
                stroke: 0.0,
            },
            ..Self::reference()
        }
    }
}

impl Recipe {
    /// The published recipe, with seed 0: Adam with PyTorch's defaults at a constant 1e-3, batches of 64, 10 epochs over the
    /// same grids.
    pub fn reference() -> Self {
        Self {
            name: "reference".into(),
            seed: 0,
            epochs: 10,
            epoch_grids: 0,
            batch_size: 64,
            shards: 8,
            grids: Grids::Fixed,
            blanks: 0.0,
            one_writer: 0.0,
            distractors: 0.0,
            overlap: usual_overlap(),
            validation_fraction: 0.0,
            validation_split: ValidationSplit::Last,
            stroke_fraction: 0.0,
            rare_fraction: 0.0,
            all_writers: false,
            model_selection: ModelSelection::Last,
            initialization: Initialization::PyTorch,
            distillation_weight: 0.0,
            distillation_temperature: 1.0,
            label_smoothing: 0.0,
            unaugmented_epochs: 0,
            ema_decay: 0.0,
            optimizer: OptimizerSettings::adam(),
            schedule: Schedule::constant(),
            augmentation: Augmentation::default(),
        }
    }

    /// The fewest seconds to the published accuracy on validation grids: positions that are waves at the start, a higher learning
    /// rate, and short epochs, so that it is seen when the accuracy is reached.
    pub fn sprint() -> Self {
        let mut sprint = Self { name: "sprint".into(), ema_decay: 0.995, ..Self::default() };
        (sprint.epochs, sprint.epoch_grids) = (4, 9_000);
        sprint.initialization = Initialization::Waves;
        sprint.optimizer.learning_rate = 1e-2;
        sprint
    }

    /// Some thousand grids at a gentle rate, from weights that are good already; see [`Finetuning`](crate::Finetuning).
    ///
    /// Matrices move by AdamW: Muon, whose steps are as long in every direction, forgets more on the way to the same
    /// corrections. The model that was begun with teaches what it knew (Z. Li and D. Hoiem, *Learning without
    /// Forgetting*, 2016); where it gives the label a low probability, the label counts.
    pub fn finetune() -> Self {
        let default = Self::default();
        Self {
            name: "finetune".into(),
            epochs: 3,
            epoch_grids: 25_000,
            model_selection: ModelSelection::Last,
            distillation_weight: 0.9,
            ema_decay: 0.998,
            optimizer: OptimizerSettings {
                matrix_optimizer: MatrixOptimizer::AdamW,
                learning_rate: 3e-4,
                ..default.optimizer
            },
            schedule: Schedule { warmup_fraction: 0.1, ..Schedule::linear() },
            ..default
        }
    }

    /// The same recipe with another seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The recipe for `device`: an accelerator is itself parallel, and takes each batch whole.
    #[must_use]
    pub fn on(mut self, device: &Device) -> Self {
        if !device.is_cpu() {
            self.shards = 1;
        }
        self
    }

    /// Checks that a run with these settings can do something.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first setting that is wrong.
    pub fn validate(&self) -> Result<(), Error> {
        let grids = MAX_GRIDS as u64;
        for (setting, value, min, max) in [
            ("epochs", self.epochs, 1, MAX_EPOCHS),
            ("epoch_grids", self.epoch_grids as u64, 0, grids),
            ("batch_size", self.batch_size as u64, 1, grids),
            ("shards", self.shards as u64, 1, grids),
        ] {
            let allowed = format!("{min} to {max}");
            check_setting(setting, value, (min..=max).contains(&value), &allowed)?;
        }
        for (setting, value) in [("ema_decay", self.ema_decay), ("label_smoothing", self.label_smoothing)] {
            check_setting(setting, value, (0.0..1.0).contains(&value), "at least 0 and below 1")?;
        }
        for (setting, value) in [
            ("validation_fraction", self.validation_fraction),
            ("distillation_weight", self.distillation_weight),
            ("stroke_fraction", self.stroke_fraction),
            ("rare_fraction", self.rare_fraction),
            ("one_writer", self.one_writer),
            ("distractors", self.distractors),
        ] {
            check_setting(setting, value, (0.0..=1.0).contains(&value), "0 to 1")?;
        }
        for (setting, value, most) in [("blanks", self.blanks, 0.9), ("overlap", self.overlap, 0.8)] {
            check_setting(setting, value, (0.0..=most).contains(&value), &format!("0 to {most}"))?;
        }
        let temperature = self.distillation_temperature;
        let is_valid = temperature > 0.0 && temperature.is_finite();
        check_setting("distillation_temperature", temperature, is_valid, "above 0 and finite")?;
        for (setting, value) in
            [("stroke_fraction", self.stroke_fraction), ("rare_fraction", self.rare_fraction)]
        {
            if value > 0.0 && self.grids == Grids::Fixed {
                let problem =
                    "is above 0, but such digits are mixed into fresh grids only; set `grids` to `fresh`";
                return Err(Error::setting(setting, problem));
            }
        }
        let drawn = self.stroke_fraction + self.rare_fraction;
        check_setting("stroke_fraction + rare_fraction", drawn, drawn <= 1.0, "at most 1")?;
        if self.model_selection == ModelSelection::Best && self.validation_fraction == 0.0 {
            let problem = "is `best`, which takes digits to validate with; set `validation_fraction`";
            return Err(Error::setting("model_selection", problem));
        }
        self.optimizer.validate()?;
        self.schedule.validate()
    }
}

/// How far digits of a line overlap where nothing is said.
fn usual_overlap() -> f64 {
    Loader::OVERLAP
}

/// A fraction, or a number above 1 that means one in so many.
fn fraction_or_one_in<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = f64::deserialize(deserializer)?;
    Ok(if value > 1.0 { value.recip() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_recipes_are_valid() {
        Recipe::reference().validate().unwrap();
        Recipe::default().validate().unwrap();
        Recipe::sprint().validate().unwrap();
    }

    #[test]
    fn settings_that_cannot_train_are_named() {
        let reference = || Recipe::reference();
        let optimizer = |change: fn(&mut OptimizerSettings)| {
            let mut recipe = reference();
            change(&mut recipe.optimizer);
            recipe
        };
        let cases = [
            (Recipe { epochs: 0, ..reference() }, "`epochs` is 0, but must be 1 to"),
            (
                Recipe { epochs: 100_000_000_000_000_000, ..reference() },
                "`epochs` is 100000000000000000, but",
            ),
            (Recipe { epoch_grids: 100_000_000_000, ..reference() }, "`epoch_grids` is 100000000000, but"),
            (Recipe { batch_size: 100_000_000_000, ..reference() }, "`batch_size` is 100000000000, but"),
            (Recipe { shards: 100_000_000_000, ..reference() }, "`shards` is 100000000000, but"),
            (Recipe { batch_size: 0, ..reference() }, "`batch_size`"),
            (optimizer(|o| o.learning_rate = f64::NAN), "`optimizer.learning_rate` is NaN"),
            (optimizer(|o| o.beta2 = 1.0), "`optimizer.beta2` is 1"),
            (optimizer(|o| o.weight_decay = -0.1), "`optimizer.weight_decay` is -0.1"),
            (
                Recipe { distillation_temperature: 0.0, ..reference() },
                "`distillation_temperature` is 0, but must be above 0",
            ),
            (Recipe { model_selection: ModelSelection::Best, ..reference() }, "`model_selection` is `best`"),
            (Recipe { rare_fraction: 0.1, ..reference() }, "`rare_fraction` is above 0, but such digits"),
            (
                Recipe { stroke_fraction: 0.6, rare_fraction: 0.5, ..Recipe::default() },
                "`stroke_fraction + rare_fraction` is 1.1, but must be at most 1",
            ),
            (
                Recipe { schedule: Schedule { warmup_fraction: 1.5, ..Schedule::linear() }, ..reference() },
                "`schedule.warmup_fraction` is 1.5",
            ),
        ];
        for (recipe, expected) in cases {
            let message = recipe.validate().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
