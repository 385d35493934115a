//! Training the model and measuring it.
//!
//! A [`Recipe`] says how; a [`Trainer`] does it, step by step, from seeded batches; a [`RunFolder`] keeps what it makes
//! and lets an interrupted run go on exactly where it was; [`evaluate`] counts what a trained model reads right, and
//! [`calibrate`] finds the temperature at which its confidences come true. The same recipe, seed and data give the same
//! bytes of weights on the same machine, whatever the number of threads and however often the run was interrupted.
//! A trained model learns what people corrected by [`Finetuning`].
#![forbid(unsafe_code)]

mod error;

mod schedule;
mod optimiser;
mod recipe;
mod overrides;
mod pens;
mod loaders;
mod average;
mod workers;
mod targets;
mod gradient;
mod observer;
mod trainer;

mod checkpoint;
mod record;
mod keeping;
mod run;

mod metrics;
mod graded;
mod evaluate;
mod calibrate;
mod written;

mod finetune;

pub use calibrate::calibrate;
pub use checkpoint::Checkpoint;
pub use error::Error;
pub use evaluate::{EVALUATION_BATCH, decode, evaluate, grade};
pub use finetune::{FinetuneRecord, Finetuning, Lesson, Marks, Material, Verdict};
pub use graded::Graded;
pub use keeping::Keeping;
pub use metrics::{EpochMetrics, Evaluation, Validation};
pub use observer::{Observer, Outcome, StepReport};
pub use optimiser::{Optimiser, OptimiserSettings, Rule};
pub use overrides::{read_toml, with_overrides};
pub use pens::HELD_OUT_WRITERS;
pub use recipe::{Grids, Keep, Recipe};
pub use record::{DataRecord, ModelRecord, RunRecord};
pub use run::RunFolder;
pub use schedule::{Schedule, Shape};
pub use trainer::{Position, Trainer};
pub use workers::Workers;
pub use written::grade_written;
