//! Readers of models and of runs, and good bytes for each.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use mnist2x2_formats::{Weights, pt, to_safetensors};
use mnist2x2_infer::{Calibration, Exposure, Temperature};
use mnist2x2_model::{Config, DType, Device, Parameters};
use mnist2x2_train::{Checkpoint, DataRecord, OptimizerState, Position, Recipe, RunRecord, with_overrides};

use crate::files::with_files;

/// The run that checkpoints are of, and the parameters of its model.
const RUN: (&str, usize) = ("run", 7);

/// The weights of a model of known sizes.
pub(crate) fn safetensors(bytes: &[u8]) {
    Weights::from_safetensors(bytes, &Config::tiny(), &Device::Cpu).ok();
}

/// In the type of the program, and in others that are converted.
pub(crate) fn safetensors_seeds() -> Vec<Vec<u8>> {
    let parameters = Parameters::init(&Config::tiny(), 0, &Device::Cpu).expect("the sizes are right");
    let converted = [DType::F64, DType::F16, DType::BF16].map(|dtype| {
        let parameters = parameters.to_dtype(dtype).expect("the CPU knows the type");
        to_safetensors(&parameters).expect("memory takes all")
    });
    [tiny_weights().into()].into_iter().chain(converted).collect()
}

/// A PyTorch state dict, by itself and as the weights of a folder.
pub(crate) fn pt(bytes: &[u8]) {
    pt::read(bytes).ok();
    with_files(&[("pt/pytorch_model.bin", bytes)], |folder| {
        Weights::load(&folder.join("pt"), &Device::Cpu).ok()
    });
}

/// By PyTorch itself, but for the first; see the scripts beside them. They are read when they are asked for, so that this
/// package builds wherever it is unpacked.
pub(crate) fn pt_seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/mnist2x2-formats/tests/fixtures");
    let seed = |name| fs::read(folder.join(name)).expect("the seeds lie in the repository");
    ["tiny.pt", "legacy.pt", "protocol4.pt", "checkpoint.ckpt"].map(seed).into()
}

/// The sizes of a model in a folder with good weights, and how it is calibrated.
pub(crate) fn config(bytes: &[u8]) {
    let weights = tiny_weights();
    with_files(&[("config.json", bytes), ("model.safetensors", weights)], |folder| {
        Weights::load(folder, &Device::Cpu).ok();
    });
    with_files(&[(Calibration::FILE, bytes)], |folder| Calibration::load(folder).ok());
}

pub(crate) fn config_seeds() -> Vec<Vec<u8>> {
    let temperature = Temperature::new(1.25).expect("above 0");
    let calibration =
        Calibration { temperature, grids: 7, nll_before: 0.5, nll_after: 0.25, exposure: Exposure::None };
    let mut sizes = serde_json::json!(Config::tiny());
    sizes["format"] = 1.into();
    vec![sizes.to_string().into(), serde_json::json!(calibration).to_string().into()]
}

/// A run's record, and settings laid over a recipe.
pub(crate) fn recipe(bytes: &[u8]) {
    let record = with_files(&[("run.toml", bytes)], RunRecord::read);
    if let Ok(RunRecord { recipe, model, .. }) = record {
        recipe.validate().ok();
        model.validate().ok();
    }
    if let Some(settings) = str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()) {
        with_overrides(&Recipe::default(), &settings, "recipe").ok();
    }
}

pub(crate) fn recipe_seeds() -> Vec<Vec<u8>> {
    let data = DataRecord {
        dataset: "mnist".into(),
        images_sha256: "0".repeat(64),
        labels_sha256: "1".repeat(64),
        writers_sha256: None,
        strokes_sha256: None,
        folder: Some("data".into()),
        strokes: None,
    };
    let record = RunRecord::new(Config::tiny(), Recipe::default(), data);
    let settings = "batch_size = 32\noptimizer.learning_rate = 1\n[augmentation]\nshift = 0.5";
    let [record, recipe] =
        [toml::to_string(&record), toml::to_string(&record.recipe)].map(|text| text.expect("TOML holds it"));
    vec![record.into(), recipe.into(), settings.into()]
}

/// Where a run had come to.
pub(crate) fn checkpoint(bytes: &[u8]) {
    with_files(&[("checkpoint", bytes)], |folder| {
        Checkpoint::load(&folder.join("checkpoint"), RUN.0, RUN.1).ok();
    });
}

pub(crate) fn checkpoint_seeds() -> Vec<Vec<u8>> {
    let ones = || vec![1.0; RUN.1];
    let position = Position { epoch: 1, step: 2, best_steps: Some(4), ..Position::default() };
    let checkpoint = Checkpoint {
        position,
        values: ones(),
        optimizer: OptimizerState { steps: 6, first_moment: ones(), second_moment: ones() },
        ema: ones(),
        best: vec![],
    };
    vec![checkpoint.to_bytes("seed".as_ref(), RUN.0).expect("its numbers are finite")]
}

/// The weights of [`Config::tiny`].
fn tiny_weights() -> &'static [u8] {
    static WEIGHTS: OnceLock<Vec<u8>> = OnceLock::new();
    WEIGHTS.get_or_init(|| {
        let parameters = Parameters::init(&Config::tiny(), 0, &Device::Cpu).expect("the sizes are right");
        to_safetensors(&parameters).expect("memory takes all")
    })
}
