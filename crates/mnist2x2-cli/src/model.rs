//! `--model`: the model to use.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use mnist2x2::data::{Layout, shell_word};
use mnist2x2::infer::{self, Calibration};
use mnist2x2::train::{Exposure, RunRecord};
use mnist2x2::{Config, Device, Recognizer, RunFolder};

use crate::console;
use crate::layout_args::{LayoutArgs, blanks_of, described};

/// Where runs are kept when no folder is named.
pub(crate) const RUNS: &str = "runs";

/// The model to use.
#[derive(clap::Args)]
pub(crate) struct ModelArgs {
    /// A model folder, a .safetensors or a file by PyTorch (.pt, .pth, .ckpt, .bin); `newest`, the last finished run in runs/; or
    /// `line`, the built-in model of digits in a row [default: the model of grids built into this program]
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
}

/// Texts about a model, those that there are.
pub(crate) struct Documents {
    /// The card of a built-in model, in Markdown.
    pub(crate) card: Option<&'static str>,
    /// A line of JSON for each epoch of its training.
    pub(crate) metrics: Option<String>,
    /// What `eval --json` counted.
    pub(crate) evaluation: Option<String>,
}

/// Where a model is.
enum Place {
    /// The model of grids.
    BuiltIn,
    BuiltInLine,
    At(PathBuf),
}

impl ModelArgs {
    /// The model at `path`.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { model: Some(path) }
    }

    /// Whether a model is named, and not the built-in one meant.
    pub(crate) fn is_named(&self) -> bool {
        self.model.is_some()
    }

    /// The model; of a run that is not finished, that of its newest checkpoint.
    ///
    /// # Errors
    /// If there is none at the path, or it cannot be read.
    pub(crate) fn load(&self, device: &Device) -> anyhow::Result<Recognizer> {
        Ok(match self.place()? {
            Place::BuiltIn => Recognizer::built_in_grid(device)?,
            Place::BuiltInLine => Recognizer::built_in_line(device)?,
            Place::At(path) => open(&path, device)?,
        })
    }

    /// The model as a reader of pictures: beside any model of grids the built-in model of lines stands by.
    ///
    /// # Errors
    /// As [`ModelArgs::load`].
    pub(crate) fn load_for_pictures(&self, device: &Device) -> anyhow::Result<Recognizer> {
        let recognizer = self.load(device)?;
        let is_line = matches!(recognizer.layout(), Layout::Line { .. });
        Ok(if is_line { recognizer } else { recognizer.with_line(Recognizer::built_in_line(device)?) })
    }

    /// Where it is.
    fn place(&self) -> anyhow::Result<Place> {
        let Some(path) = &self.model else { return Ok(Place::BuiltIn) };
        Ok(match path.to_str() {
            Some("line") if !path.exists() => Place::BuiltInLine,
            Some("newest") if !path.exists() => {
                let newest = newest_run(Path::new(RUNS), RunFolder::is_finished);
                Place::At(newest.with_context(|| format!("--model newest: {RUNS} holds no finished run"))?)
            }
            _ => Place::At(path.clone()),
        })
    }

    /// What the model's run was asked to do, where it is known.
    pub(crate) fn record(&self) -> Option<RunRecord> {
        match self.place().ok()? {
            Place::At(path) => RunRecord::read(&path).ok(),
            Place::BuiltIn => built_in_record(),
            Place::BuiltInLine => toml::from_str(Recognizer::BUILT_IN_LINE_RECORD).ok(),
        }
    }

    /// What else is written down about the model: of a folder, in its own files.
    ///
    /// # Errors
    /// If such a file cannot be read.
    pub(crate) fn documents(&self) -> anyhow::Result<Documents> {
        let built_in = |of: infer::Documents| Documents {
            card: Some(of.card),
            metrics: Some(of.metrics.into()),
            evaluation: Some(of.evaluation.into()),
        };
        let path = match self.place()? {
            Place::BuiltIn => return Ok(built_in(Recognizer::BUILT_IN_DOCUMENTS)),
            Place::BuiltInLine => return Ok(built_in(Recognizer::BUILT_IN_LINE_DOCUMENTS)),
            Place::At(path) => path,
        };
        let read = |name| match path.join(name) {
            file if file.is_file() => std::fs::read_to_string(&file)
                .map(Some)
                .with_context(|| format!("{} cannot be read", file.display())),
            _ => Ok(None),
        };
        Ok(Documents { card: None, metrics: read("metrics.jsonl")?, evaluation: read("evaluation.json")? })
    }

    /// The layout asked for by `args` in the size of the pictures that `recognizer` reads, else the one that it was trained on.
    ///
    /// # Errors
    /// If the model cannot read that layout.
    pub(crate) fn layout(&self, recognizer: &Recognizer, args: &LayoutArgs) -> anyhow::Result<Layout> {
        let own = recognizer.layout();
        let trained = self.record().filter(|_| !own.is_full()).map(|record| record.recipe.blanks);
        let layout = args.layout.map_or(Ok(own), |layout| layout.on(own.shape()))?;
        let is_grid = |layout| matches!(layout, Layout::Grid { .. });
        let blanks = args.blanks.or(trained.filter(|_| is_grid(layout))).unwrap_or_else(|| blanks_of(layout));
        let layout = layout.with_blanks(blanks)?;
        ensure!(
            std::mem::discriminant(&layout) == std::mem::discriminant(&own)
                && layout.max_digits() <= own.max_digits()
                && (layout.is_full() || !own.is_full()),
            "the model reads {}, and cannot be asked for {}",
            described(own, "handwritten"),
            described(layout, "handwritten")
        );
        Ok(layout)
    }

    /// Where the model comes from, in words; of a run's folder, the data set that it was trained on too.
    pub(crate) fn origin(&self) -> String {
        let Ok(Place::At(path)) = self.place() else { return "built into this program".into() };
        let data =
            RunRecord::read(&path).map(|record| format!(", trained on {} digits", record.data.dataset));
        format!("{}{}", path.display(), data.unwrap_or_default())
    }

    /// What `info` and the page of `eval --report` say about the model, as names and values.
    pub(crate) fn facts(&self, recognizer: &Recognizer) -> Vec<(String, String)> {
        let parameters = recognizer.model().parameters();
        let c = parameters.config();
        let (height, width, tensors) = (c.image_height(), c.image_width(), parameters.specs().count());
        let cells = format!("{} x {} cells of {2} x {2}", c.rows, c.cols, c.cell);
        let calibrated = recognizer.calibration().map(|Calibration { temperature, grids, .. }| {
            format!("temperature {:.3}, fitted on {grids} validation grids", temperature.get())
        });
        let facts = [
            ("model", self.origin()),
            ("sha256", recognizer.digest().into()),
            ("image", format!("{height} x {width} pixels: {cells}")),
            ("patches", patches(c)),
            ("width", format!("{}, {} heads, feed-forward {}", c.width, c.heads, c.feed_forward_width)),
            ("encoder", format!("{} blocks", c.encoder_layers)),
            ("decoder", format!("{} blocks, at most {} tokens", c.decoder_layers, c.max_tokens())),
            ("vocabulary", format!("{} tokens", c.vocabulary)),
            ("parameters", format!("{} in {tensors} tensors", parameters.count())),
            ("calibrated", calibrated.unwrap_or_else(|| "no: probabilities are the model's own".into())),
            ("decoding", "greedy".into()),
        ];
        facts.map(|(name, value)| (name.into(), value)).into()
    }
}

