//! `mnist2x2`: trains, evaluates and uses the model.
//!
//! Exit codes: 0 done; 1 failed; 2 wrong usage, values out of range included; 130 interrupted after saving.
#![forbid(unsafe_code)]

mod clock;
mod console;
mod data;
mod device;
mod interrupt;
mod layout_args;
mod model;
mod paper_args;
mod progress;
mod ranks;
mod sheet;

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::console::ended;
use crate::ranks::in_group;

/// A Transformer that reads pictures of 2 x 2 handwritten digits: trains, evaluates, serves.
#[derive(Parser)]
#[command(name = "mnist2x2", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a model and evaluate it on the test grids
    Train(commands::train::Args),
    /// Train with several seeds, and compare the accuracies
    Experiment(commands::experiment::Args),
    /// Evaluate a model on the test grids, or on drawings
    Eval(commands::eval::Args),
    /// Read the digits in pictures
    Predict(commands::predict::Args),
    /// Serve a web page to draw on, and an HTTP API
    Serve(commands::serve::Args),
    /// List, export, import and remove the corrections that people made on the page
    Corrections(commands::corrections::Args),
    /// Fine-tune a model on corrections; the new model is kept only if it is better
    Finetune(commands::finetune::Args),
    /// Measure the speed of training and decoding on this machine
    Bench(commands::bench::Args),
    /// Draw a sheet of labeled grids, to look at
    Sample(commands::sample::Args),
    /// Write a model in the form that other programs take
    Export(commands::export::Args),
    /// Show a model's architecture and its tensors
    Info(commands::info::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Train(args) => return in_group(|group| commands::train::run(&args, group)),
        Command::Experiment(args) => return in_group(|group| commands::experiment::run(&args, group)),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Serve(args) => commands::serve::run(args),
        Command::Corrections(args) => commands::corrections::run(&args),
        Command::Finetune(args) => commands::finetune::run(&args),
        Command::Bench(args) => return in_group(|group| commands::bench::run(&args, group)),
        Command::Sample(args) => commands::sample::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Info(args) => commands::info::run(&args),
    };
    ended(result)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn data_is_another_name_of_data_dir() {
        for verb in ["train", "eval", "finetune --store s", "sample --out a.png", "experiment"] {
            assert!(Cli::try_parse_from(format!("mnist2x2 {verb} --data D").split(' ')).is_ok(), "{verb}");
        }
    }

    #[test]
    fn options_of_0_1_0_are_understood_and_not_shown() {
        for line in ["train --limit 8", "experiment --limit 8", "train --architecture published"] {
            assert!(Cli::try_parse_from(format!("mnist2x2 {line}").split(' ')).is_ok(), "{line}");
        }
        let help = Cli::try_parse_from(["mnist2x2", "train", "--help"]).err().unwrap().to_string();
        assert!(help.contains("--epoch-grids") && !help.contains("--limit"), "{help}");
        assert!(!help.contains("- published"), "{help}");
    }
}
