//! `export --format hf`: the files of a folder for the Hugging Face Hub.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use mnist2x2::formats::{MODELING, model_files};
use mnist2x2::infer::Calibration;
use mnist2x2::train::RunRecord;
use mnist2x2::{Device, Recognizer, Weights};
use serde_json::json;

use super::card::Card;
use super::figures::Figures;
use super::onnx::{self, Files, preprocessor};
use crate::model::{Documents, ModelArgs};

/// What the card is told.
#[derive(clap::Args)]
pub(super) struct CardArgs {
    /// The figures of the card: what `eval --json` printed about this model [default: evaluation.json beside the model]
    #[arg(long, value_name = "FILE")]
    evaluation: Option<PathBuf>,
    /// The license of the card, by its name on the Hub, such as apache-2.0 [default: that of the built-in models, else none]
    #[arg(long, value_name = "NAME")]
    license: Option<String>,
}

impl CardArgs {
    /// The first option that is given.
    pub(super) fn given(&self) -> Option<&'static str> {
        let license = self.license.as_ref().map(|_| "--license");
        self.evaluation.as_ref().map(|_| "--evaluation").or(license)
    }
}

/// What is known about the model goes into the folder beside it, so that our program learns as much from the copy. The tensors come
/// last: where they are, the folder is complete.
pub(super) fn files(
    model: &ModelArgs,
    recognizer: &Recognizer,
    out: &Path,
    args: &CardArgs,
) -> anyhow::Result<Files> {
    let parameters = recognizer.model().parameters();
    let [config, tensors] = model_files(parameters)?;
    let sha256 = Weights::from_safetensors(&tensors.1, parameters.config(), &Device::Cpu)?.digest;
    let documents = model.documents()?;
    let figures = figures(args, &documents, recognizer.digest())?;
    let record = model.record().map(RunRecord::without_paths);
    let card = Card {
        name: &name(out),
        recognizer,
        sha256: &sha256,
        license: args.license.as_deref(),
        figures: figures.as_ref(),
        record: record.as_ref(),
        documents: &documents,
    };
    let mut files = vec![("README.md".to_owned(), card.text()?.into_bytes())];
    let mut add = |name: &str, bytes: Vec<u8>| files.push((name.into(), bytes));
    add("modeling_mnist2x2.py", MODELING.into());
    add("preprocessor_config.json", preprocessor(parameters.config()));
    for (name, bytes) in onnx::files(parameters)? {
        add(&format!("onnx/{name}"), bytes);
    }
    if let Some(figures) = &figures {
        add("evaluation.json", format!("{:#}\n", figures.of_model(&sha256)).into());
    }
    if let Some(record) = &record {
        add("run.toml", toml::to_string_pretty(record)?.into());
    }
    if let Some(metrics) = &documents.metrics {
        add("metrics.jsonl", metrics.clone().into());
    }
    if let Some(calibration) = recognizer.calibration() {
        add(Calibration::FILE, format!("{:#}\n", json!(calibration)).into());
    }
    add(config.0, config.1);
    add(tensors.0, tensors.1);
    Ok(files)
}

/// What the model is called: as its folder is.
fn name(out: &Path) -> String {
    out.file_name().map_or_else(|| "mnist2x2".into(), |name| name.to_string_lossy().into_owned())
}

/// The figures in the file that is named, else in that beside the model.
fn figures(args: &CardArgs, documents: &Documents, model: &str) -> anyhow::Result<Option<Figures>> {
    let (text, file) = match &args.evaluation {
        Some(file) => {
            let text = std::fs::read_to_string(file);
            (Some(text.with_context(|| format!("{} cannot be read", file.display()))?), file.clone())
        }
        None => (documents.evaluation.clone(), PathBuf::from("the model's evaluation.json")),
    };
    let Some(text) = text else { return Ok(None) };
    let again = "write it again with `mnist2x2 eval --json --model MODEL > FILE`";
    let figures = Figures::read(&text);
    let figures = figures.with_context(|| {
        format!("{} is not what `eval --json` prints about test grids; {again}", file.display())
    })?;
    ensure!(
        figures.model_sha256 == model,
        "{} is about the model with SHA-256 {}, and this one has {model}; {again}",
        file.display(),
        figures.model_sha256
    );
    Ok(Some(figures))
}
