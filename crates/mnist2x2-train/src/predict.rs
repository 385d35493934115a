//! Predictions for many grids, on all threads.

use std::iter::repeat;
use std::ops::Range;

use candle_core::Tensor;
use mnist2x2_data::pendigits::PenDigit;
use mnist2x2_data::{Batch, Epoch, Layout, Loader, RenderCondition, Strokes};
use mnist2x2_infer::{Reading, Recognizer, Sequence, Temperature, Transcript, transcribe};
use mnist2x2_model::Seq2Seq;
use mnist2x2_picture::ModelInput;

use crate::batch::{image_tensor, split};
use crate::edits::align;
use crate::{Edits, Error, Workers};

/// Grids of a batch for evaluation.
pub const EVALUATION_BATCH: usize = 500;
/// Digits that one thread decodes at once: enough to keep the matrix products busy, few enough to stay in its cache.
const DECODED_AT_ONCE: usize = 200;
/// Inputs that one thread makes and reads at once.
const READ_AT_ONCE: usize = 25;

/// A model's reading of one grid, beside its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The digits that the picture shows, in reading order.
    pub labels: Vec<u8>,
    /// The digits that were read; `None` where a token was no digit, or the reading ended before the last label. Longer than
    /// the labels where more was read.
    pub predicted: Vec<Option<u8>>,
    /// The probability of the whole sequence, at the temperature that it was read at.
    pub confidence: f64,
    /// The probability of the token of each of those, given those before it; 0 where the sequence had ended.
    pub cell_confidences: Vec<f64>,
}

impl Prediction {
    /// What `sequence` says of a grid that shows `labels`.
    pub fn new(labels: &[u8], sequence: &Sequence) -> Self {
        let predicted = sequence.digits(labels.len());
        let mut cell_confidences: Vec<f64> = sequence.log_probabilities.iter().map(|p| p.exp()).collect();
        cell_confidences.resize(predicted.len(), 0.0);
        Self { labels: labels.to_vec(), predicted, confidence: sequence.probability(), cell_confidences }
    }

    /// What `reading` says of a grid that shows `labels`.
    pub fn from_reading(labels: Vec<u8>, reading: &Reading) -> Self {
        Self {
            labels,
            predicted: reading.cells.iter().map(|cell| cell.digit).collect(),
            confidence: reading.confidence.into(),
            cell_confidences: reading.cells.iter().map(|cell| cell.confidence.into()).collect(),
        }
    }

    /// What is wrong in the digits that were read.
    pub fn edits(&self) -> Edits {
        Edits::between(&self.labels, &self.digits_read())
    }

    /// Each label and what was read for it, so that a digit that is missing or too many does not move those after it.
    pub fn aligned(&self) -> Vec<(u8, Option<u8>)> {
        let pairs = align(&self.labels, &self.digits_read()).into_iter();
        pairs.filter_map(|(label, read)| Some((label?, read))).collect()
    }

    /// The digits that were read, one after the other.
    pub fn digits_read(&self) -> Vec<u8> {
        self.predicted.iter().copied().flatten().collect()
    }

    /// Whether every digit is right, and none too many.
    pub fn is_correct(&self) -> bool {
        self.labels.iter().map(|&label| Some(label)).eq(self.predicted.iter().copied())
    }

    /// The label of each cell and what was read there; nothing where the reading ended before.
    pub fn outcomes(&self) -> impl Iterator<Item = (u8, Option<u8>)> {
        self.labels.iter().copied().zip(self.predicted.iter().copied().chain(repeat(None)))
    }
}

/// Whether `predictions` are of pictures with different numbers of digits, where a digit is found by alignment and not by its
/// place.
pub fn are_ragged(predictions: &[Prediction]) -> bool {
    predictions.windows(2).any(|pair| pair[0].labels.len() != pair[1].labels.len())
}

/// Reads all grids of `loader` once, in their order, by greedy decoding and without teacher forcing; confidences are those
/// at `temperature`.
///
/// `done` is told how many more grids have been read.
///
/// # Errors
/// [`Error::Infer`] if the model cannot read grids of this shape.
pub fn predict_dataset(
    model: &Seq2Seq,
    loader: &Loader,
    temperature: Temperature,
    workers: &Workers,
    done: impl FnMut(usize),
) -> Result<Vec<Prediction>, Error> {
    let predict = |model: &Seq2Seq, batch: &Batch, images: &Tensor| {
        Ok(predictions(batch, &transcribe(model, images)?, temperature))
    };
    let steps = 0..loader.in_order().steps();
    Ok(map_parts(model, loader, steps, workers, predict, done)?.concat())
}

/// What was written for each grid of `batch`, beside its labels.
pub(crate) fn predictions(
    batch: &Batch,
    written: &[Transcript],
    temperature: Temperature,
) -> Vec<Prediction> {
    let grids = batch.sequences().zip(written);
    grids.map(|(labels, written)| Prediction::new(labels, &written.at(temperature))).collect()
}

