//! `mnist2x2`: trains, evaluates and uses the model.
//!
//! Exit codes: 0 done; 1 failed; 2 wrong usage, values out of range included; 130 interrupted after saving.
#![forbid(unsafe_code)]

mod clock;
mod console;
mod data;
mod device;
mod model;
mod sheet;

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A Transformer trained from scratch that reads pictures of 2 x 2 handwritten digits.
#[derive(Parser)]
#[command(name = "mnist2x2", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Trains a model and counts what it reads right
    Train(commands::train::Args),
    /// Trains a recipe with several seeds and compares what they read right
    Experiment(commands::experiment::Args),
    /// Counts what a model reads right of the test grids, or of drawings
    Eval(commands::eval::Args),
    /// Reads the digits of pictures
    Predict(commands::predict::Args),
    /// Serves a page to draw on
    Serve(commands::serve::Args),
    /// Shows, exports and imports what people corrected
    Corrections(commands::corrections::Args),
    /// Trains a model on from corrections, and keeps the outcome only if it is better
    Finetune(commands::finetune::Args),
    /// Measures how fast this machine trains and reads
    Bench(commands::bench::Args),
    /// Draws a sheet of labelled grids
    Sample(commands::sample::Args),
    /// Shows a model's architecture and where it came from
    Info(commands::info::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Train(args) => commands::train::run(&args),
        Command::Experiment(args) => commands::experiment::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Serve(args) => commands::serve::run(args),
        Command::Corrections(args) => commands::corrections::run(&args),
        Command::Finetune(args) => commands::finetune::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Sample(args) => commands::sample::run(&args),
        Command::Info(args) => commands::info::run(&args),
    };
    result.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        console::log(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

/// Whether someone stopped reading what we print, as `head` does: not our failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is_pipe = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    error.downcast_ref().is_some_and(is_pipe)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
