//! What `eval --json` counted, as a card shows it.

use anyhow::ensure;
use mnist2x2::data::Layout;
use mnist2x2::report::{Share, grouped};
use serde::Deserialize;
use serde_json::Value;

use crate::console::percent;
use crate::layout_args::described;

/// Figures of one evaluation. Shares are taken from the counts.
#[derive(Deserialize)]
pub(super) struct Figures {
    pub(super) model_sha256: String,
    pub(super) dataset: String,
    pub(super) grids: String,
    pub(super) layout: String,
    #[serde(default)]
    blanks: f64,
    pub(super) pictures: Option<u32>,
    pub(super) sequences: u64,
    pub(super) sequences_correct: u64,
    digits: u64,
    digits_correct: u64,
    sequence_interval: [f64; 2],
    digit_interval: [f64; 2],
    interval_unit: String,
    calibration_error: Option<f64>,
    #[serde(skip)]
    all: Value,
}

impl Figures {
    /// Those in the JSON `text`.
    pub(super) fn read(text: &str) -> anyhow::Result<Self> {
        let all: Value = serde_json::from_str(text)?;
        let figures: Self = serde_json::from_value(all.clone())?;
        for (correct, of) in figures.counts() {
            ensure!(of > 0 && correct <= of, "{correct} of {of} cannot be right");
        }
        Ok(Self { all, ..figures })
    }

    /// The same JSON about a copy of the model that has this digest.
    pub(super) fn of_model(&self, sha256: &str) -> Value {
        let mut all = self.all.clone();
        all["model_sha256"] = sha256.into();
        all
    }

    fn counts(&self) -> [(u64, u64); 2] {
        [(self.sequences_correct, self.sequences), (self.digits_correct, self.digits)]
    }

    /// What was read, in words.
    pub(super) fn subject(&self) -> anyhow::Result<String> {
        let layout = self.layout.parse::<Layout>()?.with_blanks(self.blanks)?;
        let file =
            self.pictures.map(|width| format!(", from PNG files {width} pixels wide")).unwrap_or_default();
        let (count, grids) = (grouped(self.sequences), &self.grids);
        Ok(format!("{count} {grids} {} of the test split{file}", described(layout, &self.dataset_name())))
    }

    fn dataset_name(&self) -> String {
        if self.dataset == "mnist" { "MNIST".into() } else { self.dataset.clone() }
    }

    /// Their entry in a card's front matter, in YAML.
    pub(super) fn model_index(&self, name: &str) -> anyhow::Result<String> {
        let id = if self.dataset == "mnist" { "ylecun/mnist" } else { &self.dataset };
        let [name, id, subject] = [name, id, &self.subject()?].map(Value::from); // quoted, as YAML has it too
        let metric = |(name, (correct, of)): (&str, (u64, u64))| {
            let value = 100.0 * correct as f64 / of as f64;
            format!(
                "          - type: accuracy\n            name: {name}, percent\n            value: {value:.2}\n"
            )
        };
        let metrics = ["sequence accuracy", "digit accuracy"].into_iter().zip(self.counts()).map(metric);
        Ok(format!(
            "model-index:\n  - name: {name}\n    results:\n      - task:\n          type: image-to-text\n          name: Reading \
             digits\n        dataset:\n          type: {id}\n          name: {subject}\n          split: test\n        metrics:\n{}",
            metrics.collect::<Vec<_>>().concat()
        ))
    }

    /// A table in Markdown, and how it was made.
    pub(super) fn table(&self) -> anyhow::Result<String> {
        let row = |name, [low, high]: [f64; 2], (right, of)| {
            let value = percent(Share { right, of }.value().unwrap_or_default());
            let (right, of, low, high) = (grouped(right), grouped(of), percent(low), percent(high));
            format!("| {name} | {value} ({right} of {of}) | {low} to {high} |")
        };
        let [sequences, digits] = self.counts();
        let error = self.calibration_error.map_or("unknown".into(), percent);
        Ok(format!(
            "Greedy decoding of {}:\n\n| | | 95 % interval |\n|---|--:|---|\n{}\n{}\n\n\
             {} Intervals resample the {}s of \
             the test split. The expected calibration error of a sequence's confidence is {error}. `evaluation.json` has all of it: what \
             `mnist2x2 eval --json` printed.",
            self.subject()?,
            row(
                "sequences of which every digit is right, none missing and none too many",
                self.sequence_interval,
                sequences
            ),
            row("digits that are right", self.digit_interval, digits),
            match &*self.grids {
                "reference" =>
                    "*Reference* means a fixed list of test digits, which the seed of the published model drew.",
                "one-writer" =>
                    "*One-writer* means that one person wrote all digits of a picture, and no digit is in two.",
                _ => "",
            },
            self.interval_unit,
        ))
    }
}
