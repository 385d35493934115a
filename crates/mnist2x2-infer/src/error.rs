//! What can go wrong in this crate.

use std::path::PathBuf;

/// An error of the infer crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
    /// A model whose layout is not one digit in each cell, asked to read a grid.
    #[error(
        "this model reads the layout {layout}, and not grids of digits; give it whole pictures of that layout"
    )]
    Layout {
        /// The model's.
        layout: String,
    },
    /// Pixels that are no picture of the model's size.
    #[error("a picture of {found} pixels, but the model reads {height} x {width}")]
    Canvas {
        /// Pixels given.
        found: usize,
        /// Height of the model's pictures.
        height: usize,
        /// Their width.
        width: usize,
    },
    /// A picture or a drawing that cannot be used.
    #[error(transparent)]
    Picture(#[from] mnist2x2_picture::Error),
    /// A drawing as JSON that makes no sense.
    #[error("{0}")]
    Drawing(String),
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
