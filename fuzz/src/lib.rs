//! Every reader of untrusted input, as a function of bytes that must never panic, hang or take much memory.
//!
//! Two programs use this table: the fuzzer, by the programs in `fuzz_targets`, which looks for bad bytes for as long as
//! one lets it; and the tests of this crate, which throw seeded [mutations](mutated) of good bytes at each reader with
//! every run of the tests. What the readers answer does not matter here; that they answer does.
#![forbid(unsafe_code)]

mod files;
mod mutate;

// The readers, and good bytes for each.
mod digits;
mod http;
mod models;

pub use mutate::mutated;

/// A reader and what to begin with.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Reads anything; returns, whatever it is given.
    pub read: fn(&[u8]),
    /// Good bytes.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every reader.
#[rustfmt::skip]
pub const TARGETS: [Target; 16] = [
    Target { name: "idx", read: digits::idx, seeds: digits::idx_seeds },
    Target { name: "gzip", read: digits::gzip, seeds: digits::gzip_seeds },
    Target { name: "writers", read: digits::writers, seeds: digits::writers_seeds },
    Target { name: "csv", read: digits::csv, seeds: digits::csv_seeds },
    Target { name: "unipen", read: digits::unipen, seeds: digits::unipen_seeds },
    Target { name: "compress", read: digits::compress, seeds: digits::compress_seeds },
    Target { name: "strokes", read: digits::strokes, seeds: digits::strokes_seeds },
    Target { name: "correction", read: digits::correction, seeds: digits::correction_seeds },
    Target { name: "picture", read: digits::picture, seeds: digits::picture_seeds },
    Target { name: "safetensors", read: models::safetensors, seeds: models::safetensors_seeds },
    Target { name: "pt", read: models::pt, seeds: models::pt_seeds },
    Target { name: "config", read: models::config, seeds: models::config_seeds },
    Target { name: "recipe", read: models::recipe, seeds: models::recipe_seeds },
    Target { name: "checkpoint", read: models::checkpoint, seeds: models::checkpoint_seeds },
    Target { name: "request", read: http::request, seeds: http::request_seeds },
    Target { name: "body", read: http::body, seeds: http::body_seeds },
];

impl Target {
    /// The reader of this name.
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.into_iter().find(|target| target.name == name)
    }
}

/// Gives `bytes` to the reader `name`.
///
/// # Panics
/// If there is no such reader, or it has a fault.
pub fn read(name: &str, bytes: &[u8]) {
    let target = Target::named(name).expect("a name in the table");
    (target.read)(bytes);
}
