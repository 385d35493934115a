//! What can go wrong in this crate.

use std::path::PathBuf;

/// An error of the infer crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are no image this crate reads.
    #[error("cannot be read as an image: {0}; a PNG or JPEG is needed")]
    Image(String),
    /// An image beyond this crate's limits.
    #[error(
        "is larger than the {pixels} pixels along a side, {megapixels} million in all and {megabytes} MiB unpacked \
        that are read; shrink it"
    )]
    TooLarge {
        /// The most pixels along one side.
        pixels: u32,
        /// The most pixels, in millions.
        megapixels: u64,
        /// The most memory that unpacking may take, in MiB.
        megabytes: u64,
    },
    /// A file with more bytes than are read.
    #[error("{} has more than the {limit} bytes that are read", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most bytes that are read.
        limit: u64,
    },
    /// A canvas on which nothing can be drawn.
    #[error("a canvas of {width} x {height} has no area; both sides must be finite and above 0")]
    Canvas {
        /// Its width.
        width: f32,
        /// Its height.
        height: f32,
    },
    /// A model whose numbers overflow: it gives no probabilities.
    #[error("the model gives no probabilities: its numbers overflow on this picture")]
    NotFinite,
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A temperature that no softmax can have.
    #[error("temperature {value} is not a finite number above 0")]
    Temperature {
        /// The value.
        value: f64,
    },
    /// A calibration file that cannot be understood.
    #[error("{}: {problem}; calibrate the model again, or remove the file to do without", path.display())]
    Calibration {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
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
    /// The model could not be loaded.
    #[error(transparent)]
    Weights(#[from] mnist2x2_formats::Error),
    /// The model could not be run.
    #[error(transparent)]
    Seq2Seq(#[from] mnist2x2_model::Error),
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Seq2Seq(error.into())
    }
}
