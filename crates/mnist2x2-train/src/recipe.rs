//! How a model is trained.

use candle_core::Device;
use mnist2x2_data::Augmentation;
use mnist2x2_model::Initialization;
use serde::{Deserialize, Serialize};

use crate::{Error, OptimiserSettings, Rule, Schedule};

/// Everything that decides the outcome of a run besides the data and the model's sizes: part of `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What it is called.
    pub name: String,
    /// Decides the initial weights, the grids, their order and how they are augmented.
    pub seed: u64,
    /// How often as many grids are seen as an epoch has.
    pub epochs: u64,
    /// Grids in an epoch; 0 for as many as there are training digits.
    pub epoch_grids: usize,
    /// Grids per step of the optimiser.
    pub batch: usize,
    /// Into how many parts a batch is split, each differentiated by one thread; a fixed number, so that results do not
    /// depend on how many threads there are.
    pub shards: usize,
    /// Which grids an epoch has.
    pub grids: Grids,
    /// One training digit in so many, the last ones, is kept from training to validate with; 0 for none.
    pub validate_one_in: usize,
    /// The share of digits that are drawn from pen strokes instead; 0 for none.
    pub strokes: f64,
    /// Whether those include the strokes of [`HELD_OUT_WRITERS`](crate::HELD_OUT_WRITERS): for a last run, once all has been
    /// chosen by them.
    pub all_writers: bool,
    /// Which weights a run ends with.
    pub keep: Keep,
    /// How the weights begin.
    pub initialisation: Initialization,
    /// The share of each target that is what teachers, models trained before, make of the same grid, the mean of their
    /// probabilities (G. Hinton, O. Vinyals and J. Dean, *Distilling the Knowledge in a Neural Network*, 2015); 0 for none.
    pub distillation: f64,
    /// By what the teachers' logits are divided (section 2 of the same): above 1, their second thoughts weigh more.
    pub distillation_temperature: f64,
    /// The share of each target's probability that is spread evenly over all tokens (C. Szegedy and others, *Rethinking
    /// the Inception Architecture for Computer Vision*, 2016, section 7).
    pub label_smoothing: f64,
    /// The last epochs, whose digits are not augmented.
    pub plain_epochs: u64,
    /// The decay, per step, of the running average of the weights, which is what is validated and saved; 0 for none.
    pub average: f64,
    /// How a gradient becomes a step.
    pub optimiser: OptimiserSettings,
    /// How the learning rate goes.
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

/// Which weights a run ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Those of the last epoch.
    Last,
    /// Those of the epoch that read most validation grids.
    Best,
}

impl Recipe {
    /// The published recipe: Adam with PyTorch's defaults at a constant 1e-3, batches of 64, 10 epochs over the same grids.
    pub fn reference(seed: u64) -> Self {
        Self {
            name: "reference".into(),
            seed,
            epochs: 10,
            epoch_grids: 0,
            batch: 64,
            shards: 8,
            grids: Grids::Fixed,
            validate_one_in: 0,
            strokes: 0.0,
            all_writers: false,
            keep: Keep::Last,
            initialisation: Initialization::PyTorch,
            distillation: 0.0,
            distillation_temperature: 1.0,
            label_smoothing: 0.0,
            plain_epochs: 0,
            average: 0.0,
            optimiser: OptimiserSettings::adam(),
            schedule: Schedule::constant(),
            augmentation: Augmentation::default(),
        }
    }

    /// The recommended recipe; what was tried to find it is in `docs/recipe.md`.
    pub fn recommended(seed: u64) -> Self {
        Self {
            name: "default".into(),
            grids: Grids::Fresh,
            validate_one_in: 12, // 5,000 of MNIST's 60,000
            keep: Keep::Best,
            initialisation: Initialization::Truncated,
            average: 0.999,
            optimiser: OptimiserSettings {
                matrices: Rule::Muon,
                learning_rate: 6e-3,
                beta2: 0.99,
                weight_decay: 0.1,
                ..OptimiserSettings::adam()
            },
            schedule: Schedule { warm_up: 0.05, ..Schedule::linear() },
            augmentation: Augmentation {
                rotation: 14.0,
                scale: 0.14,
                shear: 0.24,
                shift: 1.2,
                elastic: 1.2,
                stroke: 0.0,
            },
            ..Self::reference(seed)
        }
    }

