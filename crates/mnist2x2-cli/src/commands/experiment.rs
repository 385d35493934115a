//! `experiment`: trains with several seeds, and gives mean and standard deviation of the accuracy.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use mnist2x2::Group;
use serde::{Deserialize, Serialize};

use crate::commands::train::{Plan, Run};
use crate::console::{self, duration, percent};
use crate::interrupt::Interrupt;

/// Options of `experiment`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The seeds, separated by commas; `0-7` are all from 0 to 7. Processes that `mpirun` started share them out
    #[arg(long, value_name = "S,S-S,...", value_delimiter = ',', default_value = "0,1,2", value_parser = seeds)]
    seeds: Vec<Seeds>,
    #[command(flatten)]
    plan: Plan,
    /// The folder for the runs, which are called seed-S in it [default: a folder in runs/ for each]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// One seed, or all from the first to the last.
type Seeds = (u64, u64);

fn seeds(text: &str) -> Result<Seeds, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match [first, last].map(str::parse) {
        [Ok(first), Ok(last)] if first <= last && last - first < MOST_SEEDS => Ok((first, last)),
        _ => Err(format!(
            "a seed is a number, and seeds are two, such as 0-7, that are less than {MOST_SEEDS} apart"
        )),
    }
}

/// More would be a mistake in typing.
const MOST_SEEDS: u64 = 10_000;

/// How the run of one seed ended.
#[derive(Serialize, Deserialize)]
struct Trial {
    seed: u64,
    /// Where the model is.
    folder: PathBuf,
    validation: Option<f64>,
    /// Test grids with all digits right, and test digits right.
    test: Option<[f64; 2]>,
    seconds: f64,
}

/// Each process of `group` makes the runs of its own seeds; the first prints all.
pub(crate) fn run(args: &Args, group: &Group) -> anyhow::Result<()> {
    let seeds: Vec<u64> = args.seeds.iter().flat_map(|&(first, last)| first..=last).collect();
    let repeated = (1..seeds.len()).find(|&i| seeds[..i].contains(&seeds[i]));
    ensure!(repeated.is_none(), "--seeds names a seed twice: the same run would be made again");
    let interrupt = Interrupt::listen()?;
    let own = seeds.iter().skip(group.rank()).step_by(group.size());
    let trials = own.map(|&seed| trial(args, seed, &interrupt)).collect::<anyhow::Result<Vec<_>>>()?;
    let trials = group.gather(&serde_json::to_vec(&trials)?);
    let trials: Vec<Vec<Trial>> =
        trials.iter().map(|rank| serde_json::from_slice(rank)).collect::<Result<_, _>>()?;
    let mut trials: Vec<Trial> = trials.into_iter().flatten().collect();
    trials.sort_by_key(|trial| seeds.iter().position(|&seed| seed == trial.seed));
    print_trials(&trials)
}

/// Trains with one seed.
fn trial(args: &Args, seed: u64, interrupt: &Interrupt) -> anyhow::Result<Trial> {
    let out = args.out.as_ref().map(|out| out.join(format!("seed-{seed}")));
    let mut run = Run::start(&args.plan, Some(seed), out.as_deref(), &Group::alone())?;
    let seconds = run.train(interrupt)?;
    let test = if args.plan.no_test { None } else { Some(run.test()?.evaluation) };
    let test = test.map(|test| [test.sequence_accuracy, test.digit_accuracy]);
    let folder = run.folder.as_ref().context("a run alone has a folder")?;
    let last = folder.read_metrics()?.last().and_then(|metrics| metrics.validation);
    let last = last.map(|validation| validation.sequence_accuracy);
    let validation = run.unseen_accuracy()?.or(run.trainer.position().best_accuracy).or(last);
    Ok(Trial { seed, folder: folder.path().into(), validation, test, seconds })
}

/// A line per seed, then mean and standard deviation.
fn print_trials(trials: &[Trial]) -> anyhow::Result<()> {
    type Column = (&'static str, fn(&Trial) -> Option<f64>);
    let columns: [Column; 3] = [
        ("validation", |trial| trial.validation),
        ("sequences", |trial| trial.test.map(|[sequences, _]| sequences)),
        ("digits", |trial| trial.test.map(|[_, digits]| digits)),
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
    fn seeds_are_numbers_and_ranges() {
        assert_eq!(["3", "0-7", "5-5"].map(seeds), [Ok((3, 3)), Ok((0, 7)), Ok((5, 5))]);
        for wrong in ["", "a", "7-0", "1-", "-1", "0-10000", "1-2-3"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_spread_is_that_of_a_sample() {
        let (mean, deviation) = mean_and_deviation(&[0.97, 0.98, 0.99]);
        assert!((mean - 0.98).abs() < 1e-12 && (deviation - 0.01).abs() < 1e-12);
        assert_eq!(mean_and_deviation(&[0.5]), (0.5, 0.0));
    }
}
