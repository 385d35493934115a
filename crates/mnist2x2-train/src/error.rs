//! What can go wrong in this crate.

use std::path::{Path, PathBuf};

/// An error of the train crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting that no run can have.
    #[error("recipe: `{field}` {problem}")]
    Recipe {
        /// The field of [`crate::Recipe`].
        field: &'static str,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// A setting in a file or on the command line that no recipe has.
    #[error("`{setting}` {problem}")]
    Setting {
        /// Its name, with the sections that it stands in.
        setting: String,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// A correction that nothing can be learnt from.
    #[error("{problem}")]
    Lesson {
        /// What is wrong with it, as a whole sentence.
        problem: String,
    },
    /// Corrections from which no model can be fine-tuned; nothing was trained.
    #[error("{problem}")]
    NotFinetuned {
        /// Why not, and what to do next.
        problem: String,
    },
    /// The loss, a gradient or a step of the optimiser became infinite or not a number.
    #[error(
        "training diverged in epoch {epoch}, step {step}: the {what} is not finite; try a lower learning rate \
        (the checkpoints before it are whole)"
    )]
    Diverged {
        /// Epoch, from 1.
        epoch: u64,
        /// Step within the epoch, from 1.
        step: usize,
        /// `loss`, `gradient` or `step`.
        what: &'static str,
    },
    /// A run folder or a file in it that cannot be used.
    #[error("{}: {problem}", path.display())]
    Run {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do next.
        problem: String,
    },
    /// Reading or writing failed.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// An observer could not go on.
    #[error("watching the run failed")]
    Observer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The threads could not be started.
    #[error("cannot start {threads} threads")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// The reason.
        source: rayon::ThreadPoolBuildError,
    },
    /// Data that cannot be batched.
    #[error(transparent)]
    Data(#[from] mnist2x2_data::Error),
    /// Labels that are no digits.
    #[error(transparent)]
    Tokenizer(#[from] mnist2x2_tokenizer::Error),
    /// The model could not be run.
    #[error(transparent)]
    Model(#[from] mnist2x2_model::Error),
    /// The model could not be written.
    #[error(transparent)]
    Weights(#[from] mnist2x2_formats::Error),
    /// Pen strokes could not be drawn and seen.
    #[error(transparent)]
    Picture(#[from] mnist2x2_picture::Error),
    /// Decoding failed.
    #[error(transparent)]
    Infer(#[from] mnist2x2_infer::Error),
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(error.into())
    }
}

impl Error {
    pub(crate) fn run(path: &Path, problem: impl Into<String>) -> Self {
        Self::Run { path: path.into(), problem: problem.into() }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        |source| Self::Io { path, source }
    }
}
