//! The options of `train`, and what they stand for.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use clap::ValueEnum;
use clap::builder::RangedU64ValueParser;
use mnist2x2::train::{DataRecord, FinetuneRecord, Keeping, ModelRecord, read_toml, with_overrides};
use mnist2x2::{Config, Device, Recipe, RunFolder};
use serde::Deserialize;
use toml::Table;

use crate::clock::utc;
use crate::data::DataArgs;
use crate::device;

/// Where runs are kept when no folder is named.
const RUNS: &str = "runs";
/// The most grids in an epoch: beyond it their index map would fill the memory.
pub(crate) const MOST_GRIDS: usize = 100_000_000;

/// Options of `train`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) plan: Plan,
    /// Decides the initial weights, the grids and how they are augmented [default: the recipe's, 0]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// The folder of the run, never overwritten [default: runs/TIME-RECIPE-sSEED, the time in UTC]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with an interrupted run [default: the newest in runs/]
    #[expect(clippy::option_option, reason = "clap's type for an option whose value may be left out")]
    #[arg(long, value_name = "DIR", num_args = 0..=1, conflicts_with_all = [
        "recipe", "config", "set", "architecture", "teacher", "from", "epochs", "seed", "limit", "out", "dataset",
    ])]
    pub(crate) resume: Option<Option<PathBuf>>,
}

/// What is trained, how, on what and where: all but the seed.
#[derive(clap::Args)]
pub(crate) struct Plan {
    /// How to train
    #[arg(long, value_enum, default_value_t = RecipeName::Default)]
    recipe: RecipeName,
    /// Settings in place of the recipe's: a TOML file with tables `recipe` and `model`, such as a run's run.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting in place of the recipe's, such as `optimiser.learning_rate=0.003`; may be given several times
    #[arg(long, value_name = "SETTING=VALUE", value_parser = parse_setting)]
    set: Vec<Table>,
    /// The sizes of the model
    #[arg(long, value_enum, default_value_t = Architecture::Published)]
    architecture: Architecture,
    /// How often as many grids are seen as an epoch has [default: the recipe's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// Grids in an epoch [default: the recipe's, or as many as there are training digits]
    #[arg(long, value_name = "GRIDS", value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_GRIDS as u64))]
    pub(crate) limit: Option<usize>,
    /// A model to learn from where the recipe distils: a model folder, a .safetensors or a .pt; may be given several times
    #[arg(long, value_name = "MODEL")]
    pub(crate) teacher: Vec<PathBuf>,
    /// A model of the same sizes to begin with instead of new weights
    #[arg(long, value_name = "MODEL")]
    pub(crate) from: Option<PathBuf>,
    /// The file of pen strokes to mix in where the recipe says so (pendigits-orig.tra of `cargo xtask download-pendigits`);
    /// a run that goes on takes the one that it began with unless another place is named
    #[arg(long, value_name = "FILE")]
    pub(crate) strokes: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = device::Choice::Auto)]
    pub(crate) device: device::Choice,
    /// Threads on the CPU [default: one per core]; the result does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Steps from one checkpoint to the next, beside one after each epoch: what a run loses at most if it is killed
    #[arg(long, value_name = "STEPS", default_value_t = Keeping::default().every)]
    pub(crate) save_every: NonZeroU64,
    /// Tell TensorBoard too: event files in the run's folder, under tensorboard/
    #[arg(long)]
    pub(crate) tensorboard: bool,
    /// Do not open the test files
    #[arg(long)]
    pub(crate) no_test: bool,
}

/// `--recipe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RecipeName {
    /// The recommended one: fresh grids, augmented digits, Muon, averaged weights
    Default,
    /// The published one: Adam at a constant 1e-3, fixed grids, no augmentation
    Reference,
    /// The fewest seconds to the published accuracy on validation grids
    Sprint,
}

/// `--architecture`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Architecture {
    /// The published model: 16 patches of 14 x 14, 249,997 parameters
    Published,
    /// A finer one: four convolutions, then a patch for each digit; 286,837 parameters, 0.4 times as fast
    Fine,
}

