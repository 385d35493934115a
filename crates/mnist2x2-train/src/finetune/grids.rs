//! The grids that a model is fine-tuned on: MNIST's digits, pen strokes and corrections, mixed.

use std::ops::Range;
use std::sync::Arc;

use mnist2x2_data::{Digits, GridShape, GridSource, IndexMap, Loader};
use mnist2x2_random::Random;

use super::lesson::Drawn;
use crate::{Error, Recipe};

/// The grids of one epoch: of MNIST's `digits`, of `pens` in the share that the recipe says, and in a share of their own of
/// what `drawn` holds: half of it as grids that were drawn so, half as digits among others.
pub(super) fn training(
    recipe: &Recipe,
    digits: Digits,
    pens: Option<&Digits>,
    (drawn, share): (&Drawn, f64),
    shape: GridShape,
) -> Result<Loader, Error> {
    let half = share / 2.0;
    let mnist = 0..digits.len() as u32;
    let strokes = after(&mnist, pens.map_or(0, Digits::len));
    let corrected = after(&strokes, drawn.digits.len());
    let cell = |random: &mut Random| {
        let kind = random.unit();
        let kind = match pens {
            _ if kind < half => &corrected,
            Some(_) if kind < half + recipe.strokes => &strokes,
            _ => &mnist,
        };
        kind.start + random.below(kind.end - kind.start)
    };
    let grid = |place: usize| -> Vec<u32> {
        let mut random = Random::keyed(recipe.seed, "finetune grid", 0, place as u64);
        if !drawn.wholes.is_empty() && random.unit() < half {
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
