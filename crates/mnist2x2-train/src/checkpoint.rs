//! Everything that a run needs to go on, in one file; `checkpoint_folder` writes it, and says when.
//!
//! A `.safetensors` of flat tensors; its only metadata is a line of JSON with the position, the optimizer's step
//! count, and a SHA-256 over both and the numbers, so that damage anywhere is noticed.

use std::collections::HashMap;
use std::fmt::Display;
use std::path::Path;

use mnist2x2_formats::files::hex;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, OptimizerState};

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs finished.
    pub epoch: u64,
    /// Steps finished in the epoch after those.
    pub step: usize,
    /// Sum over the epoch's grids so far of their loss.
    pub loss_sum: f64,
    /// Grids of the epoch so far.
    pub grids: u64,
    /// Seconds spent on them.
    pub seconds: f64,
    /// The share of validation grids that the best epoch so far read, where the recipe keeps the best.
    pub best_accuracy: Option<f64>,
    /// How many steps had been taken at its end.
    pub best_steps: Option<u64>,
}

/// All that changes in a run from step to step.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// How far the run has come.
    pub position: Position,
    /// The parameters, in flat order.
    pub values: Vec<f32>,
    /// What the optimizer remembers.
    pub optimizer: OptimizerState,
    /// The exponential moving average of the parameters; empty if the recipe has none.
    pub ema: Vec<f32>,
    /// The weights of the best epoch so far; empty before the first, or if the recipe keeps the last.
    pub best: Vec<f32>,
}

/// The metadata of a checkpoint's file.
#[derive(Serialize, Deserialize)]
struct Header {
    /// Which run it is of: a digest of what the run was asked to do.
    run: String,
    position: Position,
    #[serde(alias = "optimiser_steps")]
    optimizer_steps: u64,
    sha256: String,
}

const KEY: &str = "checkpoint";
const TENSORS: [&str; 5] = ["parameters", "adam.first_moment", "adam.second_moment", "ema", "best"];
/// The name of [`TENSORS`]' fourth in version 0.1.0.
const EMA_BEFORE: &str = "average";

impl Checkpoint {
    /// The weights that the run would end with now: of the best epoch where the recipe keeps that, averaged where it
    /// averages them.
    pub(crate) fn result(&self) -> &[f32] {
        [&self.best, &self.ema].into_iter().find(|weights| !weights.is_empty()).unwrap_or(&self.values)
    }

