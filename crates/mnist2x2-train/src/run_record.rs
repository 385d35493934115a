//! What a run was asked to do, written down beside it: `run.toml`.

use std::path::{Path, PathBuf};

use mnist2x2_formats::files::hex;
use mnist2x2_model::Config;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::settings::{RENAMED, read_toml};
use crate::{Error, Exposure, FinetuneRecord, Recipe, ValidationSplit};

/// The number of this version's arithmetic: raised by whatever changes a number that a training run computes.
///
/// 2 since the temperature of distillation divides the student's logits too; 3 since gradients of shards are added in pairs.
pub const NUMERICS: u32 = 3;

/// What a run was asked to do: `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RunRecord {
    /// The version of this crate that made the run.
    pub version: String,
    /// The number of that version's arithmetic; see [`NUMERICS`].
    #[serde(default = "first_numerics")]
    pub numerics: u32,
    /// The model's sizes.
    pub model: Config,
    /// How the model is trained.
    pub recipe: Recipe,
    /// On what.
    pub data: DataRecord,
    /// Who taught it, where the recipe distills.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teachers: Vec<ModelRecord>,
    /// Whose weights it began with, where they were not new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ModelRecord>,
    /// Whether that model was trained on digits that this run holds out; nothing where there is none, or no one looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// Where its first weights came from and which corrections it learned, where it was fine-tuned.
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecord {
    /// `mnist`, `synthetic`, or `own` for any other.
    pub dataset: String,
    /// SHA-256 of the training images, unpacked.
    pub images_sha256: String,
    /// SHA-256 of the training labels, unpacked.
    pub labels_sha256: String,
    /// SHA-256 of the numbers of the digits' writers, where writers are held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writers_sha256: Option<String>,
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
            let Self { dataset, images_sha256, labels_sha256, writers_sha256, strokes_sha256, .. } =
                data.clone();
            (dataset, images_sha256, labels_sha256, writers_sha256, strokes_sha256)
        };
        identity(self) == identity(other)
    }
}

impl RunRecord {
    /// A run by this version that learns from `data` alone, with new weights.
    pub fn new(model: Config, recipe: Recipe, data: DataRecord) -> Self {
        let version = env!("CARGO_PKG_VERSION").into();
        let (teachers, numerics) = (Vec::new(), NUMERICS);
        Self { version, numerics, model, recipe, data, teachers, from: None, exposure: None, finetune: None }
    }

    /// Reads `run.toml` in the folder `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if there is none, [`Error::Run`] if it cannot be understood.
    pub fn read(path: &Path) -> Result<Self, Error> {
        read_toml(&path.join("run.toml"))
    }

    /// How this run held digits out, whatever its recipe wished for.
    pub fn split(&self) -> ValidationSplit {
        if self.data.writers_sha256.is_some() { ValidationSplit::Writers } else { ValidationSplit::Last }
    }

    /// Whether this run's model was trained on digits that a run on `data` by `recipe` holds out.
    pub fn exposure(&self, data: &DataRecord, recipe: &Recipe) -> Exposure {
        let is_first = self.from.is_none() && self.finetune.is_none();
        let earlier = self.exposure.unwrap_or(if is_first { Exposure::None } else { Exposure::Unknown });
        let digits = |data: &DataRecord| [data.images_sha256.clone(), data.labels_sha256.clone()];
        let is_drawn = |data: &DataRecord| data.dataset == "synthetic";
        if is_drawn(&self.data) != is_drawn(data) {
            return if is_first { Exposure::None } else { Exposure::Unknown };
        }
        if digits(&self.data) != digits(data) {
            return Exposure::Unknown;
        }
        let (own, new) = (self.recipe.validation_fraction, recipe.validation_fraction);
        let holds_the_same_out = match (&self.data.writers_sha256, &data.writers_sha256) {
            (None, None) => own > new - f64::EPSILON,
            (own_writers, writers) => own_writers == writers && (own - new).abs() < f64::EPSILON,
        };
        if holds_the_same_out { earlier } else { Exposure::Trained }
    }

    /// The record without where things lie on the machine that trains.
    #[must_use]
    pub fn without_paths(mut self) -> Self {
        (self.data.folder, self.data.strokes) = (None, None);
        for model in self.teachers.iter_mut().chain(&mut self.from) {
            model.path = model.path.file_name().map(PathBuf::from).unwrap_or_default();
        }
        if let Some(finetune) = &mut self.finetune {
            finetune.base = "another model".into();
        }
        self
    }

