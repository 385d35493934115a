//! The folder of a run's checkpoints: when one is written, and which of them stay.

use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use mnist2x2_formats::files::Disk;

use crate::{Checkpoint, Error, Trainer};

/// What interrupted writes leave behind ends so.
const LITTER: &str = "partial";

/// When a run is saved, and how many checkpoints stay.
///
/// A checkpoint is taken after each epoch and where a run is interrupted, in any case. The one of the best epoch stays
/// beside the last ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointPolicy {
    /// Steps from one checkpoint to the next: what a run loses at most when the process is killed.
    pub every_steps: NonZeroU64,
    /// How many of the last ones stay.
    pub keep_last: NonZeroUsize,
}

impl Default for CheckpointPolicy {
    /// Every 500 steps, some five seconds of the published model; the last three.
    fn default() -> Self {
        Self {
            every_steps: NonZeroU64::new(500).expect("not zero"),
            keep_last: NonZeroUsize::new(3).expect("not zero"),
        }
    }
}

/// The folder of a run's checkpoints, named by the steps taken.
#[derive(Debug)]
pub(crate) struct CheckpointFolder {
    pub(crate) folder: PathBuf,
    /// The digest of the run that they are of.
    pub(crate) run: String,
    pub(crate) policy: CheckpointPolicy,
    pub(crate) disk: Disk,
}

impl CheckpointFolder {
    /// [`CheckpointFolder::save`] after every so many steps.
    pub(crate) fn save_if_due(&self, trainer: &Trainer) -> Result<(), Error> {
        let is_due = trainer.steps().is_multiple_of(self.policy.every_steps.get());
        if is_due { self.save(trainer) } else { Ok(()) }
    }

    /// Saves where `trainer` is. Older ones go only once the new one is safe.
    pub(crate) fn save(&self, trainer: &Trainer) -> Result<(), Error> {
        let path = self.path(trainer.steps());
        let bytes = trainer.checkpoint().to_bytes(&path, &self.run)?;
        self.disk.write(&path, &bytes).map_err(Error::io(&path))?;
        let best = trainer.position().best_steps.map(|steps| self.path(steps));
        for old in files(&self.folder)?.into_iter().rev().skip(self.policy.keep_last.get()) {
            if Some(&old) != best.as_ref() {
                self.disk.remove(&old).map_err(Error::io(&old))?;
            }
        }
        Ok(())
    }

    /// The newest whole one of a model of `count` parameters; see [`crate::RunFolder::restore`].
    pub(crate) fn newest(
        &self,
        count: usize,
        mut report: impl FnMut(Error),
    ) -> Result<Option<(Checkpoint, PathBuf)>, Error> {
        let (newest, damaged) = newest(&self.folder, &self.run, count)?;
        match newest {
            Some(newest) => {
                for (path, error) in damaged {
                    self.set_aside(&path)?;
                    report(error);
                }
                Ok(Some(newest))
            }
            None => damaged.into_iter().next().map_or(Ok(None), |(_, error)| Err(error)),
        }
    }

    fn path(&self, steps: u64) -> PathBuf {
        self.folder.join(format!("step-{steps:09}.safetensors"))
    }

    /// Renames a damaged one, to no name that is taken.
    fn set_aside(&self, path: &Path) -> Result<(), Error> {
        let names = (1..).map(|n| path.with_extension(format!("damaged-{n}")));
        let free = names.into_iter().find(|name| !name.exists()).unwrap_or_default();
        self.disk.rename(path, &free).map_err(Error::io(path))
    }
}

/// A checkpoint and its file, if there is a whole one; and the newer ones that are damaged, newest first.
type Newest = (Option<(Checkpoint, PathBuf)>, Vec<(PathBuf, Error)>);

/// The newest whole one in `folder` of the run `run` and of a model of `count` parameters.
pub(crate) fn newest(folder: &Path, run: &str, count: usize) -> Result<Newest, Error> {
    let mut damaged = Vec::new();
    for path in files(folder)?.into_iter().rev() {
        match Checkpoint::load(&path, run, count) {
            Ok(checkpoint) => return Ok((Some((checkpoint, path)), damaged)),
            Err(error @ Error::Run { .. }) => damaged.push((path, error)),
            Err(error) => return Err(error),
        }
    }
    Ok((None, damaged))
}

/// All checkpoints in `folder`, oldest first.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = paths_in(folder)?;
    paths.retain(|path| has_extension(path, "safetensors"));
    paths.sort();
    Ok(paths)
}

/// Removes what processes that were killed in the middle of a write left in `folder`, which no other may be writing to.
pub(crate) fn remove_litter(disk: &Disk, folder: &Path) -> Result<(), Error> {
    let litter = paths_in(folder)?.into_iter().filter(|path| is_litter(path));
    litter.into_iter().try_for_each(|path| disk.remove(&path).map_err(Error::io(&path)))
}

/// Whether an interrupted write left this file.
pub(crate) fn is_litter(path: &Path) -> bool {
    has_extension(path, LITTER)
}

fn paths_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(Error::io(folder))
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}
