//! From corrections as they are kept to grids that a model can learn.

use anyhow::{Context, ensure};
use mnist2x2::corrections::{Correction, Store};
use mnist2x2::data::GridShape;
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
            Ok(example) => examples.learnable.push(example),
            Err(problem) => examples.skipped.push((summary.key.clone(), problem)),
        }
        Ok(())
    })?;
    Ok(examples)
}

fn example(correction: &Correction, shape: GridShape) -> anyhow::Result<LabeledExample> {
    let right: Vec<Option<u8>> =
        correction.right.chars().map(|cell| cell.to_digit(10).map(|digit| digit as u8)).collect();
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
        let input = ModelInput::from_drawing(&drawing, shape);
        return Ok(LabeledExample::new(input, right, Some(drawing.cells(shape)))?);
    }
    let picture = correction.picture.as_deref().context("has neither strokes nor a picture")?;
    Ok(LabeledExample::new(ModelInput::from_picture(&Picture::from_bytes(picture)?, shape), right, None)?)
}