    /// A digest of all that decides the outcome, wherever its files lie: that of all processes of a group is the same.
    pub fn identity(&self) -> [u8; 32] {
        Sha256::digest(serde_json::to_vec(&self.clone().without_paths()).unwrap_or_default()).into()
    }

    /// Makes sure that this program computes what the run's own would have.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence about `run.toml`.
    pub(crate) fn check_numerics(&self) -> Result<(), String> {
        let Self { version, numerics, .. } = self;
        if *numerics == NUMERICS {
            return Ok(());
        }
        Err(format!(
            "the run was begun by version {version}, whose arithmetic (`numerics = {numerics}`) differs from this program's \
            ({NUMERICS}): go on with that version, or train anew"
        ))
    }

    /// What tells this run from others: a digest of all it was asked to do, in the words of version 0.1.0, so that its
    /// checkpoints are known again.
    pub(crate) fn digest(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        for (_, old, new) in RENAMED {
            text = text.replace(&format!("\"{new}\":"), &format!("\"{old}\":"));
        }
        let fraction = self.recipe.validation_fraction;
        let one_in = if fraction > 0.0 { fraction.recip().round() } else { 0.0 };
        if one_in == 0.0 || (one_in.recip() - fraction).abs() < f64::EPSILON {
            let key = "\"validate_one_in\":";
            text = text.replace(&format!("{key}{}", json!(fraction)), &format!("{key}{one_in}"));
        }
        // What that version did not know, and did so.
        let text = text.replace("\"validation_split\":\"last\",", "");
        let text = text.replace("\"blanks\":0.0,\"one_writer\":0.0,\"distractors\":0.0,\"overlap\":0.4,", "");
        let text = text.replace("\"rare_fraction\":0.0,", "");
        hex(&Sha256::digest(text.replace(&format!("\"numerics\":{},", self.numerics), "")))
    }
}

/// The arithmetic of version 0.1.0, whose records do not say.
fn first_numerics() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(images: &str, writers: Option<&str>) -> DataRecord {
        let writers_sha256 = writers.map(Into::into);
        DataRecord {
            dataset: "mnist".into(),
            images_sha256: images.into(),
            writers_sha256,
            ..DataRecord::default()
        }
    }

    fn recipe(validation_fraction: f64) -> Recipe {
        Recipe { validation_fraction, ..Recipe::reference() }
    }

    #[test]
    fn a_model_knows_the_digits_that_its_run_did_not_hold_out() {
        let record = |data, fraction| RunRecord::new(Config::reference(), recipe(fraction), data);
        let people = || data("a", Some("w"));
        for (of, fraction, now, new_fraction, expected) in [
            (data("a", None), 0.1, data("a", None), 0.1, Exposure::None),
            (data("a", None), 0.2, data("a", None), 0.1, Exposure::None),
            (data("a", None), 0.0, data("a", None), 0.1, Exposure::Trained),
            (data("a", None), 0.05, data("a", None), 0.1, Exposure::Trained),
            (data("a", None), 0.1, people(), 0.1, Exposure::Trained),
            (people(), 0.1, people(), 0.1, Exposure::None),
            (people(), 0.1, people(), 0.2, Exposure::Trained),
            (people(), 0.1, data("a", None), 0.1, Exposure::Trained),
            (data("b", None), 0.1, data("a", None), 0.1, Exposure::Unknown),
            (
                DataRecord { dataset: "synthetic".into(), ..data("b", None) },
                0.1,
                data("a", None),
                0.1,
                Exposure::None,
            ),
        ] {
            let found = record(of.clone(), fraction).exposure(&now, &recipe(new_fraction));
            assert_eq!(found, expected, "{of:?} {fraction} {now:?} {new_fraction}");
        }
    }

    #[test]
    fn what_an_earlier_model_knew_is_not_forgotten() {
        let mut record = RunRecord::new(Config::reference(), recipe(0.1), data("a", None));
        record.from = Some(ModelRecord { path: "earlier".into(), sha256: String::new() });
        for (known, expected) in [
            (None, Exposure::Unknown),
            (Some(Exposure::None), Exposure::None),
            (Some(Exposure::Trained), Exposure::Trained),
        ] {
            record.exposure = known;
            assert_eq!(record.exposure(&data("a", None), &recipe(0.1)), expected);
            assert_eq!(record.exposure(&data("a", None), &recipe(0.2)), Exposure::Trained);
        }
    }
}