    /// The fewest seconds to the published accuracy on validation grids: little augmentation, a higher learning rate, and
    /// short epochs, so that it is seen when the accuracy is reached.
    pub fn sprint(seed: u64) -> Self {
        let mut sprint = Self::recommended(seed);
        sprint.name = "sprint".into();
        (sprint.epochs, sprint.epoch_grids) = (3, 18_000);
        sprint.average = 0.995;
        sprint.optimiser.learning_rate = 1e-2;
        sprint.augmentation =
            Augmentation { rotation: 8.0, shear: 0.15, shift: 0.8, elastic: 0.8, ..Augmentation::default() };
        sprint
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
    /// [`Error::Recipe`] names the first setting that is wrong.
    pub fn validate(&self) -> Result<(), Error> {
        let wrong = |field, problem: String| Err(Error::Recipe { field, problem });
        for (field, value) in
            [("epochs", self.epochs), ("batch", self.batch as u64), ("shards", self.shards as u64)]
        {
            if value == 0 {
                return wrong(field, "must be at least 1".into());
            }
        }
        for (field, value) in [("average", self.average), ("label_smoothing", self.label_smoothing)] {
            if !(0.0..1.0).contains(&value) {
                return wrong(field, format!("is {value}, but must be at least 0 and below 1"));
            }
        }
        for (field, value) in [("distillation", self.distillation), ("strokes", self.strokes)] {
            if !(0.0..=1.0).contains(&value) {
                return wrong(field, format!("is {value}, but must be 0 to 1"));
            }
        }
        let temperature = self.distillation_temperature;
        if !(temperature > 0.0 && temperature.is_finite()) {
            let problem = format!("is {temperature}, but must be above 0 and finite");
            return wrong("distillation_temperature", problem);
        }
        if self.strokes > 0.0 && self.grids == Grids::Fixed {
            return wrong("strokes", "are mixed into fresh grids only; set `grids` to `fresh`".into());
        }
        if self.keep == Keep::Best && self.validate_one_in == 0 {
            return wrong(
                "keep",
                "is `best`, which takes digits to validate with; set `validate_one_in`".into(),
            );
        }
        self.optimiser.validate()?;
        self.schedule.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_recipes_are_valid() {
        Recipe::reference(0).validate().unwrap();
        Recipe::recommended(0).validate().unwrap();
        Recipe::sprint(0).validate().unwrap();
    }

    #[test]
    fn settings_that_cannot_train_are_named() {
        let reference = || Recipe::reference(0);
        let optimiser = |change: fn(&mut OptimiserSettings)| {
            let mut recipe = reference();
            change(&mut recipe.optimiser);
            recipe
        };
        let cases = [
            (Recipe { epochs: 0, ..reference() }, "`epochs` must be at least 1"),
            (Recipe { batch: 0, ..reference() }, "`batch`"),
            (optimiser(|o| o.learning_rate = f64::NAN), "`optimiser.learning_rate` is NaN"),
            (optimiser(|o| o.beta2 = 1.0), "`optimiser.beta2` is 1"),
            (optimiser(|o| o.weight_decay = -0.1), "`optimiser.weight_decay` is -0.1"),
            (
                Recipe { distillation_temperature: 0.0, ..reference() },
                "`distillation_temperature` is 0, but must be above 0",
            ),
            (Recipe { keep: Keep::Best, ..reference() }, "`keep` is `best`"),
            (
                Recipe { schedule: Schedule { warm_up: 1.5, ..Schedule::linear() }, ..reference() },
                "`schedule.warm_up` is 1.5",
            ),
        ];
        for (recipe, expected) in cases {
            let message = recipe.validate().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
