//! The options of `train`, and the run that they describe.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use clap::builder::RangedU64ValueParser;
use mnist2x2::data::SIDE;
use mnist2x2::infer::{config_for, layout_of};
use mnist2x2::model::LayoutKind;
use mnist2x2::train::{CheckpointPolicy, MAX_GRIDS, read_toml, with_overrides};
use mnist2x2::{Config, Device, Recipe, RunFolder};
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Table;

use crate::clock::utc;
use crate::data::DataArgs;
use crate::device::ComputeArgs;
use crate::layout_args::LayoutArgs;
use crate::model::{RUNS, newest_run};

/// Options of `train`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) plan: Plan,
    /// Determines the initial weights, the grids and their augmentation [default: the recipe's, 0]
    #[arg(long, value_name = "S")]
    pub(super) seed: Option<u64>,
    /// The folder of the run, never overwritten [default: runs/TIME-RECIPE-sSEED, the time in UTC]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Continue an interrupted run [default: the newest in runs/]
    #[expect(clippy::option_option, reason = "clap's type for an option whose value may be left out")]
    #[arg(long, value_name = "DIR", num_args = 0..=1, conflicts_with_all = ["recipe", "config", "set", "architecture",
        "teacher", "from", "epochs", "seed", "epoch_grids", "out", "dataset", "layout", "blanks"])]
    pub(super) resume: Option<Option<PathBuf>>,
}

/// What is trained, how, on what and where: all but the seed.
#[derive(clap::Args)]
pub(crate) struct Plan {
    /// How to train
    #[arg(long, value_enum, default_value_t)]
    recipe: RecipeName,
    /// Settings that replace the recipe's: a TOML file with tables `recipe` and `model`, or the folder of a run
    #[arg(long, value_name = "FILE|RUN")]
    config: Option<PathBuf>,
    /// One setting that replaces the recipe's, such as `optimizer.learning_rate=0.003`; may be given several times
    #[arg(long, value_name = "SETTING=VALUE", value_parser = parse_setting)]
    set: Vec<Table>,
    /// The shape of the model
    #[arg(long, value_enum, default_value_t)]
    architecture: Architecture,
    #[command(flatten)]
    layout: LayoutArgs,
    /// Number of epochs [default: the recipe's]
    #[arg(long, value_name = "N")]
    epochs: Option<NonZeroU64>,
    /// Grids in an epoch [default: the recipe's, or as many as there are training digits]
    #[arg(long, alias = "limit", value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_GRIDS as u64))]
    epoch_grids: Option<usize>,
    /// A teacher, if the recipe distills: a model folder, a .safetensors or a .pt; may be given several times
    ///
    /// It reads the layout that is trained. For full grids it may be a model of single digits, which teaches each cell.
    #[arg(long, value_name = "MODEL")]
    pub(super) teacher: Vec<PathBuf>,
    /// Start from the weights of this model, which has the same shape, instead of new ones
    #[arg(long, value_name = "MODEL")]
    pub(super) from: Option<PathBuf>,
    /// The file of pen strokes, if the recipe mixes some in (pendigits-orig.tra of `cargo xtask download-pendigits`)
    ///
    /// A resumed run takes the file that it began with, unless another is named.
    #[arg(long, value_name = "FILE")]
    pub(super) strokes: Option<PathBuf>,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
    /// Steps between checkpoints, besides the one after each epoch: a killed run loses no more than these
    #[arg(long, value_name = "STEPS", default_value_t = CheckpointPolicy::default().every_steps)]
    save_every: NonZeroU64,
    /// Write event files for TensorBoard to the run's folder, under tensorboard/
    #[arg(long)]
    pub(super) tensorboard: bool,
    /// Do not open the test files
    #[arg(long)]
    pub(crate) no_test: bool,
}

/// `--recipe`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecipeName {
    /// Ours: new grids in every epoch, augmented digits, Muon, averaged weights
    #[default]
    Default,
    /// The published one: Adam at a constant 1e-3, the same grids in every epoch, no augmentation
    Reference,
    /// The fewest seconds to the published accuracy on validation grids
    Sprint,
}

impl RecipeName {
    /// The recipe of this name.
    pub(crate) fn recipe(self) -> Recipe {
        match self {
            Self::Default => Recipe::default(),
            Self::Reference => Recipe::reference(),
            Self::Sprint => Recipe::sprint(),
        }
    }
}

/// `--architecture`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Architecture {
    /// The published model: 16 patches of 14 x 14, 249,997 parameters
    #[default]
    #[value(alias = "published")]
    Reference,
    /// The same for 4 x 4 digits: 64 patches, 253,837 parameters; also `--layout 4x4`
    #[value(name = "reference-4x4")]
    Reference4x4,
    /// Four convolutions, then one patch per digit: 286,837 parameters, more accurate, 0.4 times as fast
    Fine,
    /// Four convolutions, then patches of 28 x 8 pixels: for lines
    Line,
    /// Four convolutions, then 49 patches of 12 x 12 pixels: for up to ten scattered digits
    Scatter,
}

/// A configuration file. A run's record is one too: what it holds besides settings is ignored.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfigFile {
    recipe: Table,
    model: Table,
    version: IgnoredAny,
    numerics: IgnoredAny,
    data: IgnoredAny,
    teachers: IgnoredAny,
    from: IgnoredAny,
    exposure: IgnoredAny,
    finetune: IgnoredAny,
}

