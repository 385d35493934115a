//! The card of an exported model: what it is, what it fails at, how it was trained and judged, as far as that is known.

use mnist2x2::data::Layout;
use mnist2x2::report::grouped;
use mnist2x2::train::{EpochMetrics, RunRecord};
use mnist2x2::{Config, Recognizer};

use super::figures::Figures;
use crate::console::percent;
use crate::layout_args::described;
use crate::model::{Documents, patches};

/// The card, with `{words}` where something is filled in.
const TEMPLATE: &str = include_str!("card.md");
/// The license that stands on the cards of built-in models.
const LICENSE: &str = "mit";

/// What a card is made of.
pub(super) struct Card<'a> {
    pub(super) name: &'a str,
    pub(super) recognizer: &'a Recognizer,
    /// SHA-256 of the exported tensors.
    pub(super) sha256: &'a str,
    pub(super) license: Option<&'a str>,
    pub(super) figures: Option<&'a Figures>,
    pub(super) record: Option<&'a RunRecord>,
    pub(super) documents: &'a Documents,
}

impl Card<'_> {
    /// The card in Markdown, behind its front matter.
    pub(super) fn text(&self) -> anyhow::Result<String> {
        let license = self.license.or(self.documents.card.map(|_| LICENSE));
        let model_index = self.figures.map(|figures| figures.model_index(self.name)).transpose()?;
        let layout = self.recognizer.layout();
        let words = [
            ("license", license.map(|name| format!("license: {name}\n")).unwrap_or_default()),
            ("datasets", self.datasets().into()),
            ("model_index", model_index.unwrap_or_default()),
            ("name", self.name.into()),
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("parameters", grouped(self.recognizer.model().parameters().count() as u64)),
            ("reads", self.reads()),
            ("writes", writes(layout)),
            ("network", network(self.config())),
            ("sha256", self.sha256.into()),
            ("look", self.look()),
            ("purpose", purpose(layout).into()),
            ("limits", self.limits()),
            ("training", self.training()?),
            ("judged", self.judged()?),
            ("files", self.files()),
            ("license_text", self.license_text(license)),
        ];
        Ok(words
            .iter()
            .fold(TEMPLATE.into(), |text, (word, value)| text.replace(&format!("{{{word}}}"), value)))
    }

    fn config(&self) -> &Config {
        self.recognizer.model().config()
    }

    /// What it was trained on, where the Hub has that.
    fn datasets(&self) -> &'static str {
        let is_mnist = self.record.is_some_and(|record| record.data.dataset == "mnist");
        if is_mnist { "datasets:\n  - ylecun/mnist\n" } else { "" }
    }

    fn size(&self) -> String {
        format!("{} x {} pixels (width x height)", self.config().image_width(), self.config().image_height())
    }

    fn reads(&self) -> String {
        format!("{}, in pictures of {}", described(self.recognizer.layout(), "handwritten"), self.size())
    }

    fn look(&self) -> String {
        format!(
            "light ink on a dark ground, {}, or an enlargement of that. Each digit looks as MNIST's do: some 20 of 28 pixels high, a \
             stroke of two to three pixels, gray at its edges.",
            self.size()
        )
    }

    /// What holds for every model of its kind, and what was measured of a built-in one.
    fn limits(&self) -> String {
        let last = match self.recognizer.layout() {
            Layout::Line { .. } => "Digits above one another are not read.",
            Layout::Scatter { .. } => "Digits that overlap are not read.",
            _ => "Another arrangement has to be cut and put together first.",
        };
        let calibration =
            self.recognizer.calibration().map_or(", and was not calibrated".into(), |calibration| {
                let temperature = calibration.temperature.get();
                format!(", with logits divided by the temperature in `calibration.json`, {temperature:.3}")
            });
        let every = format!(
            "- Photographs, scans, dark ink on paper, digits of other sizes and places: the files in Python take a picture as it is. \
             `mnist2x2 predict` finds the digits and brings them to MNIST's look.\n\
             - Being sure only where it is right. The probability of a reading is the product of its tokens' \
             probabilities{calibration}. It is high for some wrong readings.\n"
        );
        let most = self.config().max_digits();
        let of_kind = || {
            format!(
                "- What is no digit, such as a letter or a scribble: it may be read as one.\n\
                 - Ways to write a digit that its training data does not have.\n\
                 - More than {most} digits. {last}\n"
            )
        };
        every + &self.built_in().map_or_else(of_kind, |(_, limits)| limits.into())
    }

    /// Of a built-in model's card, what it says without its title, and the list of what it fails at.
    fn built_in(&self) -> Option<(&str, &str)> {
        let (_, text) = self.documents.card?.split_once("\n\n")?;
        text.split_once("\n## What it fails at\n\n")
    }

    /// As the built-in card says, and as the run recorded it.
    fn training(&self) -> anyhow::Result<String> {
        let of_source =
            |(text, _)| format!("`docs/` and `assets/` are folders of the program's source.\n\n{text}\n");
        let built_in = self.built_in().map(of_source).unwrap_or_default();
        let Some(record) = self.record else {
            return Ok(built_in + "Nobody recorded it: no `run.toml` lay beside the weights.");
        };
        let RunRecord { version, recipe, .. } = record;
        let run = format!(
            "What `run.toml` recorded of the last run, by mnist2x2 {version}: recipe `{}`, seed {}, {} epochs, {} pictures a step.\n\n\
             | | |\n|---|---|\n",
            recipe.name, recipe.seed, recipe.epochs, recipe.batch_size
        );
        let rows = recorded(record).into_iter().map(|(name, value)| format!("| {name} | `{value}` |\n"));
        Ok(built_in + &run + &rows.collect::<Vec<_>>().concat() + &self.validation()?)
    }

    /// The sequence accuracy after each epoch on digits that were held out.
    fn validation(&self) -> anyhow::Result<String> {
        let lines = self.documents.metrics.as_deref().unwrap_or_default().lines();
        let epochs: Vec<EpochMetrics> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
        let accuracies = epochs.iter().filter_map(|epoch| epoch.validation.as_ref());
        let accuracies: Vec<_> = accuracies.map(|validation| percent(validation.sequence_accuracy)).collect();
        Ok(match accuracies.as_slice() {
            [] => String::new(),
            all => format!(
                "\nSequences of held-out training digits of which every digit was right, epoch by epoch: {}. The run was steered by \
                 these, so they are no measure of strangers' digits.",
                all.join(", ")
            ),
        })
    }

    fn judged(&self) -> anyhow::Result<String> {
        match self.figures {
            Some(figures) => figures.table(),
            None => Ok("No figures came with it, so this card has none. `mnist2x2 eval --json --model . > evaluation.json` counts what it \
                        reads of MNIST's test digits, and `mnist2x2 export --format hf --evaluation evaluation.json` writes that into \
                        the card."
                .into()),
        }
    }

    /// The files that only some folders have.
    fn files(&self) -> String {
        let rows = [
            (
                self.recognizer.calibration().is_some(),
                "calibration.json",
                "the temperature that divides the logits",
            ),
            (self.figures.is_some(), "evaluation.json", "what `mnist2x2 eval --json` counted"),
            (
                self.record.is_some(),
                "run.toml",
                "every setting of its training, and the SHA-256 of data and models",
            ),
            (self.documents.metrics.is_some(), "metrics.jsonl", "a line for each epoch of its training"),
        ];
        let rows = rows.into_iter().filter(|(is_there, ..)| *is_there);
        rows.map(|(_, name, what)| format!("| `{name}` | {what} |\n")).collect::<Vec<_>>().concat()
    }

    fn license_text(&self, license: Option<&str>) -> String {
        let both = "under MIT or Apache-2.0, at your choice.";
        let weights = match license {
            _ if self.documents.card.is_some() && self.license.is_none() => {
                return format!("Everything here is {both}");
            }
            Some(name) => format!("The weights are under {name}."),
            None => "Whoever publishes these weights has not said under which license they are.".into(),
        };
        format!("{weights} The files in Python are {both}")
    }
}

