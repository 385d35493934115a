//! How a model is trained.

use candle_core::Device;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Everything that decides the outcome of a run besides the data: written to and read from `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What it is called.
    pub name: String,
    /// Decides the initial weights and the order of the grids.
    pub seed: u64,
    /// How often all grids are seen.
    pub epochs: u64,
    /// Grids per step of the optimiser.
    pub batch: usize,
    /// Into how many parts a batch is split, each differentiated by one thread; a fixed number, so that results do not
    /// depend on how many threads there are.
    pub shards: usize,
    /// Step size of the optimiser.
    pub learning_rate: f64,
    /// Decay of the average of gradients.
    pub beta1: f64,
    /// Decay of the average of squared gradients.
    pub beta2: f64,
    /// Added to the root of the average of squared gradients.
    pub epsilon: f64,
}

impl Recipe {
    /// The published recipe: Adam with PyTorch's defaults at a constant 1e-3, batches of 64, 10 epochs.
    pub fn reference(seed: u64) -> Self {
        Self {
            name: "reference".into(),
            seed,
            epochs: 10,
            batch: 64,
            shards: 8,
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
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
        for (field, value) in [("batch", self.batch), ("shards", self.shards)] {
            if value == 0 {
                return wrong(field, "must be at least 1".into());
            }
        }
        if self.epochs == 0 {
            return wrong("epochs", "must be at least 1".into());
        }
        for (field, value) in [("learning_rate", self.learning_rate), ("epsilon", self.epsilon)] {
            if !(value > 0.0 && value.is_finite()) {
                return wrong(field, format!("is {value}, but must be above 0"));
            }
        }
        for (field, value) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(0.0..1.0).contains(&value) {
                return wrong(field, format!("is {value}, but must be at least 0 and below 1"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_train_are_named() {
        let reference = || Recipe::reference(0);
        reference().validate().unwrap();
        let cases = [
            (Recipe { epochs: 0, ..reference() }, "`epochs` must be at least 1"),
            (Recipe { batch: 0, ..reference() }, "`batch`"),
            (Recipe { learning_rate: f64::NAN, ..reference() }, "`learning_rate` is NaN"),
            (Recipe { beta2: 1.0, ..reference() }, "`beta2` is 1"),
        ];
        for (recipe, expected) in cases {
            let message = recipe.validate().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
