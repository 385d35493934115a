//! The grids that a model is fine-tuned on: MNIST's digits, pen strokes and corrections, mixed.

use std::ops::Range;
use std::sync::Arc;

use mnist2x2_data::{Digits, GridShape, GridSource, IndexMap, Loader};
use mnist2x2_random::Random;

use super::lesson::{Drawn, Lesson};
use crate::{Error, Recipe};

/// The share of grids that are corrections as they were drawn.
const WHOLE: f64 = 0.1;
/// The share of digits in the other grids that are from corrections.
const CORRECTED: f64 = 0.25;

/// The grids of one epoch: of MNIST's `digits`, of `pens` in the share that the recipe says, and of `lessons`.
pub(super) fn training(
    recipe: &Recipe,
    digits: Digits,
    pens: Option<&Digits>,
    lessons: &[Lesson],
    shape: GridShape,
) -> Result<Loader, Error> {
    let drawn = Drawn::of(lessons, shape)?;
    let mnist = 0..digits.len() as u32;
    let strokes = after(&mnist, pens.map_or(0, Digits::len));
    let corrected = after(&strokes, drawn.digits.len());
    let cell = |random: &mut Random| {
        let kind = random.unit();
        let kind = match pens {
            _ if kind < CORRECTED => &corrected,
            Some(_) if kind < CORRECTED + recipe.strokes => &strokes,
            _ => &mnist,
        };
        kind.start + random.below(kind.end - kind.start)
    };
    let grid = |place: usize| -> Vec<u32> {
        let mut random = Random::keyed(recipe.seed, "finetune grid", 0, place as u64);
        if !drawn.wholes.is_empty() && random.unit() < WHOLE {
            let whole = drawn.wholes[random.below(drawn.wholes.len() as u32) as usize];
            return (corrected.start + whole..).take(shape.cells()).collect();
        }
        (0..shape.cells()).map(|_| cell(&mut random)).collect()
    };
    let map = IndexMap::new((0..recipe.epoch_grids).flat_map(grid).collect(), shape.cells())?;
    let digits = match pens {
        Some(pens) => digits.chain(pens),
        None => digits,
    };
    let digits = Arc::new(digits.chain(&drawn.digits));
    Ok(Loader::new(digits, GridSource::Fixed(map), shape, recipe.batch, recipe.seed)?)
}

/// As many digits as `count`, after those of another kind.
fn after(kind: &Range<u32>, count: usize) -> Range<u32> {
    kind.end..kind.end + count as u32
}
