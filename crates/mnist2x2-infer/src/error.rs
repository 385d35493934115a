//! What can go wrong in this crate.

use std::path::PathBuf;

/// An error of the infer crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are no image this crate reads, or one beyond its limits.
    #[error("cannot be read as an image; a PNG or JPEG is needed")]
    Image(#[source] image::ImageError),
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A model with another vocabulary or cell size than digits need.
    #[error("the model has {field} {found}, but reading digits needs {needed}")]
    Model {
        /// Which size.
        field: &'static str,
        /// The model's.
        found: usize,
        /// The one needed.
        needed: usize,
    },
    /// The model could not be loaded or run.
    #[error(transparent)]
    Seq2Seq(#[from] mnist2x2_model::Error),
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Seq2Seq(error.into())
    }
}
