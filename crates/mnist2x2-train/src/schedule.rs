//! The learning-rate schedule: linear warmup, then linear or cosine decay, or none (`decay_fraction = 0`).

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::check_setting;

/// The learning rate as a share of its peak, by how much of the run is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The share of all steps in which the rate rises in a line from nothing to its peak (P. Goyal and others, *Accurate,
    /// Large Minibatch SGD*, 2017, section 2.2).
    #[serde(alias = "warm_up")]
    pub warmup_fraction: f64,
    /// The share of all steps, the last ones, in which it falls.
    #[serde(alias = "decay")]
    pub decay_fraction: f64,
    /// How it falls to nothing.
    pub shape: Shape,
}

/// How a rate falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// In a line.
    Linear,
    /// In half a wave (I. Loshchilov and F. Hutter, *SGDR*, 2017).
    Cosine,
}

impl Schedule {
    /// The same rate for the whole run.
    pub const fn constant() -> Self {
        Self { warmup_fraction: 0.0, decay_fraction: 0.0, shape: Shape::Linear }
    }

    /// A rate that falls in a line over the whole run.
    pub const fn linear() -> Self {
        Self { warmup_fraction: 0.0, decay_fraction: 1.0, shape: Shape::Linear }
    }

    /// The share of the peak for the step after `done` of `total` steps.
    pub fn at(&self, done: u64, total: u64) -> f64 {
        let part = |share: f64| share * total as f64;
        let rise = (done + 1) as f64 / part(self.warmup_fraction).max(1.0);
        let left = (total - done.min(total)) as f64
            / part(self.decay_fraction.min(1.0 - self.warmup_fraction)).max(1.0);
        let fall = match (self.decay_fraction > 0.0, self.shape) {
            (false, _) => 1.0,
            (true, Shape::Linear) => left.min(1.0),
            (true, Shape::Cosine) => 0.5 - 0.5 * libm::cos(PI * left.min(1.0)),
        };
        rise.min(1.0).min(fall)
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        for (setting, value) in [
            ("schedule.warmup_fraction", self.warmup_fraction),
            ("schedule.decay_fraction", self.decay_fraction),
        ] {
            check_setting(setting, value, (0.0..=1.0).contains(&value), "0 to 1")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: &Schedule) -> Vec<f64> {
        (0..10).map(|done| schedule.at(done, 10)).collect()
    }

    #[test]
    fn rates_rise_stay_and_fall() {
        assert!(rates(&Schedule::constant()).iter().all(|&rate| (rate - 1.0).abs() < 1e-12));
        let close = |found: Vec<f64>, expected: [f64; 10]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        };
        close(rates(&Schedule::linear()), [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]);
        let both = Schedule { warmup_fraction: 0.2, decay_fraction: 0.4, shape: Shape::Linear };
        close(rates(&both), [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]);
        let cosine = Schedule { warmup_fraction: 0.5, decay_fraction: 1.0, shape: Shape::Cosine };
        let wave = [0.9045, 0.6545, 0.3455, 0.0955].map(|rate: f64| rate);
        let found = rates(&cosine);
        assert!(found[6..].iter().zip(wave).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?}");
        assert!((found[4] - 1.0).abs() < 1e-12 && (found[5] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_resumed_run_that_is_already_over_has_no_rate() {
        assert!(Schedule::linear().at(12, 10).abs() < 1e-12);
    }
}
