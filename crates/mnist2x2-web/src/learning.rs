//! Learning from what a person corrected, in the browser: a short [`Finetuning`] beside synthetic digits, for there is no MNIST.
//!
//! Their hands go from careful to careless, and only digits that the model reads right and is sure of are taken. With careful ones
//! alone it forgot the odd digits of real people, and nothing showed it. To rehearse what the model itself knows is called
//! pseudorehearsal (A. Robins, *Catastrophic Forgetting, Rehearsal and Pseudorehearsal*, 1995).
//!
//! It begins with the model that is built in, every time: what comes of it depends on the corrections alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mnist2x2_data::{Digits, PIXELS, synthetic};
use mnist2x2_formats::to_safetensors;
use mnist2x2_infer::{Exposure, Reading, Recognizer};
use mnist2x2_picture::ModelInput;
use mnist2x2_train::{
    Acceptance, BoxError, Correction, Error, FinetuneData, Finetuning, LabeledExample, Observer, Recipe,
    StepReport, Trainer, Workers,
};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// How many grids are learned from: 50 batches.
const GRIDS: usize = 3_200;
/// How many synthetic digits are drawn. Those that the model reads right and is sure of are rehearsed, but for the last tenth of
/// them, which is held out.
const DIGITS: usize = 6_000;
const HELD_OUT: f64 = 0.1;
/// How many grids of them the model reads at once.
const GRIDS_AT_ONCE: usize = 64;
/// How sure of the corrections the model has to be to go no farther; `docs/site.md` has the measurements.
const TARGET_CONFIDENCE: f64 = 0.96;

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Learned {
    /// SHA-256 of the weights that it began with.
    pub base: String,
    /// Corrections that were learned.
    pub learned: u64,
    /// Corrections that cannot be learned from.
    pub skipped: usize,
    /// What the model reads right of those held out, and of the synthetic digits that it was sure of, before and after.
    #[serde(flatten)]
    pub acceptance: Acceptance,
    /// Why nothing is to change.
    pub objection: Option<String>,
    /// The new weights, a `.safetensors`, in JSON as base64 (RFC 4648, section 4); nothing if they are not to be used.
    #[serde(serialize_with = "base64")]
    pub tensors: Option<Vec<u8>>,
}

#[expect(clippy::ref_option, reason = "serde calls it with the field as it is")]
fn base64<S: Serializer>(bytes: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
    bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(to)
}

/// A correction as the browser keeps it, a line of JSON; what else it says is of no use here.
#[derive(Deserialize)]
struct Line {
    right: String,
    found: Option<String>,
    strokes: Option<Value>,
    picture: Option<String>,
}

impl Line {
    fn example(&self, base: &Recognizer) -> Option<LabeledExample> {
        let bytes = |text: &Option<String>| text.as_ref().and_then(|text| STANDARD.decode(text).ok());
        let (found, picture) = (bytes(&self.found), bytes(&self.picture));
        let (found, picture) = (found.as_deref(), picture.as_deref());
        let correction = Correction { right: &self.right, found, strokes: self.strokes.as_ref(), picture };
        correction.example(base.shape()).ok()?.0
    }
}

/// Teaches a copy of `base` the corrections in `lines`, one as JSON in each, and tells `progress` after each step what share of
/// all has been done.
///
/// # Errors
/// As [`Finetuning::new`] and [`Finetuning::run`].
pub fn learn(base: &Recognizer, lines: &str, progress: &dyn Fn(f64)) -> Result<Learned, Error> {
    let example = |line: &str| serde_json::from_str::<Line>(line).ok()?.example(base);
    let examples: Vec<LabeledExample> = lines.lines().filter_map(example).collect();
    let skipped = lines.lines().count() - examples.len();
    let rehearsal = rehearsal(base)?.into();
    // The built-in model was not trained on synthetic digits.
    let data = FinetuneData {
        rehearsal,
        exposure: Exposure::None,
        examples,
        share: FinetuneData::SHARE,
        target_confidence: Some(TARGET_CONFIDENCE),
    };
    let recipe =
        Recipe { epochs: 1, epoch_grids: GRIDS, validation_fraction: HELD_OUT, ..Recipe::finetune() };
    let workers = Workers::new(Some(1))?;
    let mut finetuning = Finetuning::new(base, "built in", recipe, data, &workers)?;
    let outcome =
        finetuning.run(&workers, &mut Progress(progress))?.unwrap_or_else(|| unreachable!("nobody stops it"));
    let acceptance = outcome.record.acceptance;
    let objection = acceptance.objection();
    let tensors = match objection {
        None => Some(to_safetensors(outcome.model.parameters())?),
        Some(_) => None,
    };
    let (base, learned) = (base.digest().into(), outcome.record.learned);
    Ok(Learned { base, learned, skipped, acceptance, objection, tensors })
}

