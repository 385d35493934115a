//! The program as people and scripts meet it.

mod support;

/// What goes right: train, evaluate, predict, sample, info.
mod journey;

/// What the shipped model's card says.
mod card;

/// What goes wrong: one clear line, the right exit code, nothing half-written.
mod bad_input;

/// What people corrected, on its way out and in.
mod corrections;

/// Pen strokes, drawn and read.
mod strokes;

/// Learning from corrections.
mod finetune;

/// A server that changes its model.
mod serve;

/// What is interrupted, and goes on.
#[cfg(unix)]
mod interrupt;