/// The record of the built-in model's last step. Those before held out the same digits, as the card beside it says.
fn built_in_record() -> Option<RunRecord> {
    let mut record: RunRecord = toml::from_str(Recognizer::BUILT_IN_RECORD).ok()?;
    record.exposure = Some(Exposure::None);
    Some(record)
}

/// What is to be said of accuracies on held-out digits that the model has begun with may know.
pub(crate) fn exposure_note(exposure: Exposure) -> Option<&'static str> {
    match exposure {
        Exposure::None => None,
        Exposure::Trained => Some(
            "the model that it began with was trained on the held-out digits: accuracy and confidence are too high",
        ),
        _ => Some(
            "nothing tells whether the model that it began with was trained on the held-out digits: accuracy and confidence may \
            be too high",
        ),
    }
}

/// The model at `path`; of a run that is not finished, that of its newest checkpoint.
fn open(path: &Path, device: &Device) -> anyhow::Result<Recognizer> {
    let name = path.display();
    ensure!(path.exists(), "{name} does not exist; `--model newest` takes the last finished run in {RUNS}");
    let holds = |file: &str| path.join(file).exists();
    // A run may be stopped between its config and its weights too.
    let is_unfinished = holds("run.toml") && !holds("model.safetensors");
    if !path.is_dir() || !is_unfinished && (holds("model.safetensors") || holds("config.json")) {
        return read(path, device);
    }
    if is_unfinished {
        let newest = RunFolder::newest_weights(path, device)?;
        let (weights, file) = newest.with_context(|| {
            let next = console::command("train --resume", path, &[]);
            format!("{name}: this run has no model and no checkpoint yet; go on with: {next}")
        })?;
        console::log(&format!("{name}: this run is not finished; reading with {}", file.display()));
        return Ok(Recognizer::new(weights)?);
    }
    match newest_run(path, RunFolder::is_finished) {
        Some(newest) => {
            bail!("{name} holds runs; name one, such as the newest: --model {}", shell_word(newest))
        }
        None => read(path, device),
    }
}

/// The model at `path`; what was done to read it is said.
fn read(path: &Path, device: &Device) -> anyhow::Result<Recognizer> {
    let recognizer = Recognizer::load(path, device)?;
    if !recognizer.adaptation().is_none() {
        console::log(&format!("{}: {}", path.display(), recognizer.adaptation()));
    }
    Ok(recognizer)
}

/// The newest run in a folder of runs that is as asked for, by the time at which it began.
pub(crate) fn newest_run(runs: &Path, is_asked: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let folders = std::fs::read_dir(runs).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let begun = |path: &PathBuf| path.join("run.toml").metadata().and_then(|file| file.modified()).ok();
    let asked = folders.filter(|path| is_asked(path)).filter_map(|path| Some((begun(&path)?, path)));
    asked.max().map(|(_, path)| path)
}

/// The encoder's patches in words.
pub(crate) fn patches(config: &Config) -> String {
    let patches = format!("{} of {} x {} pixels", config.patches(), config.patch_height, config.patch_width);
    match config.stem.len() {
        0 => patches,
        n => format!(
            "{patches}, after {n} convolutions of 3 x 3 that reduce {0} x {0} pixels to 1",
            config.reduction()
        ),
    }
}
