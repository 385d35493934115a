//! Reading many grids on all threads, and counting what is read right.

use std::ops::Range;
use std::time::Instant;

use mnist2x2_data::{Batch, Loader};
use mnist2x2_infer::{Sequence, greedy};
use mnist2x2_model::Seq2Seq;

use crate::Error;
use crate::gradient::{image_tensor, split};
use crate::metrics::{Counts, Evaluation};
use crate::workers::Workers;

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
    mut done: impl FnMut(usize),
) -> Result<Evaluation, Error> {
    let (start, model, epoch) = (Instant::now(), model.frozen()?, loader.in_order());
    let cells = loader.shape().cells();
    let mut counts = Counts::new(cells);
    for step in 0..epoch.steps() {
        let batch = epoch.batch(step);
        let sequences = decode(&model, &batch, workers)?;
        for (labels, sequence) in batch.labels.chunks_exact(cells).zip(&sequences) {
            counts.add(labels, &sequence.digits(cells));
        }
        done(batch.len);
    }
    Ok(counts.finish(start.elapsed().as_secs_f64()))
}

/// The sequence of each grid of `batch`, by greedy decoding on all threads.
///
/// # Errors
/// [`Error::Infer`] if the model cannot read grids of this shape.
pub fn decode(model: &Seq2Seq, batch: &Batch, workers: &Workers) -> Result<Vec<Sequence>, Error> {
    let parts = split(batch.len, batch.len.div_ceil(DECODED_AT_ONCE));
    let device = model.parameters().device();
    let sequences =
        workers.map(parts, |part: Range<usize>| Ok(greedy(model, &image_tensor(batch, part, device)?)?))?;
    Ok(sequences.into_iter().flatten().collect())
}
