//! Learning from corrections without forgetting the rest.
//!
//! A model that people corrected is trained for a short time from the weights it has, gently, on grids in which its
//! corrections stand beside MNIST's digits: what is new is learned, and what is known is rehearsed (A. Robins,
//! *Catastrophic Forgetting, Rehearsal and Pseudorehearsal*, 1995). Of the way from the old weights to the new ones it then
//! goes only as far as validation lets it, and no farther than to be sure of what it learns where that is asked for
//! (WiSE-FT: M. Wortsman and others, *Robust fine-tuning of zero-shot models*, 2022): between the two lie models that read
//! both. Some corrections are held out, and tell beside MNIST's validation digits whether the outcome is better than what
//! there was.

mod acceptance;
mod labeled_example;
mod correction;
mod grids;
#[cfg(test)]
mod tests;

use std::ops::Range;

use mnist2x2_data::{DigitSplit, Loader};
use mnist2x2_formats::Weights;
use mnist2x2_infer::{Calibration, Reading, Recognizer};
use mnist2x2_model::Seq2Seq;
use serde::{Deserialize, Serialize};

use crate::batch::split;
use crate::evaluate::validate;
use crate::loaders::{check_index_map, fixed_grids};
use crate::observer::counting;
use crate::{Error, Exposure, Grids, Observer, Outcome, ReadingFor, Recipe, Trainer, TrainingData, Workers};

use labeled_example::Drawn;

pub use acceptance::{Acceptance, Scores};
pub use correction::Correction;
pub use labeled_example::LabeledExample;

/// The fewest corrections that are learned from: of fewer, those held out would say nothing.
const FEWEST: usize = 10;
/// In how many parts the way from the old weights to the new is tried. A step must be small: of one person's style an eighth less
/// than all was a fifth of what had been learned, where a grid too many of 10,000 had forbidden all.
const ALPHAS: u8 = 32;

/// Where a fine-tuned model came from and what it learned: part of `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FinetuneRecord {
    /// Where the model was that it began with, in words.
    pub base: String,
    /// SHA-256 of that model's weights.
    pub base_sha256: String,
    /// SHA-256 of all corrections, whatever their order: inputs and labels.
    pub corrections_sha256: String,
    /// Corrections that were learned.
    #[serde(alias = "learnt")]
    pub learned: u64,
    /// How far the model went from the old weights (0) to the new (1).
    #[serde(alias = "way")]
    pub alpha: f64,
    /// What became of it.
    #[serde(alias = "verdict")]
    pub acceptance: Acceptance,
}

/// What a model is fine-tuned on.
#[derive(Debug)]
pub struct FinetuneData {
    /// MNIST's training split, or whatever the model was trained on, to be rehearsed; with pen strokes, where the recipe asks
    /// for them.
    pub rehearsal: TrainingData,
    /// Whether the model was trained on what the recipe holds out of it.
    pub exposure: Exposure,
    /// The corrections.
    pub examples: Vec<LabeledExample>,
    /// The share of digits that are from corrections, above 0 and at most 1; of the others, the recipe's `stroke_fraction`
    /// are pen strokes.
    pub share: f64,
    /// How sure of the corrections that it learns the model has to be, on average, to go no farther from the old weights: the mean of
    /// its confidence, not calibrated, where a wrong reading counts as 0. Nothing if it is to go as far as validation lets it.
    pub target_confidence: Option<f64>,
}

impl FinetuneData {
    /// The usual [`share`](Self::share). With more, a model would take what the corrections show for likelier than it is.
    pub const SHARE: f64 = 0.05;
}

/// A model that is about to learn its corrections.
#[derive(Debug)]
pub struct Finetuning {
    trainer: Trainer,
    validation: Loader,
    /// The weights that it begins with, in flat order.
    base: Vec<f32>,
    held_out: Vec<LabeledExample>,
    to_learn: Vec<LabeledExample>,
    target_confidence: Option<f64>,
    /// What there is to say before it has learned: it is as it was.
    record: FinetuneRecord,
}

/// A model that has learned its corrections.
#[derive(Debug)]
pub struct Finetuned {
    /// The model.
    pub model: Seq2Seq,
    /// What `run.toml` says of it: how far it went, and how it does beside the model that was begun with.
    pub record: FinetuneRecord,
    /// Its calibration; nothing if it is not to be used.
    pub calibration: Option<Calibration>,
}

