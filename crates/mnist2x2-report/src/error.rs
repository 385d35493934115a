//! What can go wrong in this crate.

use std::path::PathBuf;

/// An error of the report crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A picture that cannot be put into the page.
    #[error(
        "the picture of grid {grid} cannot be written as PNG; it must be at least one pixel high and wide"
    )]
    Picture {
        /// Which of the grids.
        grid: usize,
        /// Why not.
        source: image::ImageError,
    },
    /// Attention that does not belong to its grid.
    #[error("attention on grid {grid}: {what}")]
    Attention {
        /// The grid that it names.
        grid: usize,
        /// What is wrong, and what is right.
        what: String,
    },
    /// A file of events that cannot be written.
    #[error("cannot write {}; choose a folder you may write to, with room left", path.display())]
    Write {
        /// The file or its folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}
