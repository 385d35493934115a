//! The grids that a recipe trains on and validates with.

use std::sync::Arc;

use mnist2x2_data::pendigits::PenDigits;
use mnist2x2_data::{Digits, GridShape, GridSource, Loader, reference};

use crate::evaluate::EVALUATION_BATCH;
use crate::{Error, Grids, Recipe, pens};

/// Validation grids for each validation digit.
const GRIDS_PER_DIGIT: usize = 2;

impl Recipe {
    /// The grids of this recipe over the training split `digits`: those of each epoch, made of all digits but those that
    /// [`validate_one_in`](Recipe::validate_one_in) holds back, and the fixed grids, made of those, that it is validated
    /// with.
    ///
    /// `pens` are mixed in if the recipe says so, of all writers or of all but [`HELD_OUT_WRITERS`](crate::HELD_OUT_WRITERS).
    ///
    /// # Errors
    /// [`Error::Recipe`] if no digits are left to train on, or strokes are asked for and not there or the reverse,
    /// [`Error::Data`] if these grids cannot be made.
    pub fn loaders(
        &self,
        digits: Digits,
        pens: Option<&PenDigits>,
        shape: GridShape,
    ) -> Result<(Loader, Option<Loader>), Error> {
        let grids = if self.epoch_grids > 0 { self.epoch_grids } else { digits.len() };
        let (training, held_out) = self.split(digits)?;
        let pens = self.draw(pens)?;
        let source = match (self.grids, &pens) {
            (Grids::Fixed, _) => {
                GridSource::Fixed(reference::grids(training.len() as u32, grids, shape.cells()))
            }
            (Grids::Fresh, None) => GridSource::Fresh { grids },
            (Grids::Fresh, Some(_)) => {
                GridSource::Mixed { grids, second: training.len(), share: self.strokes }
            }
        };
        let training = match &pens {
            Some(pens) => training.chain(pens),
            None => training,
        };
        let training = Loader::new(Arc::new(training), source, shape, self.batch, self.seed)?;
        Ok((training, validation(held_out, shape)?))
    }

    /// The pen strokes that this recipe trains on as digits, see [`pens::digits`]; nothing if it asks for none.
    pub(crate) fn draw(&self, strokes: Option<&PenDigits>) -> Result<Option<Digits>, Error> {
        let problem = |problem: &str| Error::Recipe { field: "strokes", problem: problem.into() };
        match (strokes, self.strokes > 0.0) {
            (Some(strokes), true) => Ok(Some(pens::digits(strokes, self.all_writers)?)),
            (None, false) => Ok(None),
            (None, true) => Err(problem("is above 0, but there are no pen strokes")),
            (Some(_), false) => Err(problem("is 0, but there are pen strokes")),
        }
    }

    /// The digits to train on, and those that [`validate_one_in`](Recipe::validate_one_in) holds back.
    pub(crate) fn split(&self, digits: Digits) -> Result<(Digits, Digits), Error> {
        let held_out = digits.len().checked_div(self.validate_one_in).unwrap_or(0);
        if held_out == digits.len() {
            let problem = format!("holds all {held_out} digits back; none are left to train on");
            return Err(Error::Recipe { field: "validate_one_in", problem });
        }
        Ok(digits.split_last(held_out))
    }
}

/// The fixed grids of `held_out` digits to validate with; nothing if there are none.
pub(crate) fn validation(held_out: Digits, shape: GridShape) -> Result<Option<Loader>, Error> {
    if held_out.is_empty() {
        return Ok(None);
    }
    let grids = reference::grids(held_out.len() as u32, GRIDS_PER_DIGIT * held_out.len(), shape.cells());
    let source = GridSource::Fixed(grids);
    Ok(Some(Loader::new(Arc::new(held_out), source, shape, EVALUATION_BATCH, 0)?))
}

#[cfg(test)]
mod tests {
    use mnist2x2_data::mnist::Split;
    use mnist2x2_data::pendigits::PenDigit;
    use mnist2x2_data::{Strokes, synthetic};

    use super::*;

    const SHAPE: GridShape = GridShape { rows: 1, cols: 3 };

    #[test]
    fn no_validation_digit_is_trained_on() {
        let digits = synthetic::digits(Split::Train, 50, 0);
        for grids in [Grids::Fixed, Grids::Fresh] {
            let recipe =
                Recipe { validate_one_in: 2, batch: 9, epoch_grids: 70, grids, ..Recipe::reference(3) };
            let (training, validation) = recipe.loaders(digits.clone(), None, SHAPE).unwrap();
            assert_eq!(training.in_order().grids(), 70);
            let validation = validation.unwrap();
            assert_eq!(validation.in_order().grids(), 50);
            let cells = |loader: &Loader| -> Vec<Vec<u32>> {
                let epoch = loader.epoch(1);
                let images = (0..epoch.steps()).flat_map(|step| epoch.batch(step).images).collect::<Vec<_>>();
                let cell = |image: &[f32], cell: usize| -> Vec<u32> {
                    image
                        .chunks(84)
                        .flat_map(|row| row[cell * 28..][..28].iter().map(|x| x.to_bits()))
                        .collect()
                };
                let grids = images.chunks(SHAPE.pixels());
                grids.flat_map(|image| (0..3).map(move |k| cell(image, k))).collect()
            };
            let seen = cells(&training);
            assert!(cells(&validation).iter().all(|digit| !seen.contains(digit)), "{grids:?}");
        }
    }

    #[test]
    fn something_must_be_left_to_train_on() {
        let recipe = Recipe { validate_one_in: 1, ..Recipe::reference(0) };
        let error = recipe.loaders(synthetic::digits(Split::Train, 50, 0), None, SHAPE).unwrap_err();
        assert!(error.to_string().contains("`validate_one_in` holds all 50 digits back"), "{error}");
    }

    #[test]
    fn strokes_are_those_of_the_writers_who_are_not_held_out() {
        let strokes = Strokes::new(vec![vec![[0.1, 0.1], [0.9, 0.8]]]).unwrap();
        let digit = |writer| PenDigit { label: 4, writer: Some(writer), strokes: strokes.clone() };
        let pens =
            PenDigits { digits: vec![digit(1), digit(24), digit(25), digit(30)], sha256: String::new() };
        let recipe = Recipe { strokes: 1.0, epoch_grids: 8, grids: Grids::Fresh, ..Recipe::reference(0) };
        let digits = synthetic::digits(Split::Train, 50, 0);
        let (training, _) = recipe.loaders(digits.clone(), Some(&pens), SHAPE).unwrap();
        assert!(training.epoch(0).batch(0).labels.iter().all(|&label| label == 4));
        for (recipe, pens) in [(recipe, None), (Recipe::reference(0), Some(&pens))] {
            let message = recipe.loaders(digits.clone(), pens, SHAPE).unwrap_err().to_string();
            assert!(message.contains("`strokes` is"), "{message}");
        }
    }
}
