//! The folder that keeps a run: what it was asked to do, how it went, where it is, and the model.
//!
//! | file | what |
//! |---|---|
//! | `run.toml` | [`RunRecord`]: recipe, data, version |
//! | `config.json`, `model.safetensors` | the model, written at the end: the folder is a model folder |
//! | `calibration.json` | how far the model's confidence can be trusted, where there are grids to tell |
//! | `metrics.jsonl` | a line of [`EpochMetrics`] per epoch |
//! | `checkpoints/` | the last few [`Checkpoint`]s, named by the steps taken |

use std::fs::{self, File, TryLockError};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use mnist2x2_model::Config;
use mnist2x2_model::files::{hex, write_atomically};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::overrides::read_toml;
use crate::{
    Checkpoint, EpochMetrics, Error, FinetuneRecord, Observer, Outcome, Recipe, StepReport, Trainer, Workers,
};

/// How many checkpoints are kept.
const KEPT: usize = 3;
/// Their folder in the run's.
const CHECKPOINTS: &str = "checkpoints";

/// What a run was asked to do: `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The version of this crate that made the run.
    pub version: String,
    /// The model's sizes.
    pub model: Config,
    /// How the model is trained.
    pub recipe: Recipe,
    /// On what.
    pub data: DataRecord,
    /// Who taught it, where the recipe distils.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<TeacherRecord>,
    /// Where its first weights came from and which corrections it learnt, where it was fine-tuned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finetune: Option<FinetuneRecord>,
}

/// The model that a run learns from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherRecord {
    /// Where it was.
    pub path: PathBuf,
    /// SHA-256 of its weights.
    pub sha256: String,
}

/// The data of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecord {
    /// `mnist` or `synthetic`.
    pub dataset: String,
    /// SHA-256 of the training images, unpacked.
    pub images_sha256: String,
    /// SHA-256 of the training labels, unpacked.
    pub labels_sha256: String,
    /// SHA-256 of the file of pen strokes, where the recipe mixes them in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strokes_sha256: Option<String>,
}

impl RunRecord {
    /// Reads `run.toml` in the folder `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if there is none, [`Error::Run`] if it cannot be understood.
    pub fn read(path: &Path) -> Result<Self, Error> {
        read_toml(&path.join("run.toml"))
    }

    /// What tells this run from others: a digest of all it was asked to do.
    fn digest(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        hex(&Sha256::digest(text))
    }
}

/// The folder of one run, which no other process can train in as long as this lives.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    digest: String,
    /// Locked; the system lets go of it when this process ends, however it does.
    _lock: File,
}

impl RunFolder {
    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// [`Error::Run`] if `path` exists and is not an empty folder: nothing is ever overwritten. [`Error::Io`] if it
    /// cannot be written.
    pub fn create(path: &Path, record: &RunRecord) -> Result<Self, Error> {
        Self::check_free(path)?;
        fs::create_dir_all(path.join(CHECKPOINTS)).map_err(Error::io(path))?;
        let run = Self::lock(path, record)?;
        let text = toml::to_string_pretty(record).map_err(|error| Error::run(path, error.to_string()))?;
        write(&run.path.join("run.toml"), text.as_bytes())?;
        Ok(run)
    }

    /// Makes sure that a run can be made at `path`.
    ///
    /// # Errors
    /// [`Error::Run`] if it exists and is not an empty folder: nothing is ever overwritten.
    pub fn check_free(path: &Path) -> Result<(), Error> {
        if path.exists() && !path.read_dir().is_ok_and(|mut entries| entries.next().is_none()) {
            let problem =
                "exists already and is never overwritten; choose another --out, or go on with --resume";
            return Err(Error::run(path, problem));
        }
        Ok(())
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// As [`RunRecord::read`], or [`Error::Run`] if another process is training there.
    pub fn open(path: &Path) -> Result<(Self, RunRecord), Error> {
        let record = RunRecord::read(path)?;
        Ok((Self::lock(path, &record)?, record))
    }

    /// Takes the folder for this process alone.
    fn lock(path: &Path, record: &RunRecord) -> Result<Self, Error> {
        let file = path.join(CHECKPOINTS).join(".lock");
        let lock = File::create(&file).map_err(Error::io(&file))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.into(), digest: record.digest(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::run(path, "another process is training here")),
            Err(TryLockError::Error(error)) => Err(Error::io(&file)(error)),
        }
    }

    /// Whether the run in the folder `path` has come to its end.
    pub fn is_finished(path: &Path) -> bool {
        path.join("model.safetensors").exists()
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn checkpoints(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
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
            Outcome::Finished => self.save_model(trainer, workers)?,
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
        trainer.checkpoint().save(&path, &self.digest)?;
        for old in self.checkpoint_files()?.into_iter().rev().skip(KEPT) {
            fs::remove_file(&old).map_err(Error::io(&old))?;
        }
        Ok(())
    }

    /// The newest whole checkpoint and its file; `None` if the run has not come to its first. Newer ones that are damaged
    /// are told to `report` and renamed to `.damaged`, once a whole one has been found.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be read; that of the newest if none is whole, and then nothing is renamed.
    pub fn newest_checkpoint(
        &self,
        count: usize,
        mut report: impl FnMut(Error),
    ) -> Result<Option<(Checkpoint, PathBuf)>, Error> {
        let mut damaged: Vec<(PathBuf, Error)> = Vec::new();
        for path in self.checkpoint_files()?.into_iter().rev() {
            match Checkpoint::load(&path, &self.digest, count) {
                Ok(checkpoint) => {
                    for (path, error) in damaged {
                        set_aside(&path)?;
                        report(error);
                    }
                    return Ok(Some((checkpoint, path)));
                }
                Err(error @ Error::Run { .. }) => damaged.push((path, error)),
                Err(error) => return Err(error),
            }
        }
        damaged.into_iter().next().map_or(Ok(None), |(_, error)| Err(error))
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
        let parse = |(number, line)| {
            let broken = |error| Error::run(&path, format!("line {number} is damaged ({error}); remove it"));
            serde_json::from_str(line).map_err(broken)
        };
        (1..).zip(text.lines()).map(parse).collect()
    }

    /// Writes the trained model and, if there is something to calibrate it with, its calibration. The weights come last:
    /// they make the folder a model folder.
    fn save_model(&self, trainer: &Trainer, workers: &Workers) -> Result<(), Error> {
        if let Some(calibration) = trainer.calibration(workers)? {
            calibration.save(&self.path)?;
        }
        Ok(trainer.result()?.parameters().save(&self.path)?)
    }
}

/// Renames a damaged checkpoint, to no name that is taken.
fn set_aside(path: &Path) -> Result<(), Error> {
    let names = (1..).map(|n| path.with_extension(format!("damaged-{n}")));
    let free = names.into_iter().find(|name| !name.exists()).unwrap_or_default();
    fs::rename(path, free).map_err(Error::io(path))
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
