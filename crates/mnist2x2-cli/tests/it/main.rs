//! The program as people and scripts meet it.

mod support;

/// What goes right: train, evaluate, predict, sample, info.
mod journey;

/// MNIST's digits as pictures.
mod pictures;

/// What the shipped model's card says.
mod card;

/// What goes wrong: one clear line, the right exit code, nothing half-written.
mod bad_input;

/// What is interrupted, and goes on.
#[cfg(unix)]
mod interrupt;

/// What the disk has no room for.
#[cfg(unix)]
mod full_disk;

/// The server as a program.
#[cfg(unix)]
mod serving;