/// A configuration file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    /// Of a run's record: who made it.
    #[serde(rename = "version")]
    _version: Option<String>,
    #[serde(default)]
    recipe: Table,
    #[serde(default)]
    model: Table,
    /// Of a run's record: which digits, found out anew, and whose teaching and weights, named by `--teacher` and `--from`.
    #[serde(rename = "data")]
    _data: Option<DataRecord>,
    #[serde(rename = "teachers", default)]
    _teachers: Vec<ModelRecord>,
    #[serde(rename = "from")]
    _from: Option<ModelRecord>,
    /// Of a fine-tuned model's record: what it learnt.
    #[serde(rename = "finetune")]
    _finetune: Option<FinetuneRecord>,
}

impl Plan {
    /// The recipe and the model's sizes with everything that was asked for: flags go before the file, the file before the
    /// named recipe.
    ///
    /// # Errors
    /// If the file or a setting cannot be understood, or no run can have it.
    pub(crate) fn resolve(&self, seed: Option<u64>, device: &Device) -> anyhow::Result<(Recipe, Config)> {
        let recipe = match self.recipe {
            RecipeName::Default => Recipe::recommended(0),
            RecipeName::Reference => Recipe::reference(0),
            RecipeName::Sprint => Recipe::sprint(0),
        };
        let model = match self.architecture {
            Architecture::Published => Config::reference(),
            Architecture::Fine => Config::fine(),
        };
        let (mut recipe, model) = self.read_config(recipe.on(device), model)?;
        for setting in &self.set {
            recipe = with_overrides(&recipe, setting, "recipe")?;
        }
        recipe.seed = seed.unwrap_or(recipe.seed);
        recipe.epochs = self.epochs.unwrap_or(recipe.epochs);
        recipe.epoch_grids = self.limit.unwrap_or(recipe.epoch_grids);
        recipe.validate()?;
        model.validate()?;
        Ok((recipe, model))
    }

    /// When a run is saved.
    pub(crate) fn keeping(&self) -> Keeping {
        Keeping { every: self.save_every, ..Keeping::default() }
    }

    /// The options that a run needs again when it goes on, each with a space before it: those that `run.toml` does not keep.
    pub(crate) fn flags_to_resume(&self) -> String {
        let device = self.device.to_possible_value().filter(|_| self.device != device::Choice::Auto);
        let save_every = Some(self.save_every).filter(|&every| every != Keeping::default().every);
        let flags = [
            device.map(|device| format!(" --device {}", device.get_name())),
            save_every.map(|every| format!(" --save-every {every}")),
            self.tensorboard.then(|| " --tensorboard".into()),
            self.no_test.then(|| " --no-test".into()),
        ];
        flags.into_iter().flatten().collect()
    }

    /// The presets with what the configuration file says in their place.
    fn read_config(&self, recipe: Recipe, model: Config) -> anyhow::Result<(Recipe, Config)> {
        let Some(path) = &self.config else { return Ok((recipe, model)) };
        let in_file = || path.display().to_string();
        let file: ConfigFile = read_toml(path)?;
        let recipe = with_overrides(&recipe, &file.recipe, "recipe").with_context(in_file)?;
        Ok((recipe, with_overrides(&model, &file.model, "model").with_context(in_file)?))
    }
}

/// `KEY=VALUE` as TOML; what is no TOML value is a word.
pub(crate) fn parse_setting(text: &str) -> Result<Table, String> {
    let (key, value) = text.split_once('=').ok_or("has no `=`; write SETTING=VALUE")?;
    let as_word = || format!("{key} = {}", toml::Value::from(value)).parse::<Table>();
    format!("{key} = {value}").parse::<Table>().or_else(|_| as_word()).map_err(|error| error.message().into())
}

/// A folder in [`RUNS`] named by the time, the recipe and the seed.
pub(crate) fn default_folder(recipe: &Recipe) -> PathBuf {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = since.map_or(0, |since| since.as_secs());
    unused(&Path::new(RUNS).join(format!("{}-{}-s{}", utc(now), recipe.name, recipe.seed)))
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
