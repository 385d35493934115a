//! The folder that keeps a run: what it was asked to do, how it went, where it is, and the model.
//!
//! | file | what |
//! |---|---|
//! | `run.toml` | [`RunRecord`]: recipe, data, version |
//! | `config.json`, `model.safetensors` | the model, written at the end: the folder is a model folder |
//! | `calibration.json` | how far the model's confidence can be trusted, where there are grids to tell |
//! | `metrics.jsonl` | a line of [`EpochMetrics`] per epoch |
//! | `checkpoints/` | the last few [`Checkpoint`]s and that of the best epoch, named by the steps taken |

use std::fs::{self, DirEntry, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use mnist2x2_formats::Weights;
use mnist2x2_formats::files::Disk;
use mnist2x2_infer::Calibration;
use mnist2x2_model::{Device, Parameters, Seq2Seq};

use crate::checkpoint_folder::{CheckpointFolder, is_litter, newest, remove_litter};
use crate::{
    BoxError, CheckpointPolicy, EpochMetrics, Error, Observer, Outcome, ReadingFor, RunRecord, StepReport,
    Trainer, Workers,
};

/// The folder of checkpoints in the run's.
const CHECKPOINTS: &str = "checkpoints";
/// The file in that folder which a process that trains holds locked.
const LOCK: &str = ".lock";
/// What the run was asked to do.
const RECORD: &str = "run.toml";

/// The folder of one run, which no other process can train in as long as this lives.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    checkpoints: CheckpointFolder,
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
        Self::create_on(&Disk::default(), path, record)
    }

    /// The same on a disk that may fail.
    ///
    /// # Errors
    /// As [`RunFolder::create`]; nothing of the run stays then.
    pub fn create_on(disk: &Disk, path: &Path, record: &RunRecord) -> Result<Self, Error> {
        Self::check_free(path)?;
        let text = toml::to_string_pretty(record).map_err(|error| Error::run(path, error.to_string()))?;
        let folder = path.join(CHECKPOINTS);
        let is_made = disk.create_folder(&folder).map_err(Error::io(&folder));
        is_made.inspect_err(|_| remove_empty(disk, path))?;
        let run = Self::lock(disk.clone(), path, record).inspect_err(|_| remove_empty(disk, path))?;
        Self::check_free(path)?; // another process may have come and gone before the lock
        let file = path.join(RECORD);
        let is_written = disk.write(&file, text.as_bytes()).map_err(Error::io(&file));
        is_written.inspect_err(|_| abandon(disk, path))?;
        Ok(run)
    }

    /// Makes sure that a run can be made at `path`.
    ///
    /// # Errors
    /// [`Error::Run`] if it exists and is not an empty folder: nothing is ever overwritten. What a start left that failed on a
    /// disk where nothing can be removed does not count.
    pub fn check_free(path: &Path) -> Result<(), Error> {
        if !(holds_only(path, CHECKPOINTS) && holds_only(&path.join(CHECKPOINTS), LOCK)) {
            let problem =
                "exists already and is never overwritten; choose another --out, or go on with --resume";
            return Err(Error::run(path, problem));
        }
        Ok(())
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// As [`RunRecord::read`], or [`Error::Run`] if another process is training there, or the run was begun by a version that
    /// computes other numbers.
    pub fn open(path: &Path) -> Result<(Self, RunRecord), Error> {
        Self::open_on(Disk::default(), path)
    }

    /// The same on a disk that may fail.
    ///
    /// # Errors
    /// As [`RunFolder::open`].
    pub fn open_on(disk: Disk, path: &Path) -> Result<(Self, RunRecord), Error> {
        let record = RunRecord::read(path)?;
        record.check_numerics().map_err(|problem| Error::run(&path.join(RECORD), problem))?;
        Ok((Self::lock(disk, path, &record)?, record))
    }

    /// The same folder, its checkpoints kept so.
    #[must_use]
    pub fn with_checkpoint_policy(mut self, policy: CheckpointPolicy) -> Self {
        self.checkpoints.policy = policy;
        self
    }

    /// Takes the folder for this process alone, and clears what killed ones left half-written.
    fn lock(disk: Disk, path: &Path, record: &RunRecord) -> Result<Self, Error> {
        let folder = path.join(CHECKPOINTS);
        let file = folder.join(LOCK);
        let lock = disk.create(&file).map_err(Error::io(&file))?;
        try_lock(&lock).map_err(|error| match error {
            TryLockError::WouldBlock => Error::run(path, "another process is training here"),
            TryLockError::Error(error) => Error::io(&file)(error),
        })?;
        remove_litter(&disk, path)?;
        remove_litter(&disk, &folder)?;
        let (run, policy) = (record.digest(), CheckpointPolicy::default());
        let checkpoints = CheckpointFolder { folder, run, policy, disk };
        Ok(Self { path: path.into(), checkpoints, _lock: lock })
    }

    /// Whether the run in the folder `path` has come to its end.
    pub fn is_finished(path: &Path) -> bool {
        path.join("model.safetensors").exists()
    }

    /// The weights that the run in the folder `path` would end with at its newest whole checkpoint, and that one's file;
    /// nothing if it has not come to its first. Nothing is changed there: another process may be training.
    ///
    /// # Errors
    /// As [`RunRecord::read`]; [`Error::Run`] if there are checkpoints and none is whole.
    pub fn newest_weights(path: &Path, device: &Device) -> Result<Option<(Weights, PathBuf)>, Error> {
        let record = RunRecord::read(path)?;
        let (folder, run) = (path.join(CHECKPOINTS), record.digest());
        let count = Parameters::init(&record.model, 0, &Device::Cpu)?.count();
        let (newest, damaged) = newest(&folder, &run, count)?;
        let Some((checkpoint, file)) = newest else {
            return damaged.into_iter().next().map_or(Ok(None), |(_, error)| Err(error));
        };
        let parameters = Parameters::from_flat(&record.model, checkpoint.result(), device)?;
        let bytes = mnist2x2_formats::to_safetensors(&parameters)?;
        Ok(Some((Weights::from_safetensors(&bytes, &record.model, device)?, file)))
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The disk that it is on, for what a caller adds.
    pub fn disk(&self) -> &Disk {
        &self.checkpoints.disk
    }

    fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// Trains to the end of the recipe, or until `observer` stops it, and keeps everything: a checkpoint every so many steps,
    /// a line of metrics and a checkpoint after each epoch, a checkpoint where it stopped, and the model at the end.
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
            Outcome::Finished => {
                let model = trainer.result()?;
                self.save_model(&model, trainer.calibrate(&model, workers, observer)?)?;
            }
            Outcome::Stopped => self.save_checkpoint(trainer)?,
        }
        Ok(outcome)
    }

    /// Saves where `trainer` is. Older checkpoints go only once the new one is safe.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written; what was there before still is.
    pub fn save_checkpoint(&self, trainer: &Trainer) -> Result<(), Error> {
        self.checkpoints.save(trainer)
    }

    /// Puts `trainer` where the newest whole checkpoint was taken, and gives its file; nothing if the run has not come to its
    /// first. Newer ones that are damaged are told to `report` and renamed to `.damaged`, once a whole one has been found.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be read; that of the newest if none is whole, and then nothing is renamed. Otherwise as
    /// [`Trainer::restore`].
    pub fn restore(
        &self,
        trainer: &mut Trainer,
        report: impl FnMut(Error),
    ) -> Result<Option<PathBuf>, Error> {
        let count = trainer.model().parameters().count();
        let Some((checkpoint, path)) = self.checkpoints.newest(count, report)? else { return Ok(None) };
        trainer.restore(checkpoint)?;
        Ok(Some(path))
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
        self.disk().write(&path, text.as_bytes()).map_err(Error::io(&path))
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

    /// Writes the trained model and its calibration, if it has one. The weights come last: they make the folder a model
    /// folder.
    ///
    /// # Errors
    /// [`Error::Infer`] or [`Error::Weights`] if something cannot be written.
    pub fn save_model(&self, model: &Seq2Seq, calibration: Option<Calibration>) -> Result<(), Error> {
        if let Some(calibration) = calibration {
            calibration.save_on(self.disk(), &self.path)?;
        }
        Ok(mnist2x2_formats::save_on(self.disk(), model.parameters(), &self.path)?)
    }
}