/// Synthetic digits that `base` reads right and is sure of.
fn rehearsal(base: &Recognizer) -> Result<Digits, Error> {
    let digits = synthetic::careless_digits(DIGITS, 0);
    let image = |place: usize| digits.image(place).first_chunk::<PIXELS>().copied();
    let (shape, places) = (base.shape(), (0..digits.len()).collect::<Vec<_>>());
    let mut known = Vec::new();
    for places in places.chunks(GRIDS_AT_ONCE * shape.cells()) {
        let grid =
            |places: &[usize]| ModelInput::from_digits(shape, places.iter().map(|&place| image(place)));
        let readings = base.read_batch(&places.chunks(shape.cells()).map(grid).collect::<Vec<_>>())?;
        for (cell, &place) in readings.iter().flat_map(|reading| &reading.cells).zip(places) {
            if cell.digit == Some(digits.label(place)) && cell.confidence >= Reading::SURE {
                known.push(place);
            }
        }
    }
    Ok(digits.select(&known))
}

struct Progress<'a>(&'a dyn Fn(f64));

impl Observer for Progress<'_> {
    fn on_step(&mut self, _: &Trainer, step: &StepReport) -> Result<(), BoxError> {
        (self.0)(step.step as f64 / step.steps as f64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use candle_core::Device;
    use serde_json::json;

    use super::*;
    use crate::read_drawing;

    /// A grid of ones with a mirrored seven, each a little different.
    fn drawing(number: usize) -> (String, Value) {
        let near = |x: f64, k: usize| x + ((number * 37 + k * 61) % 17) as f64 - 8.0;
        let cell = |cell: usize| {
            let points: &[[f64; 2]] = if cell == number % 4 {
                &[[220.0, 40.0], [60.0, 40.0], [160.0, 250.0]]
            } else {
                &[[140.0, 40.0], [140.0, 250.0]]
            };
            let near = |(k, &[x, y]): (usize, &[f64; 2])| [near(x, 5 * cell + k), near(y, 7 * cell + k)];
            json!([points.iter().enumerate().map(near).collect::<Vec<_>>()])
        };
        let right = (0..4).map(|cell| if cell == number % 4 { '7' } else { '1' }).collect();
        (right, json!({ "cells": (0..4).map(cell).collect::<Vec<_>>(), "width": 280, "height": 280 }))
    }

    fn lines(numbers: std::ops::Range<usize>) -> String {
        let line = |number| {
            let (right, strokes) = drawing(number);
            let time = number;
            format!("{}\n", json!({ "key": "a", "time": time, "right": right, "strokes": strokes }))
        };
        numbers.map(line).collect()
    }

    #[test]
    fn a_style_is_learned_and_the_weights_are_those_of_a_model() {
        let base = Recognizer::built_in(&Device::Cpu).unwrap();
        let done = RefCell::new(Vec::new());
        let learned =
            learn(&base, &(lines(0..20) + "no JSON\n"), &|share| done.borrow_mut().push(share)).unwrap();
        let Learned { acceptance: Acceptance { held_out, .. }, skipped, objection, .. } = &learned;
        assert_eq!((learned.learned + held_out, *skipped, objection), (20, 1, &None));
        let done = done.into_inner();
        assert!(done.is_sorted() && done.len() == GRIDS / 64 && done.last() == Some(&1.0), "{done:?}");

        let tensors = learned.tensors.unwrap();
        let recognizer = crate::with_tensors(&base, &tensors).unwrap();
        assert!(recognizer.digest() != base.digest() && recognizer.calibration() == base.calibration());
        let read = |recognizer| {
            let right = |number| {
                let (right, strokes) = drawing(number);
                read_drawing(recognizer, strokes.to_string().as_bytes()).unwrap().answer.reading.digits
                    == right
            };
            (20..40).filter(|&number| right(number)).count()
        };
        let (before, after) = (read(&base), read(&recognizer));
        assert!(before < 5 && after >= 12, "{before} and {after} of 20 later drawings");
    }

    #[test]
    fn too_few_corrections_are_refused() {
        let base = Recognizer::built_in(&Device::Cpu).unwrap();
        let said = |lines: &str| learn(&base, lines, &|_| ()).unwrap_err().to_string();
        assert!(said(&lines(0..9)).contains("9 corrections are too few"), "{}", said(&lines(0..9)));
        assert!(said("").contains("0 corrections are too few"));
    }
}
