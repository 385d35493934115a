//! The grids that a model is fine-tuned on: MNIST's digits, pen strokes and corrections, mixed.

use std::ops::Range;
use std::sync::Arc;

use mnist2x2_data::{Digits, GridShape, GridSource, IndexMap, Loader};
use mnist2x2_random::Random;

use super::labeled_example::Drawn;
use crate::{Error, Recipe};

/// The grids of one epoch: a `share` of their digits is of what `drawn` holds, half of it as grids that were drawn so, where
/// there are such, the rest as digits among others. Of those others, the recipe's fraction is of `pens`, the rest of `digits`.
pub(super) fn training(
    recipe: &Recipe,
    digits: Digits,
    pens: Option<&Digits>,
    (drawn, share): (&Drawn, f64),
    shape: GridShape,
) -> Result<Loader, Error> {
    let whole = if drawn.wholes.is_empty() { 0.0 } else { share / 2.0 };
    // What is left of the share, among the grids that are left.
    let single = (share - whole) / (1.0 - whole);
    let mnist = 0..digits.len() as u32;
    let strokes = after(&mnist, pens.map_or(0, Digits::len));
    let corrected = after(&strokes, drawn.digits.len());
    let cell = |random: &mut Random| {
        let kind = match random.unit() {
            kind if kind < single => &corrected,
            kind if kind < single + (1.0 - single) * recipe.stroke_fraction => &strokes,
            _ => &mnist,
        };
        kind.start + random.below(kind.end - kind.start)
    };
    let grid = |place: usize| -> Vec<u32> {
        let mut random = Random::keyed(recipe.seed, "finetune grid", 0, place as u64);
        if random.unit() < whole {
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
    Ok(Loader::new(digits, GridSource::Fixed(map), shape, recipe.batch_size, recipe.seed)?)
}

/// As many digits as `count`, after those of another kind.
fn after(kind: &Range<u32>, count: usize) -> Range<u32> {
    kind.end..kind.end + count as u32
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use mnist2x2_data::mnist::Split;
    use mnist2x2_data::{SIDE, synthetic};

    use super::*;
    use crate::finetune::LabeledExample;
    use crate::finetune::labeled_example::hold_out;
    use crate::finetune::tests::{SHAPE, example, examples};

    type Image = Vec<u32>;

    /// Every cell of every grid of an epoch, bit by bit.
    fn cells(loader: &Loader) -> Vec<Image> {
        let epoch = loader.epoch(0);
        let images: Vec<f32> = (0..epoch.steps()).flat_map(|step| epoch.batch(step).images).collect();
        let cell = |image: &[f32], cell: usize| -> Image {
            let rows = image.chunks(SHAPE.width());
            rows.flat_map(|row| row[cell * SIDE..][..SIDE].iter().map(|x| x.to_bits())).collect()
        };
        let grids = images.chunks(SHAPE.pixels());
        grids.flat_map(|image| (0..SHAPE.cells()).map(move |k| cell(image, k))).collect()
    }

    /// The digits of these grids, as they are.
    fn alone(digits: Digits) -> HashSet<Image> {
        let map = IndexMap::new((0..digits.len() as u32 / 3 * 3).collect(), 3).unwrap();
        let loader = Loader::new(Arc::new(digits), GridSource::Fixed(map), SHAPE, 9, 0).unwrap();
        cells(&loader).into_iter().collect()
    }

    fn training_on(learned: &Drawn, share: f64) -> Loader {
        let recipe = Recipe { seed: 3, epoch_grids: 3_000, batch_size: 50, ..Recipe::finetune() };
        let digits = synthetic::digits(Split::Train, 40, 0);
        training(&recipe, digits, None, (learned, share), SHAPE).unwrap()
    }

    #[test]
    fn no_held_out_correction_is_trained_on_and_every_other_is() {
        let (learned, held_out) = hold_out(examples(24));
        let learned = Drawn::of(&learned, SHAPE).unwrap();
        let seen: HashSet<Image> = cells(&training_on(&learned, 0.9)).into_iter().collect();
        assert!(seen.is_disjoint(&alone(Drawn::of(&held_out, SHAPE).unwrap().digits)));
        let learned = alone(learned.digits);
        assert!(learned.is_subset(&seen), "{} of {}", learned.intersection(&seen).count(), learned.len());
    }

    /// Of 24 drawings three have an empty cell; of those alone no grid is drawn as a whole.
    #[test]
    fn the_share_is_that_of_digits_from_corrections() {
        let partial: Vec<LabeledExample> = (0..8).map(|number| example(7 * number)).collect();
        for examples in [examples(24), partial] {
            let learned = Drawn::of(&examples, SHAPE).unwrap();
            let corrected = alone(Drawn::of(&examples, SHAPE).unwrap().digits);
            for share in [0.08, 0.5, 0.9, 1.0] {
                let all = cells(&training_on(&learned, share));
                let found =
                    all.iter().filter(|cell| corrected.contains(*cell)).count() as f64 / all.len() as f64;
                assert!((found - share).abs() < 0.02, "{found} for {share}");
            }
        }
    }
}
