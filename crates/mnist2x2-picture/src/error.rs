//! What can go wrong in this crate.

use std::path::PathBuf;

/// An error of the picture crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are no image this crate reads.
    #[error("cannot be read as an image: {0}; PNG, JPEG, WebP, BMP, GIF and TIFF are read")]
    Image(String),
    /// An image beyond the limits on its sides, its pixels and the memory that it takes, which are named.
    #[error("is larger than the {0} that are read; shrink it")]
    TooLarge(String),
    /// A file with more bytes than are read.
    #[error("{} has more than the {limit} bytes that are read", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most bytes that are read.
        limit: u64,
    },
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A word that names no arrangement of digits.
    #[error("{0:?} is no arrangement; say auto, line, or rows and columns such as 2x2")]
    Arrangement(String),
    /// A canvas on which nothing can be drawn.
    #[error("a canvas of {width} x {height} has no area; both sides must be finite and above 0")]
    Canvas {
        /// Its width.
        width: f32,
        /// Its height.
        height: f32,
    },
    /// A drawing of another number of cells than the grid has.
    #[error("cells: there are {found}, and {needed} are needed")]
    Cells {
        /// Cells of the drawing.
        found: usize,
        /// Cells of the grid.
        needed: usize,
    },
    /// A picture of a digit with its label that cannot be used.
    #[error("{} {problem}", path.display())]
    Labeled {
        /// The picture, or the folder.
        path: PathBuf,
        /// Why not, and what to do.
        problem: String,
    },
    /// Strokes that lead nowhere, or files of digits that are missing or damaged.
    #[error(transparent)]
    Data(#[from] mnist2x2_data::Error),
}
