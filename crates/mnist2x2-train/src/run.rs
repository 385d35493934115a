//! The folder that keeps a run: what it was asked to do, how it went, where it is, and the model.
//!
//! | file | what |
//! |---|---|
//! | `run.toml` | [`RunRecord`]: recipe, data, version |
//! | `config.json`, `model.safetensors` | the model, written at the end: the folder is a model folder |
//! | `metrics.jsonl` | a line of [`EpochMetrics`] per epoch |
//! | `checkpoints/` | the last few [`Checkpoint`]s, named by the steps taken |

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use mnist2x2_model::files::write_atomically;
use serde::{Deserialize, Serialize};

use crate::{Checkpoint, EpochMetrics, Error, Observer, Outcome, Recipe, StepReport, Trainer, Workers};

/// How many checkpoints are kept.
const KEPT: usize = 3;

/// What a run was asked to do: `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The version of this crate that made the run.
    pub version: String,
    /// How the model is trained.
    pub recipe: Recipe,
    /// On what.
    pub data: DataRecord,
}

/// The data of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecord {
    /// `mnist` or `synthetic`.
    pub dataset: String,
    /// Training grids in an epoch.
    pub grids: usize,
    /// SHA-256 of the training images, unpacked.
    pub images_sha256: String,
    /// SHA-256 of the training labels, unpacked.
    pub labels_sha256: String,
}

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// [`Error::Run`] if `path` exists and is not an empty folder: nothing is ever overwritten. [`Error::Io`] if it
    /// cannot be written.
    pub fn create(path: &Path, record: &RunRecord) -> Result<Self, Error> {
        if path.exists() && !path.read_dir().is_ok_and(|mut entries| entries.next().is_none()) {
            let problem =
                "exists already and is never overwritten; choose another --out, or go on with --resume";
            return Err(Error::run(path, problem));
        }
        let run = Self { path: path.into() };
        fs::create_dir_all(run.checkpoints()).map_err(Error::io(path))?;
        let text = toml::to_string_pretty(record).map_err(|error| Error::run(path, error.to_string()))?;
        write(&run.path.join("run.toml"), text.as_bytes())?;
        Ok(run)
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no `run.toml`, [`Error::Run`] if it cannot be understood.
    pub fn open(path: &Path) -> Result<(Self, RunRecord), Error> {
        let file = path.join("run.toml");
        let text = fs::read_to_string(&file).map_err(Error::io(&file))?;
        let record = toml::from_str(&text).map_err(|error| Error::run(&file, error.to_string()))?;
        Ok((Self { path: path.into() }, record))
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// Trains to the end of the recipe, or until `observer` stops it, and keeps everything: a line of metrics and a
    /// checkpoint after each epoch, a checkpoint where it stopped, and the model at the end.
    ///
    /// # Errors
    /// As [`Trainer::run`], or [`Error::Io`] if something cannot be written; the last checkpoint is whole either way.
    pub fn train(
        &self,
        trainer: &mut Trainer,
        workers: &Workers,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, Error> {
        let outcome = trainer.run(workers, &mut Recorder { run: self, observer })?;
        match outcome {
            Outcome::Finished => self.save_model(trainer)?,
            Outcome::Stopped => self.save_checkpoint(trainer)?,
        }
        Ok(outcome)
    }

    /// Saves where `trainer` is. Older checkpoints go only once the new one is safe.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written; what was there before still is.
    pub fn save_checkpoint(&self, trainer: &Trainer) -> Result<(), Error> {
        let path = self.checkpoints().join(format!("step-{:09}.safetensors", trainer.steps()));
        trainer.checkpoint().save(&path)?;
        for old in self.checkpoint_files()?.into_iter().rev().skip(KEPT) {
            fs::remove_file(&old).map_err(Error::io(&old))?;
        }
        Ok(())
    }

    /// The newest whole checkpoint and its file; `None` if there is none yet. A damaged one is renamed to `.damaged`,
    /// told to `report`, and the one before is taken.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read, [`Error::Run`] if all there are were damaged.
    pub fn newest_checkpoint(
        &self,
        count: usize,
        mut report: impl FnMut(&Error),
    ) -> Result<Option<(Checkpoint, PathBuf)>, Error> {
        let files = self.checkpoint_files()?;
        for path in files.iter().rev() {
            match Checkpoint::load(path, count) {
                Ok(checkpoint) => return Ok(Some((checkpoint, path.clone()))),
                Err(error) => {
                    fs::rename(path, path.with_extension("damaged")).map_err(Error::io(path))?;
                    report(&error);
                }
            }
        }
        if files.is_empty() { Ok(None) } else { Err(Error::run(&self.path, "has no undamaged checkpoint")) }
    }

    /// The checkpoints, oldest first.
    fn checkpoint_files(&self) -> Result<Vec<PathBuf>, Error> {
        let folder = self.checkpoints();
        let entries = fs::read_dir(&folder).map_err(Error::io(&folder))?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(Error::io(&folder))?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
        paths.sort();
        Ok(paths)
    }

    /// Adds a line to `metrics.jsonl`, in place of any of this epoch or later: those of a run that was interrupted
    /// before its checkpoint.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn append_metrics(&self, metrics: &EpochMetrics) -> Result<(), Error> {
        let path = self.metrics();
        let mut lines = self.read_metrics()?;
        lines.retain(|earlier| earlier.epoch < metrics.epoch);
        lines.push(metrics.clone());
        let text = lines.iter().map(|line| serde_json::to_string(line).map(|line| line + "\n"));
        let text =
            text.collect::<Result<String, _>>().map_err(|error| Error::run(&path, error.to_string()))?;
        write(&path, text.as_bytes())
    }

    /// The lines of `metrics.jsonl`; none before the first epoch has ended.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Run`] if a line cannot be understood.
    pub fn read_metrics(&self) -> Result<Vec<EpochMetrics>, Error> {
        let path = self.metrics();
        if !path.exists() {
            return Ok(Vec::new());
        }
        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
        let parse = |line| serde_json::from_str(line).map_err(|error| Error::run(&path, error.to_string()));
        text.lines().map(parse).collect()
    }

    /// Writes the trained model, which makes the folder a model folder.
    ///
    /// # Errors
    /// [`Error::Model`] if it cannot be written.
    pub fn save_model(&self, trainer: &Trainer) -> Result<(), Error> {
        Ok(trainer.model().parameters().save(&self.path)?)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_atomically(path, bytes).map_err(Error::io(path))
}

/// Writes down each epoch, and passes everything on.
struct Recorder<'a> {
    run: &'a RunFolder,
    observer: &'a mut dyn Observer,
}

impl Observer for Recorder<'_> {
    fn step(&mut self, report: &StepReport) -> ControlFlow<()> {
        self.observer.step(report)
    }

    /// Metrics first: a checkpoint says that its epoch has been written down.
    fn epoch(&mut self, trainer: &Trainer, metrics: &EpochMetrics) -> Result<(), Error> {
        self.run.append_metrics(metrics)?;
        self.run.save_checkpoint(trainer)?;
        self.observer.epoch(trainer, metrics)
    }
}
