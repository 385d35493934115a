//! Reading what people wrote with a pen, and counting what is read right.

use std::ops::Range;

use mnist2x2_data::pendigits::PenDigit;
use mnist2x2_data::{RenderCondition, Strokes};
use mnist2x2_infer::Recognizer;
use mnist2x2_picture::ModelInput;

use crate::gradient::split;
use crate::{Error, Graded, Workers};

/// Grids that one thread reads at once.
const AT_ONCE: usize = 25;

/// Draws `digits` as `variant` says, as many to a grid as the recogniser reads, and reads them back.
///
/// Consecutive digits make a grid, in reading order; those at the end that fill none are left out. `done` is told how many
/// more grids have been read.
///
/// # Errors
/// As [`ModelInput::render_strokes`] and [`Recognizer::read_batch`].
pub fn grade_written(
    recognizer: &Recognizer,
    digits: &[PenDigit],
    variant: &RenderCondition,
    workers: &Workers,
    mut done: impl FnMut(usize),
) -> Result<Vec<Graded>, Error> {
    let grids: Vec<&[PenDigit]> = digits.chunks_exact(recognizer.shape().cells()).collect();
    let read = |part: Range<usize>| read_part(recognizer, &grids, part, variant);
    let mut graded = Vec::with_capacity(grids.len());
    let parts = split(grids.len(), grids.len().div_ceil(AT_ONCE));
    // As many parts at a time as there are threads, so that whoever waits is told how it goes.
    for parts in parts.chunks(workers.count()) {
        let before = graded.len();
        graded.extend(workers.map(parts.to_vec(), read)?.into_iter().flatten());
        done(graded.len() - before);
    }
    Ok(graded)
}

fn read_part(
    recognizer: &Recognizer,
    grids: &[&[PenDigit]],
    part: Range<usize>,
    variant: &RenderCondition,
) -> Result<Vec<Graded>, Error> {
    let see = |index: usize| {
        let strokes: Vec<&Strokes> = grids[index].iter().map(|digit| &digit.strokes).collect();
        ModelInput::render_strokes(&strokes, variant.renderer(index as u64).as_ref(), recognizer.shape())
    };
    let seen = part.clone().map(see).collect::<Result<Vec<_>, _>>()?;
    let readings = recognizer.read_batch(&seen)?.into_iter().zip(part);
    let graded = readings.map(|(reading, index)| Graded {
        labels: grids[index].iter().map(|digit| digit.label).collect(),
        read: reading.cells.iter().map(|cell| cell.digit).collect(),
        confidence: f64::from(reading.confidence),
        cells: reading.cells.iter().map(|cell| f64::from(cell.confidence)).collect(),
    });
    Ok(graded.collect())
}