    /// The bytes of the file at `path` for this checkpoint of the run `run`.
    ///
    /// # Errors
    /// [`Error::Run`] if a number in it has no form as JSON.
    pub fn to_bytes(&self, path: &Path, run: &str) -> Result<Vec<u8>, Error> {
        let failed = |error: &dyn Display| Error::run(path, format!("cannot be put into a file ({error})"));
        let parts = self.parts().map(to_bytes);
        let header = Header {
            run: run.into(),
            position: self.position,
            optimizer_steps: self.optimizer.steps,
            sha256: self.digest(&parts, run),
        };
        let header = serde_json::to_string(&header).map_err(|error| failed(&error))?;
        let views = TENSORS.iter().zip(&parts).map(|(name, bytes)| {
            TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes).map(|view| (*name, view))
        });
        let views = views.collect::<Result<Vec<_>, _>>().map_err(|error| failed(&error))?;
        let metadata = HashMap::from([(KEY.to_string(), header)]);
        safetensors::serialize(views, Some(metadata)).map_err(|error| failed(&error))
    }

    /// Reads the checkpoint at `path`, which must be of the run `run` and of a model of `count` parameters.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Run`] if it is damaged or of another run or model.
    pub fn load(path: &Path, run: &str, count: usize) -> Result<Self, Error> {
        let file = std::fs::read(path).map_err(Error::io(path))?;
        Self::parse(&file, run, count).map_err(|problem| Error::run(path, problem))
    }

    pub(crate) fn parse(file: &[u8], run: &str, count: usize) -> Result<Self, String> {
        let damaged = |what: &dyn Display| format!("damaged checkpoint ({what})");
        let (_, metadata) = SafeTensors::read_metadata(file).map_err(|error| damaged(&error))?;
        let header = metadata.metadata().as_ref().and_then(|map| map.get(KEY)).ok_or("is no checkpoint")?;
        let header: Header = serde_json::from_str(header).map_err(|error| damaged(&error))?;
        let tensors = SafeTensors::deserialize(file).map_err(|error| damaged(&error))?;
        let read =
            |name| tensors.tensor(name).map(|view| to_floats(view.data())).map_err(|error| damaged(&error));
        let checkpoint = Self {
            position: header.position,
            values: read(TENSORS[0])?,
            optimizer: OptimizerState {
                steps: header.optimizer_steps,
                first_moment: read(TENSORS[1])?,
                second_moment: read(TENSORS[2])?,
            },
            ema: read(TENSORS[3]).or_else(|_| read(EMA_BEFORE))?,
            best: read(TENSORS[4])?,
        };
        if checkpoint.digest(&checkpoint.parts().map(to_bytes), &header.run) != header.sha256 {
            return Err(damaged(&"its digest does not match"));
        }
        if header.run != run {
            return Err("was made under another run.toml; put that one back".into());
        }
        let [whole @ .., ema, best] = checkpoint.parts();
        let fits = |part: &[f32]| part.len() == count;
        if !whole.into_iter().all(fits) || ![ema, best].into_iter().all(|p| p.is_empty() || fits(p)) {
            let found = checkpoint.values.len();
            return Err(format!("is a checkpoint of {found} parameters, but the model has {count}"));
        }
        Ok(checkpoint)
    }

    fn parts(&self) -> [&[f32]; 5] {
        let OptimizerState { first_moment, second_moment, .. } = &self.optimizer;
        [&self.values, first_moment, second_moment, &self.ema, &self.best]
    }

    fn digest(&self, parts: &[Vec<u8>], run: &str) -> String {
        let Position { epoch, step, loss_sum, grids, seconds, best_accuracy, best_steps } = self.position;
        let mut hash = Sha256::new();
        hash.update(run);
        let (loss_sum, seconds) = (loss_sum.to_bits(), seconds.to_bits());
        let best = [best_accuracy.map_or(u64::MAX, f64::to_bits), best_steps.unwrap_or(u64::MAX)];
        for word in [epoch, step as u64, loss_sum, grids, seconds, self.optimizer.steps].iter().chain(&best) {
            hash.update(word.to_le_bytes());
        }
        for part in parts {
            hash.update(part);
        }
        hex(&hash.finalize())
    }
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn to_floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            position: Position {
                epoch: 3,
                step: 5,
                loss_sum: 0.1 + 0.2,
                grids: 77,
                seconds: 0.7,
                best_accuracy: Some(0.1),
                best_steps: Some(30),
            },
            values: vec![1.0, -2.5],
            optimizer: OptimizerState {
                steps: 41,
                first_moment: vec![0.1, f32::MIN_POSITIVE],
                second_moment: vec![3.0, 4.0],
            },
            ema: vec![1.5, -2.25],
            best: Vec::new(),
        }
    }

    #[test]
    fn a_checkpoint_comes_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        std::fs::write(&path, checkpoint().to_bytes(&path, "mine").unwrap()).unwrap();
        assert_eq!(Checkpoint::load(&path, "mine", 2).unwrap(), checkpoint());
        let message = Checkpoint::load(&path, "other", 2).unwrap_err().to_string();
        assert!(message.contains("another run.toml"), "{message}");
        let message = Checkpoint::load(&path, "mine", 3).unwrap_err().to_string();
        assert!(message.ends_with("of 2 parameters, but the model has 3"), "{message}");
    }

    #[test]
    fn a_flipped_bit_or_a_missing_end_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        std::fs::write(&path, checkpoint().to_bytes(&path, "mine").unwrap()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            let flipped = Checkpoint::parse(&damaged, "mine", 2);
            assert!(flipped.is_err() || flipped == Ok(checkpoint()), "byte {place} flipped unnoticed");
            assert!(Checkpoint::parse(&whole[..place], "mine", 2).is_err(), "cut at {place} unnoticed");
        }
    }
}
