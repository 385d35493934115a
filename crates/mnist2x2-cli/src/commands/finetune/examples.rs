//! From corrections as they are kept to grids that a model can learn.

use anyhow::{Context, ensure};
use mnist2x2::corrections::{Correction, Store};
use mnist2x2::data::GridShape;
use mnist2x2::train::LabeledExample;
use mnist2x2::{Drawing, ModelInput, Picture, serve};
use serde::Deserialize;

/// Every correction in `store`, for a model that reads grids of `shape`.
///
/// # Errors
/// If the store is damaged, or a correction is of other grids or cannot be understood.
pub(super) fn read(store: &Store, shape: GridShape) -> anyhow::Result<Vec<LabeledExample>> {
    store.check()?;
    let mut examples = Vec::new();
    let mut id = 0;
    while let Some(stored) = store.after(id)? {
        let correction = &stored.correction;
        examples.push(example(correction, shape).with_context(|| format!("correction {}", correction.key))?);
        id = stored.id;
    }
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
