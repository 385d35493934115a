//! What people corrected, kept in one SQLite file.
//!
//! A [`Correction`] says what a model read in a drawing, or of digits that were found somewhere, and what is right. [`Store::add`] keeps it: once it has
//! returned, the correction survives a killed process, and a power failure as far as the disk keeps its word. A
//! correction is known by its key, so that whoever is unsure whether it arrived sends it again and nothing is doubled.
//! [`Store::open_to_read`] is for those who only look. [`Store::export`] and [`Store::import`] carry corrections from store to store as JSON Lines.
//!
//! ```
//! use mnist2x2_corrections::{Correction, Store};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("corrections.db");
//! let store = Store::open(&path)?;
//! let correction = Correction {
//!     key: "5f0c6a".into(),
//!     time: 1_767_225_600_000,
//!     model: "ab".repeat(32),
//!     read: "40_1".into(),
//!     right: "4071".into(),
//!     strokes: Some(serde_json::json!({ "cells": [[], [], [[[3, 4], [9, 4], [5, 20]]], []] })),
//!     picture: None,
//!     found: None,
//!     source: Some("the page".into()),
//! };
//! assert!(store.add(&correction)?.new);
//! assert!(!store.add(&correction)?.new);
//! assert_eq!(store.count()?, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod error;

mod correction;
mod schema;
mod identity;
mod store;
mod health;
mod lines;
#[cfg(test)]
mod tests;

pub use correction::{Correction, MAX_PICTURE_BYTES, MAX_STROKES_BYTES};
pub use error::Error;
pub use lines::Imported;
pub use store::{Added, Store, Stored, Summary};
