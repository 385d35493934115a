//! Counting what a model reads right, without teacher forcing.

use std::time::Instant;

use mnist2x2_data::{Batch, Loader};
use mnist2x2_infer::greedy;
use mnist2x2_model::Seq2Seq;

use crate::Error;
use crate::gradient::image_tensor;
use crate::metrics::{Counts, Evaluation};
use crate::workers::Workers;

/// Grids that are decoded at once: enough to keep the matrix products busy, few enough to stay in cache.
pub const EVALUATION_BATCH: usize = 100;

/// Reads all grids of `loader` once, in their order, by greedy decoding.
///
/// `done` is told how many grids have been read, from any thread.
///
/// # Errors
/// [`Error::Infer`] if the model cannot read grids of this shape.
pub fn evaluate(
    model: &Seq2Seq,
    loader: &Loader,
    workers: &Workers,
    done: impl Fn(usize) + Sync,
) -> Result<Evaluation, Error> {
    let (start, model, epoch) = (Instant::now(), model.frozen()?, loader.in_order());
    let counts = workers.map((0..epoch.steps()).collect(), |step| {
        let batch = epoch.batch(step);
        let counts = count(&model, &batch)?;
        done(batch.len);
        Ok(counts)
    })?;
    let total = counts.iter().fold(Counts::new(loader.shape().cells()), Counts::merge);
    Ok(total.finish(start.elapsed().as_secs_f64()))
}

fn count(model: &Seq2Seq, batch: &Batch) -> Result<Counts, Error> {
    let cells = batch.shape.cells();
    let sequences = greedy(model, &image_tensor(batch, model.parameters().device())?)?;
    let mut counts = Counts::new(cells);
    for (labels, sequence) in batch.labels.chunks_exact(cells).zip(&sequences) {
        counts.add(labels, &sequence.digits(cells));
    }
    Ok(counts)
}
