//! What can go wrong in this crate.

use std::path::PathBuf;

/// An error of the model crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Sizes that no model can have.
    #[error("model configuration: `{field}` {problem}")]
    Config {
        /// The field of [`crate::Config`].
        field: &'static str,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// An image or token tensor of the wrong shape.
    #[error("{what} must have shape {expected}, not {found:?}")]
    Shape {
        /// Which input.
        what: &'static str,
        /// The shape asked for, in the crate's letters.
        expected: String,
        /// The shape that came.
        found: Vec<usize>,
    },
    /// Tensors that do not fit the architecture: missing, extra, misshapen, not f32, not finite.
    #[error("the tensors do not fit the model: {0}")]
    Tensors(String),
    /// A model file that is missing, damaged or of another architecture.
    #[error("{}: {problem}", path.display())]
    File {
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
    /// An operation of candle failed: out of memory, a device that went away.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}
