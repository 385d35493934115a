//! `--model`: the model to use.

use std::path::{Path, PathBuf};

use mnist2x2::data::GridShape;
use mnist2x2::train::RunRecord;
use mnist2x2::{Config, Device, Recognizer};

/// The model to use.
#[derive(clap::Args)]
pub(crate) struct ModelArgs {
    /// A model folder, a .safetensors or a PyTorch .pt [default: the model built into this program]
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
}

impl ModelArgs {
    /// The model at `path`.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { model: Some(path) }
    }

    pub(crate) fn load(&self, device: &Device) -> anyhow::Result<Recognizer> {
        Ok(match &self.model {
            Some(path) => Recognizer::load(path, device)?,
            None => Recognizer::built_in(device)?,
        })
    }

    /// Where the model comes from, in words.
    pub(crate) fn origin(&self) -> String {
        let Some(path) = &self.model else { return "built into this program".into() };
        let trained_on = trained_on(path).map(|dataset| format!(", trained on {dataset} digits"));
        format!("{}{}", path.display(), trained_on.unwrap_or_default())
    }
}

/// The layout of the digits in the model's images.
pub(crate) fn grid_shape(config: &Config) -> GridShape {
    GridShape { rows: config.rows, cols: config.cols }
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

/// The data set that a model was trained on, if the model is a run's folder.
fn trained_on(path: &Path) -> Option<String> {
    Some(RunRecord::read(path).ok()?.data.dataset)
}