impl Finetuning {
    /// Prepares to train `base`, which was found at `origin`, by `recipe` on all of `data` but what is held out of it: digits
    /// to validate with, and some of the corrections.
    ///
    /// # Errors
    /// [`Error::Corrections`] if there are fewer than ten, they are of another shape than the model's or show no digit, or
    /// the model reads all of them right; and as [`Trainer::new`].
    pub fn new(
        base: &Recognizer,
        origin: &str,
        recipe: Recipe,
        data: FinetuneData,
        workers: &Workers,
    ) -> Result<Self, Error> {
        check(base, &recipe, &data)?;
        let FinetuneData { rehearsal, exposure, examples, share, target_confidence } = data;
        let TrainingData { digits, pendigits } = rehearsal;
        let shape = base.shape();
        let corrections_sha256 = labeled_example::sha256(&examples);
        let (learned, held_out) = labeled_example::hold_out(examples);
        let (strokes, drawn) = (recipe.draw(pendigits.as_ref())?, Drawn::of(&learned, shape)?);
        check_index_map(recipe.epoch_grids, shape.into())?;
        let DigitSplit { training: digits, validation, .. } = recipe.split(digits)?;
        let no_digits = || Error::setting("validation_fraction", "holds no digit back");
        let validation = fixed_grids(validation, shape.into())?.ok_or_else(no_digits)?;
        let grids = validation.in_order().grids();
        let accuracy = validate(base.model(), &validation, grids, workers, |_| ())?.sequence_accuracy;
        // Without its calibration: the new model has none yet, and the confidence of both is compared.
        let reader = recognizer(base.model())?;
        let before = score(&reader, &held_out, accuracy, workers)?;
        if before.corrections == held_out.len() as u64
            && score(&reader, &learned, accuracy, workers)?.corrections == learned.len() as u64
        {
            let count = learned.len() + held_out.len();
            return Err(Error::corrections(format!(
                "the model reads all {count} corrections right; there is nothing to learn"
            )));
        }
        let training = grids::training(&recipe, digits, strokes.as_ref(), (&drawn, share), shape)?;
        let record = FinetuneRecord {
            base: origin.into(),
            base_sha256: base.digest().into(),
            corrections_sha256,
            learned: learned.len() as u64,
            alpha: 0.0,
            acceptance: Acceptance { held_out: held_out.len() as u64, before, after: before },
        };
        let trainer = begin(base.model(), exposure, recipe, training)?.with_validation(validation.clone())?;
        let base = base.model().parameters().to_flat()?;
        Ok(Self { trainer, validation, base, held_out, to_learn: learned, target_confidence, record })
    }

    /// Trains to the end of the recipe. Then it goes towards the new weights until it is sure enough of what it learns, but no farther
    /// than validation lets it; if validation never does, until it is sure enough. Nothing comes of it if `observer` stops it.
    ///
    /// # Errors
    /// As [`Trainer::run`].
    pub fn run(
        &mut self,
        workers: &Workers,
        observer: &mut dyn Observer,
    ) -> Result<Option<Finetuned>, Error> {
        if self.trainer.run(workers, observer)? != Outcome::Finished {
            return Ok(None);
        }
        let (model, alpha, accuracy) = self.interpolate_weights(workers, observer)?;
        let after = score(&recognizer(&model)?, &self.held_out, accuracy, workers)?;
        let acceptance = Acceptance { after, ..self.record.acceptance };
        let record = FinetuneRecord { alpha, acceptance, ..self.record.clone() };
        let calibration = match acceptance.objection() {
            None => self.trainer.calibrate(&model, workers, observer)?,
            Some(_) => None,
        };
        Ok(Some(Finetuned { model, record, calibration }))
    }

    /// The model between the old weights and the new, at the largest alpha at which validation keeps its accuracy and that is no
    /// larger than [`parts_until_sure`](Self::parts_until_sure); that alpha and the accuracy.
    fn interpolate_weights(
        &self,
        workers: &Workers,
        observer: &mut dyn Observer,
    ) -> Result<(Seq2Seq, f64, f64), Error> {
        let new = self.trainer.result()?.parameters().to_flat()?;
        let mut farthest = None;
        for part in (1..=self.parts_until_sure(&new, workers)?).rev() {
            let (model, alpha) = self.between(&new, part)?;
            let grids = self.validation.in_order().grids();
            let done = counting(observer, ReadingFor::Validation, grids);
            let accuracy = validate(&model, &self.validation, grids, workers, done)?.sequence_accuracy;
            let found = (model, alpha, accuracy);
            if acceptance::keeps(self.record.acceptance.before.validation, accuracy) {
                return Ok(found);
            }
            farthest.get_or_insert(found);
        }
        Ok(farthest.expect("there is an alpha"))
    }

    /// The fewest parts of the way after which the model is as sure of what it learns as it has to be, by bisection; all where it
    /// never is.
    fn parts_until_sure(&self, new: &[f32], workers: &Workers) -> Result<u8, Error> {
        let Some(target) = self.target_confidence else { return Ok(ALPHAS) };
        let (mut fewer, mut enough) = (0, ALPHAS);
        while enough - fewer > 1 {
            let part = fewer.midpoint(enough);
            let reader = recognizer(&self.between(new, part)?.0)?;
            if confidence(&read(&reader, &self.to_learn, workers)?, &self.to_learn) >= target {
                enough = part;
            } else {
                fewer = part;
            }
        }
        Ok(enough)
    }

