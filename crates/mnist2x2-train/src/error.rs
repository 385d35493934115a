//! What can go wrong in this crate.

use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Any error, such as that of an [`Observer`](crate::Observer).
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An error of the train crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting that no recipe has, or a value of one that no run can have.
    #[error("`{setting}` {problem}")]
    Setting {
        /// Its name, with the sections that it stands in.
        setting: String,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// Corrections that nothing can be learned from; nothing was trained.
    #[error("{problem}")]
    Corrections {
        /// What is wrong with them, and what to do next.
        problem: String,
    },
    /// The loss, a gradient or a step of the optimizer became infinite or not a number.
    #[error(
        "training diverged in epoch {epoch}, step {step}: the {what} is not finite; try a lower learning rate \
        (the checkpoints before it are whole)"
    )]
    Diverged {
        /// Epoch, from 1.
        epoch: u64,
        /// Step within the epoch, from 1.
        step: usize,
        /// `loss`, `gradient`, `square of the gradient`, `step` or `average of the weights`.
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
    Observer(#[source] BoxError),
    /// The threads could not be started.
    #[error("cannot start {threads} threads")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// The reason.
        source: rayon::ThreadPoolBuildError,
    },
    /// Processes that cannot train one model together.
    #[error("{0}")]
    Group(String),
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
    /// What an observer reported: an error of this crate as it is, any other as the cause of [`Error::Observer`].
    pub(crate) fn from_observer(error: BoxError) -> Self {
        error.downcast().map_or_else(Self::Observer, |error| *error)
    }

    pub(crate) fn setting(setting: &str, problem: impl Into<String>) -> Self {
        Self::Setting { setting: setting.into(), problem: problem.into() }
    }

    pub(crate) fn corrections(problem: impl Into<String>) -> Self {
        Self::Corrections { problem: problem.into() }
    }

    pub(crate) fn run(path: &Path, problem: impl Into<String>) -> Self {
        Self::Run { path: path.into(), problem: problem.into() }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        |source| Self::Io { path, source }
    }
}

/// Refuses the `value` of a setting where `is_valid` does not hold, and says which are: `allowed` ends "must be ...".
pub(crate) fn check_setting(
    setting: &str,
    value: impl Display,
    is_valid: bool,
    allowed: &str,
) -> Result<(), Error> {
    if is_valid {
        return Ok(());
    }
    Err(Error::setting(setting, format!("is {value}, but must be {allowed}")))
}
