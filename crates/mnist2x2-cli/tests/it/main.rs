//! The program as people and scripts meet it.

mod python;
mod server;
mod support;

/// What goes right: train, evaluate, predict, sample, info.
mod journey;

/// Other layouts than the published one.
mod layouts;

/// MNIST's digits as pictures.
mod pictures;

/// What the shipped model's card says.
mod card;

/// Models in the forms that other programs take.
mod export;

/// Weights and digits in the forms in which people have them.
mod forms;

/// What goes wrong: one clear line, the right exit code, nothing half-written.
mod bad_input;

/// What people corrected, on its way out and in.
mod corrections;

/// Pen strokes, drawn and read.
mod strokes;

/// Simulated photographs and scans.
mod paper;

/// Learning from corrections.
mod finetune;

/// A server that changes its model.
mod serve;

/// What is interrupted, and goes on.
#[cfg(unix)]
mod interrupt;

/// Several processes of `mpirun`.
#[cfg(all(unix, feature = "mpi"))]
mod machines;

/// What the disk has no room for.
#[cfg(unix)]
mod full_disk;

/// The server as a program.
#[cfg(unix)]
mod serving;
