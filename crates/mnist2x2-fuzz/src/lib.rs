//! Every reader of what strangers send, as a function of bytes that must never panic, hang or take much memory.
//!
//! The same functions serve two masters: the targets of cargo-fuzz in the folder `fuzz`, which look for bad bytes for as
//! long as one lets them, and the test of this crate, which throws seeded [mutations](mutated) of good bytes at each
//! with every run of the tests. What the readers answer does not matter here; that they answer does.
#![forbid(unsafe_code)]

mod scratch;

// The readers.
mod data;
mod model;
mod http;

// What they are given.
mod seeds;
mod mutate;

mod target;

pub use mutate::mutated;
pub use target::{TARGETS, Target, read};