/// Takes the lock, also if it is given back within half a second: a process that another thread starts holds all open files
/// until its program begins, and one that was killed until it is gone.
fn try_lock(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..20 {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(25)),
            result => return result,
        }
    }
    lock.try_lock()
}

/// Removes what [`RunFolder::create`] had made of a run, locked by this process, that could not be written down. Failures do
/// not matter: nobody else's files are touched.
fn abandon(disk: &Disk, path: &Path) {
    for file in [path.join(RECORD), path.join(CHECKPOINTS).join(LOCK)] {
        disk.remove(&file).ok();
    }
    remove_empty(disk, path);
}

/// Removes the folders of a run if nothing is in them.
fn remove_empty(disk: &Disk, path: &Path) {
    for folder in [&path.join(CHECKPOINTS), path] {
        disk.remove_folder(folder).ok();
    }
}

/// Whether there is no folder `path`, or it holds nothing but `name` and what killed writes leave.
fn holds_only(path: &Path, name: &str) -> bool {
    let is_known = |entry: DirEntry| entry.file_name() == name || is_litter(&entry.path());
    let entries = path.read_dir();
    entries.map_or(!path.exists(), |mut entries| entries.all(|entry| entry.is_ok_and(is_known)))
}

/// Writes down each epoch, and passes everything on.
struct Recorder<'a> {
    run: &'a RunFolder,
    observer: &'a mut dyn Observer,
}

impl Observer for Recorder<'_> {
    fn on_step(&mut self, trainer: &Trainer, step: &StepReport) -> Result<(), BoxError> {
        self.run.checkpoints.save_if_due(trainer)?;
        self.observer.on_step(trainer, step)
    }

    /// Metrics first: a checkpoint says that its epoch has been written down.
    fn on_epoch(&mut self, trainer: &Trainer, metrics: &EpochMetrics) -> Result<(), BoxError> {
        self.run.append_metrics(metrics)?;
        self.run.save_checkpoint(trainer)?;
        self.observer.on_epoch(trainer, metrics)
    }

    fn on_reading(&mut self, purpose: ReadingFor, done: usize, grids: usize) {
        self.observer.on_reading(purpose, done, grids);
    }

    fn should_stop(&self) -> bool {
        self.observer.should_stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_given_back_soon_is_waited_for() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let other = file.reopen().unwrap();
        other.lock().unwrap();
        assert!(matches!(try_lock(file.as_file()), Err(TryLockError::WouldBlock)), "not for ever");
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(100));
                other.unlock().unwrap();
            });
            try_lock(file.as_file()).unwrap();
        });
    }
}
