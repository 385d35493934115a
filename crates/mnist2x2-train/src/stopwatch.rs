//! The time that something takes, where there is a clock.

#[cfg(not(target_family = "wasm"))]
use std::time::Instant;

/// Counts seconds from when it was started. A module of WebAssembly is given no clock, and counts none.
pub(crate) struct Stopwatch {
    #[cfg(not(target_family = "wasm"))]
    start: Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            #[cfg(not(target_family = "wasm"))]
            start: Instant::now(),
        }
    }

    pub(crate) fn seconds(&self) -> f64 {
        #[cfg(not(target_family = "wasm"))]
        return self.start.elapsed().as_secs_f64();
        #[cfg(target_family = "wasm")]
        0.0
    }
}