fn writes(layout: Layout) -> String {
    let most = layout.max_digits();
    let order = match layout {
        Layout::Line { .. } => "from left to right",
        Layout::Scatter { .. } => "line by line",
        _ if layout.is_full() => return format!("{most} digits, row by row"),
        _ => "row by row; an empty cell is no token",
    };
    format!("at most {most} digits, {order}")
}

fn purpose(layout: Layout) -> &'static str {
    match layout {
        Layout::Line { .. } => "Handwritten numbers: digits in a row, also where they touch.",
        Layout::Scatter { .. } => "Handwritten digits at any place of a picture.",
        _ => "Handwritten digits in the cells of a grid, from MNIST's pictures to drawings.",
    }
}

fn network(config: &Config) -> String {
    let Config { encoder_layers, decoder_layers, width, heads, feed_forward_width, .. } = config;
    format!(
        "patches: {}; {encoder_layers} encoder and {decoder_layers} decoder blocks of width {width}, {heads} heads, feed-forward {feed_forward_width}",
        patches(config)
    )
}

/// What tells data and models of a run.
fn recorded(record: &RunRecord) -> Vec<(&'static str, String)> {
    let RunRecord { data, teachers, from, finetune, .. } = record;
    let mut rows = vec![
        ("digits", data.dataset.clone()),
        ("SHA-256 of the training images", data.images_sha256.clone()),
        ("SHA-256 of the training labels", data.labels_sha256.clone()),
    ];
    let mut add = |name, value: Option<&String>| rows.extend(value.map(|value| (name, value.clone())));
    add("SHA-256 of the numbers of their writers", data.writers_sha256.as_ref());
    add("SHA-256 of the file of pen strokes", data.strokes_sha256.as_ref());
    for teacher in teachers {
        add("SHA-256 of a teacher", Some(&teacher.sha256));
    }
    add("SHA-256 of the model that it began with", from.as_ref().map(|model| &model.sha256));
    add("SHA-256 of the model that was fine-tuned", finetune.as_ref().map(|finetune| &finetune.base_sha256));
    add(
        "SHA-256 of the corrections that it learned",
        finetune.as_ref().map(|finetune| &finetune.corrections_sha256),
    );
    rows
}