/// What `job` makes of `model`, frozen, and each part of the batches `steps` of `loader` with its images (B, height, width), in
/// their order and on all threads. `done` is told how many more grids have been read.
pub(crate) fn map_parts<R: Send>(
    model: &Seq2Seq,
    loader: &Loader,
    steps: impl Iterator<Item = usize>,
    workers: &Workers,
    job: impl Fn(&Seq2Seq, &Batch, &Tensor) -> Result<R, Error> + Sync,
    mut done: impl FnMut(usize),
) -> Result<Vec<R>, Error> {
    let (model, epoch) = (model.frozen()?, loader.in_order());
    let mut results = Vec::new();
    for step in steps {
        let grids = epoch.batch_len(step);
        results.extend(workers.map(decoding_parts(grids, loader.layout()), |part| {
            let batch = epoch.part(step, part);
            job(&model, &batch, &image_tensor(&batch, 0..batch.len, model.parameters().device())?)
        })?);
        done(grids);
    }
    Ok(results)
}

/// How many grids of `loader` are read until there are `enough`.
pub(crate) fn grids_read(loader: &Loader, enough: usize) -> usize {
    let epoch = loader.in_order();
    (0..steps_until(&epoch, enough)).map(|step| epoch.batch_len(step)).sum()
}

/// How many batches of `epoch` hold `enough` grids.
pub(crate) fn steps_until(epoch: &Epoch, enough: usize) -> usize {
    enough.div_ceil(epoch.batch_len(0)).min(epoch.steps())
}

/// The transcript of each grid of `batch`, by greedy decoding on all threads.
///
/// # Errors
/// [`Error::Infer`] if the model cannot read grids of this shape.
pub fn decode(model: &Seq2Seq, batch: &Batch, workers: &Workers) -> Result<Vec<Transcript>, Error> {
    let device = model.parameters().device();
    let parts = decoding_parts(batch.len, batch.layout);
    let transcripts =
        workers.map(parts, |part| Ok(transcribe(model, &image_tensor(batch, part, device)?)?))?;
    Ok(transcripts.into_iter().flatten().collect())
}

/// The parts of a batch of `len` grids that one thread each decodes at once.
fn decoding_parts(len: usize, layout: Layout) -> Vec<Range<usize>> {
    split(len, (len * layout.max_digits()).div_ceil(DECODED_AT_ONCE))
}

/// Reads `count` inputs, each made with its labels by `input` from its number, on all threads.
///
/// `done` is told how many more have been read.
///
/// # Errors
/// Those of `input`, and as [`Recognizer::read_batch`].
///
/// # Panics
/// If an input is not of the recognizer's shape.
pub fn predict_inputs(
    recognizer: &Recognizer,
    count: usize,
    input: impl Fn(usize) -> Result<(ModelInput, Vec<u8>), Error> + Sync,
    workers: &Workers,
    mut done: impl FnMut(usize),
) -> Result<Vec<Prediction>, Error> {
    let read = |part: Range<usize>| {
        let inputs = part.map(&input).collect::<Result<Vec<_>, Error>>()?;
        let (inputs, labels): (Vec<_>, Vec<_>) = inputs.into_iter().unzip();
        let readings = recognizer.read_batch(&inputs)?;
        let predictions = labels.into_iter().zip(&readings);
        Ok(predictions.map(|(labels, reading)| Prediction::from_reading(labels, reading)).collect::<Vec<_>>())
    };
    let mut predictions = Vec::with_capacity(count);
    // As many parts at a time as there are threads, so that whoever waits is told how it goes.
    for parts in split(count, count.div_ceil(READ_AT_ONCE)).chunks(workers.count()) {
        let before = predictions.len();
        predictions.extend(workers.map(parts.to_vec(), read)?.into_iter().flatten());
        done(predictions.len() - before);
    }
    Ok(predictions)
}

/// Draws pen strokes as `variant` says, as many digits to a grid as the recognizer reads, and reads them back.
///
/// Consecutive digits make a grid, in reading order; those at the end that fill none are left out. `done` is told how many
/// more grids have been read.
///
/// # Errors
/// As [`ModelInput::render_strokes`] and [`Recognizer::read_batch`].
pub fn predict_strokes(
    recognizer: &Recognizer,
    digits: &[PenDigit],
    variant: &RenderCondition,
    workers: &Workers,
    done: impl FnMut(usize),
) -> Result<Vec<Prediction>, Error> {
    let grids: Vec<&[PenDigit]> = digits.chunks_exact(recognizer.shape().cells()).collect();
    let input = |index: usize| {
        let strokes: Vec<&Strokes> = grids[index].iter().map(|digit| &digit.strokes).collect();
        let renderer = variant.renderer(index as u64);
        let input = ModelInput::render_strokes(&strokes, renderer.as_ref(), recognizer.shape())?;
        Ok((input, grids[index].iter().map(|digit| digit.label).collect()))
    };
    predict_inputs(recognizer, grids.len(), input, workers, done)
}
