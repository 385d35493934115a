//! One dependency for data, model, training, evaluation and recognition.
//!
//! Most programs need only the names at the root. The layers beneath are modules: [`random`], [`tokenizer`], [`data`],
//! [`kernels`], [`model`], [`formats`], [`picture`], [`infer`]; with feature `train` also `train` and `report`, with feature `serve` also
//! `corrections` and `serve`. Each function returns its layer's error; [`Error`] takes them all.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;

/// Compiles the examples of the repository's front page.
#[cfg(all(doctest, feature = "weights"))]
#[doc = include_str!("../../../README.md")]
struct FrontPage;

/// Runs the snippets of the guided tour.
#[cfg(all(doctest, feature = "train", feature = "weights"))]
#[doc = include_str!("../../../docs/tour.md")]
struct Tour;

/// Runs the snippets of the library's page.
#[cfg(all(doctest, feature = "train"))]
#[doc = include_str!("../../../docs/library.md")]
struct LibraryPage;

#[cfg(feature = "serve")]
pub use mnist2x2_corrections as corrections;
pub use mnist2x2_data as data;
pub use mnist2x2_formats as formats;
pub use mnist2x2_infer as infer;
pub use mnist2x2_kernels as kernels;
pub use mnist2x2_model as model;
pub use mnist2x2_picture as picture;
pub use mnist2x2_random as random;
#[cfg(feature = "train")]
pub use mnist2x2_report as report;
#[cfg(feature = "serve")]
pub use mnist2x2_serve as serve;
pub use mnist2x2_tokenizer as tokenizer;
#[cfg(feature = "train")]
pub use mnist2x2_train as train;

pub use error::Error;
pub use mnist2x2_data::{Digits, GridShape, GridSource, Loader};
pub use mnist2x2_formats::{Weights, save};
pub use mnist2x2_infer::{Reading, Recognizer, beam_search, greedy};
pub use mnist2x2_model::{Config, DType, Device, Parameters, Seq2Seq, Tensor};
pub use mnist2x2_picture::{Arrangement, Drawing, Findings, FoundDigit, ModelInput, Picture};
#[cfg(feature = "train")]
pub use mnist2x2_train::{
    BoxError, EpochMetrics, Evaluation, Group, Observer, Recipe, RunFolder, StepReport, Trainer, Workers,
    evaluate,
};