    /// The model at so many parts of the way, old + alpha (new - old), and that alpha.
    fn between(&self, new: &[f32], part: u8) -> Result<(Seq2Seq, f64), Error> {
        let alpha = f64::from(part) / f64::from(ALPHAS);
        let values: Vec<f32> =
            self.base.iter().zip(new).map(|(old, new)| old + alpha as f32 * (new - old)).collect();
        Ok((self.trainer.frozen(&values)?, alpha))
    }

    /// Corrections that are learned from; the others are held out.
    pub fn learned(&self) -> u64 {
        self.record.learned
    }

    /// Corrections that are held out.
    pub fn held_out(&self) -> &[LabeledExample] {
        &self.held_out
    }

    /// The grids that it is validated with.
    pub fn validation(&self) -> &Loader {
        &self.validation
    }

    /// The run behind it.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }
}

/// Refuses what cannot be learned, before anything is computed.
fn check(base: &Recognizer, recipe: &Recipe, data: &FinetuneData) -> Result<(), Error> {
    recipe.validate()?;
    let FinetuneData { examples, share, target_confidence, .. } = data;
    let target = target_confidence.map(|target| ("target confidence", target));
    for (name, value) in [("share of corrections", *share)].into_iter().chain(target) {
        if !(value > 0.0 && value <= 1.0) {
            let problem = format!("the {name} is {value}, but must be above 0 and at most 1");
            return Err(Error::corrections(problem));
        }
    }
    let count = examples.len();
    if count < FEWEST {
        return Err(Error::corrections(format!(
            "{count} corrections are too few to hold some out and learn the others; collect {FEWEST} at least"
        )));
    }
    if recipe.grids != Grids::Fresh || recipe.epoch_grids == 0 {
        let problem = "must be above 0, with `grids` `fresh`: corrections are mixed into new grids";
        return Err(Error::setting("epoch_grids", problem));
    }
    if recipe.rare_fraction > 0.0 {
        return Err(Error::setting(
            "rare_fraction",
            "must be 0: corrections are learned beside the training digits and pen strokes only",
        ));
    }
    let (shape, layout) = (base.shape(), base.layout());
    if !layout.is_full() {
        let problem = format!(
            "corrections are of full grids, but the model reads {layout} and sequences of other lengths"
        );
        return Err(Error::corrections(problem));
    }
    let mut shapes = examples.iter().filter_map(LabeledExample::grid);
    shapes.find(|&other| other != shape).map_or(Ok(()), |other| {
        Err(Error::corrections(format!(
            "a correction is of {} x {} cells, but the model reads {} x {}",
            other.rows, other.cols, shape.rows, shape.cols
        )))
    })
}

/// A run before its first step, with the weights of `base`, which also teaches where the recipe distills: what it knows, for of what
/// people corrected it would teach its own errors.
fn begin(base: &Seq2Seq, exposure: Exposure, recipe: Recipe, training: Loader) -> Result<Trainer, Error> {
    let teachers = if recipe.distillation_weight > 0.0 { std::slice::from_ref(base) } else { &[] };
    let trainer = Trainer::from_loader(base.config(), recipe, training, base.parameters().device())?;
    trainer.with_teachers(teachers)?.checked_by_labels().starting_from(base, exposure)
}

/// What `recognizer`, whose accuracy on validation grids is known, reads right of `examples`.
fn score(
    recognizer: &Recognizer,
    examples: &[LabeledExample],
    validation: f64,
    workers: &Workers,
) -> Result<Scores, Error> {
    let readings = read(recognizer, examples, workers)?;
    let confidence = confidence(&readings, examples);
    let mut scores = Scores { corrections: 0, cells: 0, confidence, validation };
    for (reading, example) in readings.iter().zip(examples) {
        let pairs = reading.cells.iter().zip(example.labels());
        scores.cells += pairs.filter(|(cell, label)| cell.digit == **label).count() as u64;
        scores.corrections += u64::from(example.is_read_right(reading));
    }
    Ok(scores)
}

/// The mean confidence of `readings` of `examples`, where a wrong one counts as 0.
fn confidence(readings: &[Reading], examples: &[LabeledExample]) -> f64 {
    let of = |(reading, example): (&Reading, &LabeledExample)| {
        if example.is_read_right(reading) { f64::from(reading.confidence) } else { 0.0 }
    };
    readings.iter().zip(examples).map(of).sum::<f64>() / examples.len() as f64
}

/// What `recognizer` reads in each of `examples`.
fn read(
    recognizer: &Recognizer,
    examples: &[LabeledExample],
    workers: &Workers,
) -> Result<Vec<Reading>, Error> {
    let read_part = |part: Range<usize>| -> Result<Vec<_>, Error> {
        examples[part].iter().map(|example| example.read(recognizer)).collect()
    };
    Ok(workers.map(split(examples.len(), workers.count()), read_part)?.into_iter().flatten().collect())
}

/// A recognizer by `model`, as it is now, without a calibration.
fn recognizer(model: &Seq2Seq) -> Result<Recognizer, Error> {
    Ok(Recognizer::new(Weights::new(model.parameters().frozen()?, String::new()))?)
}
