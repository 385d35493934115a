//! What can go wrong in this crate.

use std::path::{Path, PathBuf};

/// An error of the formats crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are no whole file of tensors.
    #[error("the tensors cannot be read: {0}")]
    Tensors(String),
    /// A model file that is damaged, of an unknown format or of another architecture.
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
    /// Tensors that do not fit the model, or a device that failed.
    #[error(transparent)]
    Model(#[from] mnist2x2_model::Error),
}

impl From<crate::pt::PtError> for Error {
    fn from(error: crate::pt::PtError) -> Self {
        Self::Tensors(error.to_string())
    }
}

impl Error {
    pub(crate) fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File { path: path.into(), problem: problem.into() }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        |source| Self::Io { path, source }
    }
}
