//! What can go wrong in this crate.

use std::path::PathBuf;

/// An error of the picture crate.
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
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A canvas on which nothing can be drawn.
    #[error("a canvas of {width} x {height} has no area; both sides must be finite and above 0")]
    Canvas {
        /// Its width.
        width: f32,
        /// Its height.
        height: f32,
    },
}
