//! The facade: what other crates depend on.
//!
//! The layers beneath are here as modules: [`random`], [`tokenizer`], [`data`], [`model`], [`formats`], [`picture`],
//! [`infer`] and, with feature
//! `train`, `train`. What most programs need is at the root.
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

/// Compiles the examples of the repository's front page.
#[cfg(all(doctest, feature = "weights"))]
#[doc = include_str!("../../../README.md")]
struct FrontPage;

/// Runs the snippets of the guided tour.
#[cfg(all(doctest, feature = "train", feature = "weights"))]
#[doc = include_str!("../../../docs/tour.md")]
struct Tour;

#[cfg(feature = "serve")]
pub use mnist2x2_corrections as corrections;
pub use mnist2x2_data as data;
pub use mnist2x2_formats as formats;
pub use mnist2x2_infer as infer;
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

pub use mnist2x2_formats::Weights;
pub use mnist2x2_infer::{Reading, Recognizer, beam_search, greedy};
pub use mnist2x2_model::{Config, DType, Device, Parameters, Seq2Seq, Tensor};
pub use mnist2x2_picture::{Drawing, ModelInput, Picture};
#[cfg(feature = "train")]
pub use mnist2x2_train::{Evaluation, Observer, Recipe, RunFolder, Trainer, Workers, evaluate};
