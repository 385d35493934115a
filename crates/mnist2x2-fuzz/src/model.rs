//! Readers of models and of runs.

use mnist2x2_formats::{Weights, pt};
use mnist2x2_infer::Calibration;
use mnist2x2_model::{Config, Device};
use mnist2x2_train::{Checkpoint, Recipe, RunRecord, with_overrides};

use crate::scratch::with_files;
use crate::seeds;

/// The run that checkpoints are of, and the parameters of its model.
pub(crate) const RUN: (&str, usize) = ("run", 7);

/// The weights of a model of known sizes.
pub(crate) fn safetensors(bytes: &[u8]) {
    Weights::from_safetensors(bytes, &Config::tiny(), &Device::Cpu).ok();
}

/// A PyTorch state dict.
pub(crate) fn pt(bytes: &[u8]) {
    pt::read(bytes).ok();
}

/// The sizes of a model in a folder with good weights, and how it is calibrated.
pub(crate) fn config(bytes: &[u8]) {
    let weights = seeds::tiny_weights();
    with_files(&[("config.json", bytes), ("model.safetensors", weights)], |folder| {
        Weights::load(folder, &Device::Cpu).ok();
    });
    with_files(&[(Calibration::FILE, bytes)], |folder| Calibration::load(folder).ok());
}

/// A run's record, and settings laid over a recipe.
pub(crate) fn recipe(bytes: &[u8]) {
    let record = with_files(&[("run.toml", bytes)], RunRecord::read);
    if let Ok(RunRecord { recipe, model, .. }) = record {
        recipe.validate().ok();
        model.validate().ok();
    }
    if let Some(settings) = str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()) {
        with_overrides(&Recipe::recommended(0), &settings, "recipe").ok();
    }
}

/// Where a run had come to.
pub(crate) fn checkpoint(bytes: &[u8]) {
    with_files(&[("checkpoint", bytes)], |folder| {
        Checkpoint::load(&folder.join("checkpoint"), RUN.0, RUN.1).ok();
    });
}
