//! From corrections as they are kept to grids that a model can learn.

use anyhow::{Context, ensure};
use mnist2x2::corrections::{Correction, Store};
use mnist2x2::data::{GridShape, PIXELS, Strokes};
use mnist2x2::train::LabeledExample;
use mnist2x2::{Drawing, ModelInput, Picture, serve};
use serde::Deserialize;

use crate::commands::corrections::each;

/// What a store has to teach.
#[derive(Default)]
pub(super) struct Examples {
    pub(super) learnable: Vec<LabeledExample>,
    /// The corrections that are none, by their keys, and why.
    pub(super) skipped: Vec<(String, anyhow::Error)>,
    /// What was found and is no digit, as people say: it is left out of the corrections that hold it.
    pub(super) no_digits: usize,
}

/// Every correction in `store`, for a model that reads grids of `shape`. One that is of other grids or cannot be understood is
/// skipped: it says nothing of the others.
///
/// # Errors
/// If the store is damaged.
pub(super) fn read(store: &Store, shape: GridShape) -> anyhow::Result<Examples> {
    store.check()?;
    let mut examples = Examples::default();
    each(store, |summary| {
        let stored = store.get(&summary.key).map_err(anyhow::Error::from);
        match stored.and_then(|stored| example(&stored.context("was removed")?.correction, shape)) {
            Ok((example, no_digits)) => {
                examples.learnable.extend(example);
                examples.no_digits += no_digits;
            }
            Err(problem) => examples.skipped.push((summary.key.clone(), problem)),
        }
        Ok(())
    })?;
    Ok(examples)
}

/// What a correction teaches, nothing if no digit is left; and how many are no digits.
fn example(correction: &Correction, shape: GridShape) -> anyhow::Result<(Option<LabeledExample>, usize)> {
    let right: Vec<Option<u8>> =
        correction.right.chars().map(|cell| cell.to_digit(10).map(|digit| digit as u8)).collect();
    if let Some(found) = &correction.found {
        return of_digits(found, &right);
    }
    ensure!(
        right.len() == shape.cells(),
        "is of {} cells, but the model reads {} x {}",
        right.len(),
        shape.rows,
        shape.cols
    );
    if let Some(strokes) = &correction.strokes {
        let sent = serve::Drawing::deserialize(strokes).context("strokes")?;
        sent.check(shape.cells())?;
        let drawing = Drawing::from_cells(&sent.cells, sent.width, sent.height, shape)?;
        let cells = drawing.cells(shape).into_iter().zip(&right);
        let strokes = cells.map(|(strokes, digit)| strokes.filter(|_| digit.is_some())).collect();
        return of_grid(&ModelInput::from_drawing(&drawing, shape), right, Some(strokes));
    }
    let picture = correction.picture.as_deref().context("has neither strokes nor a picture")?;
    of_grid(&ModelInput::from_picture(&Picture::from_bytes(picture)?, shape), right, None)
}

fn of_digits(found: &[u8], right: &[Option<u8>]) -> anyhow::Result<(Option<LabeledExample>, usize)> {
    let digits = found.as_chunks::<PIXELS>().0.iter().zip(right);
    let (digits, labels): (Vec<_>, Vec<_>) =
        digits.filter_map(|(pixels, digit)| Some((*pixels, (*digit)?))).unzip();
    let example = (!labels.is_empty()).then(|| LabeledExample::of_digits(&digits, &labels)).transpose()?;
    Ok((example, right.len() - labels.len()))
}

/// A grid without the ink of cells in which there is no digit.
fn of_grid(
    input: &ModelInput,
    right: Vec<Option<u8>>,
    strokes: Option<Vec<Option<Strokes>>>,
) -> anyhow::Result<(Option<LabeledExample>, usize)> {
    let is_inked = |cell: &usize| !input.empty()[*cell];
    let no_digits = (0..right.len()).filter(is_inked).filter(|&cell| right[cell].is_none()).count();
    let cell = |cell: usize| (is_inked(&cell) && right[cell].is_some()).then(|| input.cell(cell));
    let cleared = ModelInput::from_digits(input.shape(), (0..right.len()).map(cell));
    let has_digits = right.iter().any(Option::is_some);
    let example = has_digits.then(|| LabeledExample::new(cleared, right, strokes)).transpose()?;
    Ok((example, no_digits))
}
