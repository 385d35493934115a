//! Placeholder.
#![forbid(unsafe_code)]

pub mod files;
pub mod pt;
