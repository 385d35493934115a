//! `export --check`: what was written is loaded again, and scored where there are digits.

use std::path::Path;

use anyhow::{Context, ensure};
use mnist2x2::{Device, Recognizer, Workers};

use super::figures::Figures;
use super::onnx::Files;
use crate::commands::eval::{Test, TestGrids};
use crate::console::{self, percent};
use crate::data::Dataset;

/// How many sequences may be read otherwise on another machine, because two tokens are as likely.
const TIES: u64 = 2;

/// Makes sure that the folder `out` holds these files.
pub(super) fn bytes(out: &Path, files: &Files) -> anyhow::Result<()> {
    for (name, bytes) in files {
        let path = out.join(name);
        let found =
            std::fs::read(&path).with_context(|| format!("{} cannot be read again", path.display()))?;
        ensure!(found == *bytes, "{} is not what was written; write it to another disk", path.display());
    }
    console::log(&format!("checked: {} files hold what was written", files.len()));
    Ok(())
}

/// The model in the folder `out`, which must be `recognizer`'s.
pub(super) fn model(out: &Path, recognizer: &Recognizer, files: &Files) -> anyhow::Result<Recognizer> {
    let again = Recognizer::load(out, &Device::Cpu)?;
    let [ours, theirs] = [recognizer, &again].map(|recognizer| recognizer.model().parameters());
    let out = out.display();
    ensure!(
        ours.config() == theirs.config() && ours.to_flat()? == theirs.to_flat()?,
        "{out}: the model that is read back is another one"
    );
    ensure!(
        recognizer.calibration() == again.calibration(),
        "{out}: the calibration that is read back is another one"
    );
    let digest = again.digest();
    ensure!(
        text(files, "README.md")?.contains(digest),
        "{out}: the card does not name the weights, {digest}"
    );
    console::log("checked: sizes, weights and calibration are the model's, and the card names their SHA-256");
    Ok(again)
}

/// The text of the file `name`.
fn text<'a>(files: &'a Files, name: &str) -> anyhow::Result<&'a str> {
    let file = files.iter().find(|(found, _)| found == name);
    Ok(std::str::from_utf8(&file.with_context(|| format!("there is no {name}"))?.1)?)
}

/// Counts what the model in the folder `out` reads of the test grids, and holds it against the card.
pub(super) fn score(
    recognizer: &Recognizer,
    out: &Path,
    files: &Files,
    dataset: Option<&Dataset>,
) -> anyhow::Result<()> {
    let Some(dataset) = dataset else {
        console::log("not scored: there is no MNIST here (--data-dir, MNIST_DIR or data/mnist)");
        return Ok(());
    };
    let layout = recognizer.layout();
    let found =
        Test::run(recognizer, dataset, TestGrids::Reference, layout, &Workers::new(None)?)?.evaluation;
    console::print(&format!(
        "sequence accuracy {} ({} of {}), digit accuracy {}, on the test grids of {} digits",
        percent(found.sequence_accuracy),
        found.sequences_correct,
        found.sequences,
        percent(found.digit_accuracy),
        dataset.name()
    ))?;
    let Ok(card) = text(files, "evaluation.json") else { return Ok(()) };
    let card = Figures::read(card)?;
    let is_same_test = (&*card.grids, &*card.dataset, &*card.layout, card.pictures, card.sequences)
        == ("reference", dataset.name(), &*layout.to_string(), None, found.sequences);
    ensure!(
        !is_same_test || card.sequences_correct.abs_diff(found.sequences_correct) <= TIES,
        "{}: the card says that {} sequences are right",
        out.display(),
        card.sequences_correct
    );
    Ok(())
}
