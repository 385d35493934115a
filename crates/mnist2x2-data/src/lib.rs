//! Digits for training and evaluation: from bytes to digits, to grids of digits, to batches for a network.
//!
//! | step | modules |
//! |---|---|
//! | bytes -> [`Digits`] | [`mnist`] reads MNIST's files, whose format is [`idx`]; [`csv`] reads tables; [`pendigits`] reads pen strokes; [`synthetic`] needs no files |
//! | pen [`Strokes`] -> pixels | [`Strokes::rasterize`] draws one digit as MNIST's look, [`StrokeRenderer`] a grid as people draw on a canvas, [`paper`] as people photograph and scan it |
//! | digits -> other digits | [`Augmentation`] turns, slants, scales, moves and bends |
//! | where digits lie | [`Layout`]: a grid, a line, scattered |
//! | digits -> grids | [`GridSource`] says which digits make a grid, [`mod@reference`] lists the published grids, [`stitch`] makes one image |
//! | grids -> [`Batch`]es | [`Loader`]: seeded, shuffled, normalized ([`normalize`](normalize())) |
//!
//! Where the writers of digits are known ([`Digits::writers`]), [`Digits::split_writers`] holds out people instead of digits.
//!
//! Feature `download` adds the module `download`, which fetches MNIST and the pen digits; feature `hub` adds `hub`, which
//! reads MNIST with candle-datasets.
//!
//! Everything is a function of its arguments: the same seed gives the same bits on every machine.
//!
//! ```
//! use std::sync::Arc;
//! use mnist2x2_data::{Augmentation, GridShape, GridSource, Loader, mnist::Split, synthetic};
//!
//! // With MNIST's files in a folder: `mnist::load(folder, Split::Train)?`.
//! let digits = Arc::new(synthetic::digits(Split::Train, 100, 42));
//! let shape = GridShape { rows: 2, cols: 2 };
//! let augmentation = Augmentation { rotation: 10.0, shift: 2.0, ..Augmentation::default() };
//!
//! let loader = Loader::new(digits, GridSource::Fresh { grids: 40 }, shape, 16, 42)?.augmented(augmentation)?;
//! for epoch in (0..2).map(|number| loader.epoch(number)) {
//!     for step in 0..epoch.steps() {
//!         let batch = epoch.batch(step);
//!         assert_eq!(batch.images.len(), batch.len * 56 * 56); // B x height x width
//!         assert_eq!(batch.labels.len(), batch.len * 4); // B x cells
//!     }
//! }
//! # Ok::<(), mnist2x2_data::Error>(())
//! ```
#![forbid(unsafe_code)]

// What can go wrong, and what the readers share.
mod error;
mod gzip;
mod sha256;
#[cfg(test)]
mod damage;

// Bytes -> digits.
mod digits;
mod oddity;
pub mod csv;
pub mod idx;
pub mod mnist;
pub mod pendigits;
pub mod synthetic;

// Pen strokes -> pixels.
pub mod paper;
mod rasterize;
mod render;
mod render_conditions;
mod strokes;

// Digits -> grids -> batches.
mod augment;
mod grid;
mod grid_source;
mod placement;
mod layout;
mod batch;
mod loader;
mod epoch;
mod normalize;
pub mod reference;

// Other ways to the files.
#[cfg(feature = "download")]
pub mod download;
#[cfg(feature = "hub")]
pub mod hub;

pub use augment::Augmentation;
pub use batch::Batch;
pub use digits::{DigitSplit, Digits, PIXELS, SIDE};
pub use epoch::Epoch;
pub use error::{Error, shell_word};
pub use grid::{GridShape, place, stitch, stitch_u8};
pub use grid_source::{GridSource, IndexMap};
pub use layout::Layout;
pub use loader::Loader;
pub use normalize::{MEAN, STD, denormalize, normalize};
pub use oddity::Oddity;
pub use rasterize::{Brush, INK_SIDE, center_ink};
pub use render::StrokeRenderer;
pub use render_conditions::RenderCondition;
pub use strokes::{Point, Strokes};