impl Plan {
    /// The recipe and the model's shape: flags replace settings of the file, and the file replaces the recipe's.
    ///
    /// # Errors
    /// If the file or a setting cannot be understood, or is impossible.
    pub(super) fn resolve(&self, seed: Option<u64>, device: &Device) -> anyhow::Result<(Recipe, Config)> {
        let recipe = self.recipe.recipe();
        let model = match self.architecture {
            Architecture::Reference => Config::reference(),
            Architecture::Reference4x4 => Config::reference_4x4(),
            Architecture::Fine => Config::fine(),
            Architecture::Line => Config::line(),
            Architecture::Scatter => Config::scatter(),
        };
        let (mut recipe, model) = self.read_config(recipe.on(device), model)?;
        for setting in &self.set {
            recipe = with_overrides(&recipe, setting, "recipe")?;
        }
        recipe.seed = seed.unwrap_or(recipe.seed);
        recipe.epochs = self.epochs.map_or(recipe.epochs, NonZeroU64::get);
        recipe.epoch_grids = self.epoch_grids.unwrap_or(recipe.epoch_grids);
        recipe.blanks = self.layout.blanks.unwrap_or(recipe.blanks);
        recipe.validate()?;
        let layout = self.layout.layout.unwrap_or_else(|| layout_of(&model)).with_blanks(recipe.blanks)?;
        let model = config_for(model, layout);
        for (name, found, needed) in
            [("cell", model.cell, SIDE), ("vocabulary", model.vocabulary, Config::reference().vocabulary)]
        {
            ensure!(found == needed, "`model.{name}` is {found}, but models that read digits have {needed}");
        }
        model.validate()?;
        Ok((recipe, model))
    }

    /// When a run is saved.
    pub(super) fn checkpoint_policy(&self) -> CheckpointPolicy {
        CheckpointPolicy { every_steps: self.save_every, ..CheckpointPolicy::default() }
    }

    /// The options that a resumed run needs again, because `run.toml` does not keep them.
    pub(super) fn flags_to_resume(&self) -> Vec<String> {
        let mut flags = self.compute.device.flags();
        if self.checkpoint_policy() != CheckpointPolicy::default() {
            flags.extend(["--save-every".into(), self.save_every.to_string()]);
        }
        for (flag, is_set) in [("--tensorboard", self.tensorboard), ("--no-test", self.no_test)] {
            flags.extend(is_set.then(|| flag.into()));
        }
        flags
    }

    /// The presets with the settings of the configuration file.
    fn read_config(&self, recipe: Recipe, model: Config) -> anyhow::Result<(Recipe, Config)> {
        let Some(path) = &self.config else { return Ok((recipe, model)) };
        let path = if path.is_dir() { path.join("run.toml") } else { path.clone() };
        let in_file = || path.display().to_string();
        let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        ensure!(
            !is_json,
            "{}: settings are read from TOML; name the run's folder, whose run.toml has them, or write the fields under \
             [model] in a file of your own",
            path.display()
        );
        let file: ConfigFile = read_toml(&path)?;
        // These two are written down only where they are no grid's.
        let model = if ["arrangement", "digits"].iter().any(|key| file.model.contains_key(*key)) {
            Config { arrangement: LayoutKind::Line, digits: 1, ..model }
        } else {
            model
        };
        let recipe = with_overrides(&recipe, &file.recipe, "recipe").with_context(in_file)?;
        Ok((recipe, with_overrides(&model, &file.model, "model").with_context(in_file)?))
    }
}

/// `KEY=VALUE` as TOML; a value that is no TOML is a word.
pub(crate) fn parse_setting(text: &str) -> Result<Table, String> {
    let (key, value) = text.split_once('=').ok_or("has no `=`; write SETTING=VALUE")?;
    match key.trim().split('.').next() {
        Some("model") => {
            return Err("is no setting of the recipe; write it into a TOML file, in the table [model], and \
            name that with --config"
                .into());
        }
        Some("recipe") => return Err("is one of the recipe's without `recipe.`".into()),
        _ => {}
    }
    let as_word = || format!("{key} = {}", toml::Value::from(value)).parse::<Table>();
    format!("{key} = {value}").parse::<Table>().or_else(|_| as_word()).map_err(|error| error.message().into())
}

/// A new folder in [`RUNS`] named by the time, the recipe and the seed; with a number if two runs start within a second.
pub(crate) fn default_folder(recipe: &Recipe) -> PathBuf {
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let path = Path::new(RUNS).join(format!("{}-{}-s{}", utc(now), recipe.name, recipe.seed));
    let numbered = (2..).map(|n| PathBuf::from(format!("{}-{n}", path.display())));
    std::iter::once(path.clone()).chain(numbered).find(|path| !path.exists()).unwrap_or(path)
}

/// The newest folder in [`RUNS`] that has no model yet.
pub(super) fn newest_unfinished_run() -> anyhow::Result<PathBuf> {
    let newest = newest_run(Path::new(RUNS), |path| !RunFolder::is_finished(path));
    newest.with_context(|| format!("{RUNS} holds no unfinished run; name one with --resume DIR"))
}
