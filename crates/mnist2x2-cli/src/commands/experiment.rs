//! `experiment`: trains with several seeds, and gives mean and standard deviation of the accuracy.

use std::path::PathBuf;

use anyhow::ensure;
use mnist2x2::Evaluation;

use crate::commands::train::{Plan, Run};
use crate::console::{self, duration, percent};
use crate::interrupt::Interrupt;

/// Options of `experiment`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The seeds, separated by commas
    #[arg(long, value_name = "S,S,...", value_delimiter = ',', default_value = "0,1,2")]
    seeds: Vec<u64>,
    #[command(flatten)]
    plan: Plan,
    /// The folder for the runs, which are called seed-S in it [default: a folder in runs/ for each]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// How the run of one seed ended.
struct Trial {
    seed: u64,
    /// Where the model is.
    folder: PathBuf,
    validation: Option<f64>,
    test: Option<Evaluation>,
    seconds: f64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let repeated = (1..args.seeds.len()).find(|&i| args.seeds[..i].contains(&args.seeds[i]));
    ensure!(repeated.is_none(), "--seeds names a seed twice: the same run would be made again");
    let interrupt = Interrupt::listen()?;
    let trials = args.seeds.iter().map(|&seed| trial(args, seed, &interrupt));
    print_trials(&trials.collect::<anyhow::Result<Vec<_>>>()?)
}

/// Trains with one seed.
fn trial(args: &Args, seed: u64, interrupt: &Interrupt) -> anyhow::Result<Trial> {
    let out = args.out.as_ref().map(|out| out.join(format!("seed-{seed}")));
    let mut run = Run::start(&args.plan, Some(seed), out.as_deref())?;
    let seconds = run.train(interrupt)?;
    let test = if args.plan.no_test { None } else { Some(run.test()?.evaluation) };
    let last = run.folder.read_metrics()?.last().and_then(|metrics| metrics.validation);
    let last = last.map(|validation| validation.sequence_accuracy);
    let validation = run.unseen_accuracy()?.or(run.trainer.position().best_accuracy).or(last);
    Ok(Trial { seed, folder: run.folder.path().into(), validation, test, seconds })
}

/// A line per seed, then mean and standard deviation.
fn print_trials(trials: &[Trial]) -> anyhow::Result<()> {
    type Column = (&'static str, fn(&Trial) -> Option<f64>);
    let columns: [Column; 3] = [
        ("validation", |trial| trial.validation),
        ("sequences", |trial| trial.test.as_ref().map(|test| test.sequence_accuracy)),
        ("digits", |trial| trial.test.as_ref().map(|test| test.digit_accuracy)),
    ];
    let line = |name: &str, cell: &dyn Fn(&Column) -> String, time: &str| {
        let cells = columns.iter().map(|column| format!("{:>16}", cell(column)));
        console::print(&format!("{name:>6}{}{time:>14}", cells.collect::<String>()))
    };
    line("seed", &|column| column.0.into(), "time")?;
    for trial in trials {
        let cell = |column: &Column| column.1(trial).map_or("-".into(), percent);
        line(&trial.seed.to_string(), &cell, &duration(trial.seconds))?;
    }
    let summary = |column: &Column| {
        let values: Option<Vec<f64>> = trials.iter().map(column.1).collect();
        values.map_or("-".into(), |values| {
            let (mean, spread) = mean_and_deviation(&values);
            format!("{:.2} +- {:.2} %", 100.0 * mean, 100.0 * spread)
        })
    };
    line("mean", &summary, "")?;
    console::log(
        "validation, sequences: grids with all digits right, on validation and test grids; digits: test digits right",
    );
    console::log("the last line: mean +- standard deviation over the seeds");
    for trial in trials {
        console::log(&format!("seed {}: {}", trial.seed, trial.folder.display()));
    }
    Ok(())
}

/// The mean, and the standard deviation of the population that the values are a sample of.
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_a_sample() {
        let (mean, deviation) = mean_and_deviation(&[0.97, 0.98, 0.99]);
        assert!((mean - 0.98).abs() < 1e-12 && (deviation - 0.01).abs() < 1e-12);
        assert_eq!(mean_and_deviation(&[0.5]), (0.5, 0.0));
    }
}
