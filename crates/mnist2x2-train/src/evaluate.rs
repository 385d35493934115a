//! Reading many grids on all threads, and counting what is read right.

use std::ops::Range;
use std::time::Instant;

use mnist2x2_data::{Batch, Loader};
use mnist2x2_infer::{Temperature, Transcript, transcribe};
use mnist2x2_model::Seq2Seq;

use crate::gradient::{batch_loss, image_tensor, split};
use crate::targets::Targets;
use crate::{Error, Evaluation, Graded, Workers};

/// Grids of a batch for evaluation.
pub const EVALUATION_BATCH: usize = 500;
/// Grids that one thread decodes at once: enough to keep the matrix products busy, few enough to stay in its cache.
const DECODED_AT_ONCE: usize = 50;

/// Reads all grids of `loader` once, in their order, by greedy decoding and without teacher forcing.
///
/// `done` is told how many more grids have been read.
///
/// # Errors
/// [`Error::Infer`] if the model cannot read grids of this shape.
pub fn evaluate(
    model: &Seq2Seq,
    loader: &Loader,
    workers: &Workers,
    done: impl FnMut(usize),
) -> Result<Evaluation, Error> {
    let start = Instant::now();
    let graded = grade(model, loader, Temperature::ONE, workers, done)?;
    Ok(Evaluation::of(&graded, start.elapsed().as_secs_f64()))
}

/// Reads all grids of `loader` as [`evaluate`] does, and says of each how sure the model was, at `temperature`.
///
/// # Errors
/// As [`evaluate`].
pub fn grade(
    model: &Seq2Seq,
    loader: &Loader,
    temperature: Temperature,
    workers: &Workers,
    done: impl FnMut(usize),
) -> Result<Vec<Graded>, Error> {
    let grade = |labels: &[u8], transcript: Transcript| Graded::new(labels, &transcript.at(temperature));
    read_all(model, loader, workers, grade, done)
}

/// The mean loss over all grids of `loader` under teacher forcing, in nats per token.
pub(crate) fn mean_loss(model: &Seq2Seq, loader: &Loader, workers: &Workers) -> Result<f64, Error> {
    let (model, epoch) = (model.frozen()?, loader.in_order());
    let parts = (0..epoch.steps()).flat_map(|step| {
        let len = epoch.batch_len(step);
        split(len, len.div_ceil(DECODED_AT_ONCE)).into_iter().map(move |part| (step, part))
    });
    let sums = workers.map(parts.collect(), |(step, part)| {
        let grids = part.len();
        let loss = batch_loss(&model, &epoch.part(step, part), &Targets::certain())?;
        Ok(grids as f64 * f64::from(loss.to_scalar::<f32>()?))
    })?;
    Ok(sums.iter().sum::<f64>() / epoch.grids() as f64)
}

/// What `job` makes of each grid's labels and transcript, in the order of the grids.
pub(crate) fn read_all<R>(
    model: &Seq2Seq,
    loader: &Loader,
    workers: &Workers,
    job: impl Fn(&[u8], Transcript) -> R,
    mut done: impl FnMut(usize),
) -> Result<Vec<R>, Error> {
    let (model, epoch) = (model.frozen()?, loader.in_order());
    let mut results = Vec::with_capacity(epoch.grids());
    for step in 0..epoch.steps() {
        let batch = epoch.batch(step);
        let transcripts = decode(&model, &batch, workers)?;
        let grids = batch.labels.chunks_exact(loader.shape().cells()).zip(transcripts);
        results.extend(grids.map(|(labels, transcript)| job(labels, transcript)));
        done(batch.len);
    }
    Ok(results)
}

/// The transcript of each grid of `batch`, by greedy decoding on all threads.
///
/// # Errors
/// [`Error::Infer`] if the model cannot read grids of this shape.
pub fn decode(model: &Seq2Seq, batch: &Batch, workers: &Workers) -> Result<Vec<Transcript>, Error> {
    let parts = split(batch.len, batch.len.div_ceil(DECODED_AT_ONCE));
    let device = model.parameters().device();
    let transcripts = workers
        .map(parts, |part: Range<usize>| Ok(transcribe(model, &image_tensor(batch, part, device)?)?))?;
    Ok(transcripts.into_iter().flatten().collect())
}
