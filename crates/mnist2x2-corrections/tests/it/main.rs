//! The store as several threads and processes meet it, on files in every condition.
#![forbid(unsafe_code)]

mod support;

/// Many at once: each correction is there exactly once.
mod concurrency;

/// Killed at any moment: what was acknowledged is there.
mod kill;

/// Files that are no stores, or cannot be written.
mod damage;

/// Opened to be read alone.
mod reading;
