//! Training the model and measuring it.
//!
//! A [`Recipe`] says how; a [`Trainer`] does it, step by step, from seeded batches; a [`RunFolder`] keeps what it makes
//! and lets an interrupted run go on exactly where it was; [`evaluate`] counts what a trained model reads right, and
//! [`calibrate`] finds the temperature at which its confidences come true. The same recipe, seed and data give the same
//! bytes of weights on the same machine, whatever the number of threads and however often the run was interrupted.
//! A trained model learns what people corrected by [`Finetuning`].
#![forbid(unsafe_code)]

mod error;
mod group;
mod stopwatch;
mod workers;

// The recipe: every setting of a run.
mod schedule;
mod optimizer;
mod recipe;
mod settings;

// The grids to train on and to validate with.
mod stroke_digits;
mod loaders;

// From a batch to the next weights.
mod batch;
mod loss;
mod gradient;
mod ema;

// What a model reads right.
mod edits;
mod predict;
mod evaluate;
mod calibrate;

// The run.
mod metrics;
mod checkpoint;
mod trainer;
mod observer;
mod training_loop;

// The run on the disk.
mod checkpoint_folder;
mod run_record;
mod run_folder;

mod finetune;

pub use calibrate::calibrate;
pub use checkpoint::{Checkpoint, Position};
pub use checkpoint_folder::CheckpointPolicy;
pub use edits::Edits;
pub use error::{BoxError, Error};
pub use evaluate::{Evaluation, LengthAccuracy, Validation, evaluate};
pub use finetune::{
    Acceptance, Correction, FinetuneData, FinetuneRecord, Finetuned, Finetuning, LabeledExample, Scores,
};
pub use group::{Group, Link};
pub use loaders::{Loaders, TrainingData};
pub use metrics::{EpochMetrics, StepReport};
pub use mnist2x2_infer::Exposure;
pub use observer::{Observer, ReadingFor};
pub use optimizer::{MatrixOptimizer, Optimizer, OptimizerSettings, OptimizerState};
pub use predict::{
    EVALUATION_BATCH, Prediction, are_ragged, decode, predict_dataset, predict_inputs, predict_strokes,
};
pub use recipe::{Grids, MAX_GRIDS, ModelSelection, Recipe, ValidationSplit};
pub use run_folder::RunFolder;
pub use run_record::{DataRecord, ModelRecord, NUMERICS, RunRecord};
pub use schedule::{Schedule, Shape};
pub use settings::{read_toml, with_overrides};
pub use stroke_digits::HELD_OUT_WRITERS;
pub use trainer::Trainer;
pub use training_loop::Outcome;
pub use workers::Workers;
