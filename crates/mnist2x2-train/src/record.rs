//! What a run was asked to do, written down beside it.

use std::path::{Path, PathBuf};

use mnist2x2_formats::files::hex;
use mnist2x2_model::Config;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::overrides::read_toml;
use crate::{Error, FinetuneRecord, Recipe};

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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teachers: Vec<ModelRecord>,
    /// Whose weights it began with, where they were not new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ModelRecord>,
    /// Where its first weights came from and which corrections it learnt, where it was fine-tuned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finetune: Option<FinetuneRecord>,
}

/// A model that a run learns from or begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
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
    /// The folder that MNIST's files were in, so that a run that goes on finds them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Where the file of pen strokes was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strokes: Option<PathBuf>,
}

impl DataRecord {
    /// Whether these are the same data, wherever they lie now.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let identity = |data: &Self| {
            let Self { dataset, images_sha256, labels_sha256, strokes_sha256, .. } = data.clone();
            (dataset, images_sha256, labels_sha256, strokes_sha256)
        };
        identity(self) == identity(other)
    }
}

impl RunRecord {
    /// A run by this version that learns from `data` alone, with new weights.
    pub fn new(model: Config, recipe: Recipe, data: DataRecord) -> Self {
        let version = env!("CARGO_PKG_VERSION").into();
        Self { version, model, recipe, data, teachers: Vec::new(), from: None, finetune: None }
    }

    /// Reads `run.toml` in the folder `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if there is none, [`Error::Run`] if it cannot be understood.
    pub fn read(path: &Path) -> Result<Self, Error> {
        read_toml(&path.join("run.toml"))
    }

    /// What tells this run from others: a digest of all it was asked to do.
    pub(crate) fn digest(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        hex(&Sha256::digest(text))
    }
}
