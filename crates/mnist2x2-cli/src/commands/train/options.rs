//! The options of `train`, and what they stand for.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use clap::ValueEnum;
use clap::builder::RangedU64ValueParser;
use mnist2x2::{Device, Recipe, RunFolder};

use crate::data::DataArgs;
use crate::device;

/// Where runs are kept when no folder is named.
const RUNS: &str = "runs";
/// The most grids in an epoch: beyond it their index map would fill the memory.
pub(crate) const MOST_GRIDS: usize = 100_000_000;

/// Options of `train`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How to train
    #[arg(long, value_enum, default_value_t = RecipeName::Default)]
    recipe: RecipeName,
    /// How often all grids are seen [default: the recipe's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// Decides the initial weights and the order of the grids
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Grids in an epoch [default: as many as there are training digits]
    #[arg(long, value_name = "GRIDS", value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_GRIDS as u64))]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The folder of the run, never overwritten [default: runs/TIME-RECIPE-sSEED, the time in UTC]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = device::Choice::Auto)]
    pub(crate) device: device::Choice,
    /// Threads on the CPU [default: one per core]; the result does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Go on with an interrupted run [default: the newest in runs/]
    #[expect(clippy::option_option, reason = "clap's type for an option whose value may be left out")]
    #[arg(long, value_name = "DIR", num_args = 0..=1, conflicts_with_all = ["recipe", "epochs", "seed", "limit", "out", "dataset"])]
    pub(crate) resume: Option<Option<PathBuf>>,
    /// Do not open the test files
    #[arg(long)]
    pub(crate) no_test: bool,
}

/// `--recipe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RecipeName {
    /// The best known; today the same as `reference`
    Default,
    /// The published one: Adam at a constant 1e-3, fixed grids, no augmentation
    Reference,
}

impl Args {
    /// The recipe with everything that was asked for.
    pub(crate) fn recipe(&self, device: &Device) -> Recipe {
        let mut recipe = Recipe::reference(self.seed);
        if self.recipe == RecipeName::Default {
            recipe.name = "default".into();
        }
        recipe.epochs = self.epochs.unwrap_or(recipe.epochs);
        recipe.on(device)
    }

    /// The run's folder.
    pub(crate) fn out(&self, recipe: &Recipe) -> PathBuf {
        let default = || {
            let now =
                SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
            unused(&Path::new(RUNS).join(format!("{}-{}-s{}", utc(now), recipe.name, recipe.seed)))
        };
        self.out.clone().unwrap_or_else(default)
    }
}

/// The path itself, or with a number behind it if two runs start within a second.
fn unused(path: &Path) -> PathBuf {
    let numbered = (2..).map(|n| PathBuf::from(format!("{}-{n}", path.display())));
    std::iter::once(path.to_path_buf()).chain(numbered).find(|path| !path.exists()).unwrap_or_default()
}

/// The newest folder in `runs` that has no model yet.
pub(crate) fn newest_unfinished_run() -> anyhow::Result<PathBuf> {
    let entries = std::fs::read_dir(RUNS).with_context(|| format!("cannot read the folder {RUNS}"))?;
    let folders = entries.filter_map(Result::ok).map(|entry| entry.path());
    let unfinished = folders.filter(|path| path.join("run.toml").exists() && !RunFolder::is_finished(path));
    // Their names begin with the time.
    unfinished.max().with_context(|| format!("{RUNS} holds no unfinished run; name one with --resume DIR"))
}

/// Seconds since 1970 as `20260131T235959Z` (the calendar by H. Hinnant, *chrono-Compatible Low-Level Date
/// Algorithms*, 2013: years begin in March, eras of 400 years are alike).
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        assert_eq!(utc(0), "19700101T000000Z");
        assert_eq!(utc(951_782_399), "20000228T235959Z");
        assert_eq!(utc(951_782_400), "20000229T000000Z");
        assert_eq!(utc(1_767_225_599), "20251231T235959Z");
    }
}
