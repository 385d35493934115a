//! Laws of runs that are cut short: by people, by the system, by the disk, by numbers.

mod support;

/// Stopped and resumed, at chance.
mod stops;

/// A disk that refuses.
mod disk;

/// Loss, gradients and weights that are no numbers.
mod divergence;

/// Which checkpoints stay.
mod checkpoint_policy;

/// Processes that are killed.
#[cfg(unix)]
mod kills;
