//! Everything between MNIST's files and a batch for the network.
//!
//! Reading order: how a file of bytes is checked ([`idx`]), what comes out of it ([`Digits`]), the four official files
//! ([`mnist`]), the published grids ([`mod@reference`]), how digits become one image ([`stitch`]), digits that need no file
//! ([`synthetic`]), and seeded batches ([`Loader`]). Pen trajectories ([`Strokes`]) are read by [`unipen`] and drawn as
//! MNIST's digits look, or as people draw on a [`Canvas`], in one [`Variant`] or another. Feature `download` adds the module `download`, which fetches the
//! four files; feature `hub` adds `hub`, which reads them with candle-datasets.
//!
//! ```
//! use std::sync::Arc;
//! use mnist2x2_data::{GridShape, GridSource, Loader, mnist::Split, synthetic};
//!
//! let digits = Arc::new(synthetic::digits(Split::Train, 100, 42));
//! let shape = GridShape { rows: 2, cols: 2 };
//! let loader = Loader::new(digits, GridSource::Fresh { grids: 40 }, shape, 16, 42)?;
//! let batch = loader.epoch(0).batch(0);
//! assert_eq!(batch.images.len(), 16 * 56 * 56);
//! assert_eq!(batch.labels.len(), 16 * 4);
//! # Ok::<(), mnist2x2_data::Error>(())
//! ```
#![forbid(unsafe_code)]

// From bytes to digits.
mod error;
pub mod idx;

mod digits;
mod packed;

pub mod mnist;
pub mod reference;

// From pen strokes to digits.
mod pen;
mod strokes;
pub mod unipen;

// From digits to batches.
mod grid;
mod canvas;
mod variant;
pub mod synthetic;

mod augment;
mod loader;

// Other ways to the files.
#[cfg(feature = "download")]
mod compress;
#[cfg(feature = "download")]
pub mod download;
#[cfg(feature = "hub")]
pub mod hub;

pub use augment::Augmentation;
pub use canvas::Canvas;
pub use digits::{Digits, PIXELS, SIDE};
pub use error::Error;
pub use grid::{GridShape, IndexMap, MEAN, STD, denormalise, normalise, stitch, stitch_u8};
pub use loader::{Batch, Epoch, GridSource, Loader};
pub use pen::{INK_SIDE, Pen, Point, centre_ink};
pub use strokes::Strokes;
pub use variant::Variant;
