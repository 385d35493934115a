//! What is measured while training.

use serde::{Deserialize, Serialize};

use crate::Validation;

/// One step of the optimizer.
#[derive(Clone, Debug)]
#[non_exhaustive]
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

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EpochMetrics {
    /// Epochs finished, from 1.
    pub epoch: u64,
    /// Steps of the optimizer so far.
    pub steps: u64,
    /// Mean training loss over the epoch's grids, in nats per token.
    pub loss: f64,
    /// Wall time of the epoch, in seconds.
    pub seconds: f64,
    /// Grids trained on in a second.
    pub grids_per_second: f64,
    /// What the model as it would be saved reads of the validation grids, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}
