//! The table of readers.

use crate::{data, http, model, seeds};

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
pub const TARGETS: [Target; 14] = [
    Target { name: "idx", read: data::idx, seeds: seeds::idx },
    Target { name: "gzip", read: data::gzip, seeds: seeds::gzip },
    Target { name: "unipen", read: data::unipen, seeds: seeds::unipen },
    Target { name: "compress", read: data::compress, seeds: seeds::compress },
    Target { name: "strokes", read: data::strokes, seeds: seeds::strokes },
    Target { name: "correction", read: data::correction, seeds: seeds::correction },
    Target { name: "picture", read: data::picture, seeds: seeds::picture },
    Target { name: "safetensors", read: model::safetensors, seeds: seeds::safetensors },
    Target { name: "pt", read: model::pt, seeds: seeds::pt },
    Target { name: "config", read: model::config, seeds: seeds::config },
    Target { name: "recipe", read: model::recipe, seeds: seeds::recipe },
    Target { name: "checkpoint", read: model::checkpoint, seeds: seeds::checkpoint },
    Target { name: "request", read: http::request, seeds: seeds::request },
    Target { name: "body", read: http::body, seeds: seeds::drawing },
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
