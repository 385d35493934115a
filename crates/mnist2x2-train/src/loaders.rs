//! The grids that a recipe trains on and validates with.

use std::sync::Arc;

use mnist2x2_data::pendigits::PenDigits;
use mnist2x2_data::{DigitSplit, Digits, GridSource, Layout, Loader, reference, synthetic};
use mnist2x2_infer::layout_of;
use mnist2x2_model::{Config, LayoutKind};

use crate::{EVALUATION_BATCH, Error, Grids, MAX_GRIDS, Recipe, ValidationSplit, stroke_digits};

/// The most digits in the grids of an epoch: those of the most grids of 2 x 2.
const MAX_DIGITS: usize = 4 * MAX_GRIDS;

/// Validation grids for each validation digit.
const GRIDS_PER_DIGIT: usize = 2;
/// Digits in rare ways: nearly as many as MNIST has, of which a run of ten epochs sees each some five times, augmented anew.
const RARE_DIGITS: usize = 50_000;
/// What is added to a count of held-out digits before it is rounded down, so that a fraction of 1/n is one digit in n: far
/// more than f64 rounds by, far less than 1/n.
const ROUNDING: f64 = 1e-6;

/// What a run is trained on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrainingData {
    /// The training split, of which the recipe holds some back to validate with.
    pub digits: Digits,
    /// Pen strokes, where the recipe mixes them in.
    pub pendigits: Option<PenDigits>,
}

impl TrainingData {
    /// These digits, and pen strokes where there are some.
    pub fn new(digits: Digits, pendigits: Option<PenDigits>) -> Self {
        Self { digits, pendigits }
    }
}

impl From<Digits> for TrainingData {
    fn from(digits: Digits) -> Self {
        Self::new(digits, None)
    }
}

/// The grids of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaders {
    /// Those of each epoch.
    pub training: Loader,
    /// Those by which epochs are judged, and to which the temperature is fitted, if the recipe holds digits back.
    pub validation: Option<Loader>,
    /// Those of other writers still, by which nothing is chosen, if writers are held out: for comparing runs.
    pub unseen: Option<Loader>,
}

impl Recipe {
    /// The grids of this recipe over `data`: those of each epoch, made of all digits but those that
    /// [`validation_fraction`](Recipe::validation_fraction) holds back; the fixed grids, made of those, that it is
    /// validated with; and those of writers whom nothing is chosen by, where writers are held out.
    ///
    /// Pen strokes are mixed in if the recipe says so, of all writers or of all but
    /// [`HELD_OUT_WRITERS`](crate::HELD_OUT_WRITERS). [`rare_digits`](synthetic::rare_digits) are, where `rare_fraction` says so.
    ///
    /// # Errors
    /// [`Error::Setting`] if no digits are left to train on, or strokes are asked for and not there or the reverse,
    /// [`Error::Data`] if these grids cannot be made.
    pub fn loaders(&self, data: TrainingData, layout: impl Into<Layout>) -> Result<Loaders, Error> {
        let (TrainingData { digits, pendigits }, layout) = (data, layout.into());
        let grids = if self.epoch_grids > 0 { self.epoch_grids } else { digits.len() };
        let DigitSplit { mut training, validation, unseen } = self.split(digits)?;
        check_index_map(grids, layout)?;
        let written = training.clone();
        let strokes = self.draw(pendigits.as_ref())?;
        let source = match self.grids {
            Grids::Fixed => {
                GridSource::Fixed(reference::grids(training.len() as u32, grids, layout.max_digits()))
            }
            Grids::Fresh => {
                let rare = self.rare_fraction > 0.0;
                let rare = rare.then(|| (synthetic::rare_digits(RARE_DIGITS, self.seed), self.rare_fraction));
                let strokes = strokes.map(|strokes| (strokes, self.stroke_fraction));
                let mut kinds = Vec::new();
                for (digits, share) in strokes.into_iter().chain(rare) {
                    kinds.push((training.len(), share));
                    training = training.chain(&digits);
                }
                if kinds.is_empty() {
                    GridSource::Fresh { grids }
                } else {
                    GridSource::Mixed { grids, kinds }
                }
            }
        };
        let training = Loader::new(Arc::new(training), source, layout, self.batch_size, self.seed)?;
        let training = training
            .by_one_writer(&written, self.one_writer)?
            .with_distractors(self.distractors)?
            .with_overlap(self.overlap)?;
        let (validation, unseen) = (fixed_grids(validation, layout)?, fixed_grids(unseen, layout)?);
        Ok(Loaders { training, validation, unseen })
    }

    /// The pen strokes that this recipe trains on as digits, see [`stroke_digits::digits`]; nothing if it asks for none.
    pub(crate) fn draw(&self, strokes: Option<&PenDigits>) -> Result<Option<Digits>, Error> {
        let wrong = |problem| Err(Error::setting("stroke_fraction", problem));
        match (strokes, self.stroke_fraction > 0.0) {
            (Some(strokes), true) => Ok(Some(stroke_digits::digits(strokes, self.all_writers)?)),
            (None, false) => Ok(None),
            (None, true) => wrong("is above 0, but there are no pen strokes"),
            (Some(_), false) => wrong("is 0, but there are pen strokes"),
        }
    }

    /// Whether this recipe holds out `digits` by their writers: it says so, they are known, and enough.
    pub fn holds_out_writers(&self, digits: &Digits) -> bool {
        self.split_writers(digits).is_some()
    }

    fn split_writers(&self, digits: &Digits) -> Option<DigitSplit> {
        let is_asked = self.validation_split == ValidationSplit::Writers && self.validation_fraction > 0.0;
        if is_asked { digits.split_writers(self.validation_fraction.recip().round() as usize) } else { None }
    }

    /// The digits to train on, and those that [`validation_fraction`](Recipe::validation_fraction) holds back.
    pub(crate) fn split(&self, digits: Digits) -> Result<DigitSplit, Error> {
        if let Some(by_writers) = self.split_writers(&digits) {
            return Ok(by_writers);
        }
        let held_out = held_out(digits.len(), self.validation_fraction);
        if held_out == digits.len() {
            let problem = format!("holds all {held_out} digits back; none are left to train on");
            return Err(Error::setting("validation_fraction", problem));
        }
        let (training, validation) = digits.split_last(held_out);
        let (_, unseen) = validation.clone().split_last(0);
        Ok(DigitSplit { training, validation, unseen })
    }
}

/// How many of `digits` digits are held back.
fn held_out(digits: usize, fraction: f64) -> usize {
    (digits as f64 * fraction + ROUNDING) as usize
}

/// Refuses more digits in the grids of an epoch than their index map has room for.
pub(crate) fn check_index_map(grids: usize, layout: Layout) -> Result<(), Error> {
    let cells = layout.max_digits();
    let digits = grids.checked_mul(cells);
    if digits.is_some_and(|digits| digits <= MAX_DIGITS) {
        return Ok(());
    }
    let most = MAX_DIGITS / cells.max(1);
    Err(Error::setting(
        "epoch_grids",
        format!("is {grids}, but must be at most {most} with {cells} digits in a grid"),
    ))
}

/// Fixed grids of held-out digits; nothing if there are none.
pub(crate) fn fixed_grids(held_out: Digits, layout: Layout) -> Result<Option<Loader>, Error> {
    if held_out.is_empty() {
        return Ok(None);
    }
    let grids =
        reference::grids(held_out.len() as u32, GRIDS_PER_DIGIT * held_out.len(), layout.max_digits());
    let source = GridSource::Fixed(grids);
    Ok(Some(Loader::new(Arc::new(held_out), source, layout, EVALUATION_BATCH, 0)?))
}

/// Refuses pictures of another layout than the model reads.
pub(crate) fn check_layout(config: &Config, loader: &Loader) -> Result<(), Error> {
    let (layout, own) = (loader.layout(), layout_of(config));
    // A model of grids with empty cells reads full ones too, and whatever share is empty.
    let is_known = layout.is_full() || config.arrangement != LayoutKind::Grid;
    if is_known && layout.shape() == own.shape() && layout.to_string() == own.to_string() {
        return Ok(());
    }
    let kind = |layout: Layout| {
        if layout.is_full() || !matches!(layout, Layout::Grid { .. }) { "" } else { " with empty cells" }
    };
    let problem =
        format!("is of the layout {layout}{}, but the model reads {own}{}", kind(layout), kind(own));
    Err(Error::setting("data", problem))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use mnist2x2_data::mnist::Split;
    use mnist2x2_data::pendigits::PenDigit;
    use mnist2x2_data::{GridShape, Strokes, synthetic};

    use super::*;

    const SHAPE: GridShape = GridShape { rows: 1, cols: 3 };

    #[test]
    fn no_validation_digit_is_trained_on() {
        let digits = synthetic::digits(Split::Train, 50, 0);
        for grids in [Grids::Fixed, Grids::Fresh] {
            let recipe = Recipe {
                seed: 3,
                validation_fraction: 0.5,
                batch_size: 9,
                epoch_grids: 70,
                grids,
                ..Recipe::reference()
            };
            let Loaders { training, validation, .. } = recipe.loaders(digits.clone().into(), SHAPE).unwrap();
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
    fn a_fraction_of_one_nth_is_one_digit_in_n() {
        for n in 1..=300 {
            for digits in (0..3_000).chain([60_000, 4_000_000_000]) {
                assert_eq!(held_out(digits, 1.0 / n as f64), digits / n, "one in {n} of {digits}");
            }
        }
        assert_eq!([held_out(50, 0.0), held_out(50, 1.0), held_out(50, 0.35)], [0, 50, 17]);
    }

    /// A synthetic digit of each of 24 writers in turn, ten of each.
    fn written() -> Digits {
        synthetic::digits(Split::Train, 240, 0).with_writers((0..240).map(|i| i % 24).collect()).unwrap()
    }

    #[test]
    fn people_are_held_out_where_they_are_known_and_the_recipe_says_so() {
        let by_writers = Recipe::default();
        assert!(by_writers.holds_out_writers(&written()));
        let DigitSplit { training, validation, unseen } = by_writers.split(written()).unwrap();
        assert_eq!([&training, &validation, &unseen].map(Digits::len), [200, 20, 20]);
        let writers =
            |digits: &Digits| -> HashSet<u32> { digits.writers().unwrap().iter().copied().collect() };
        let parts = [&training, &validation, &unseen].map(writers);
        assert_eq!(parts.each_ref().map(HashSet::len), [20, 2, 2]);
        assert_eq!(parts.iter().flatten().collect::<HashSet<_>>().len(), 24, "nobody is in two of them");
        let loaders = by_writers.loaders(written().into(), SHAPE).unwrap();
        let grids = |loader: &Option<Loader>| loader.as_ref().unwrap().in_order().grids();
        assert_eq!((grids(&loaders.validation), grids(&loaders.unseen)), (40, 40));

        let last = Recipe { validation_split: ValidationSplit::Last, ..Recipe::default() };
        for (recipe, digits) in [(&last, written()), (&by_writers, written().without_writers())] {
            assert!(!recipe.holds_out_writers(&digits));
            let DigitSplit { training, validation, unseen } = recipe.split(digits.clone()).unwrap();
            assert_eq!((training, validation), digits.split_last(20), "as ever");
            assert!(unseen.is_empty());
        }
        assert!(!Recipe::reference().holds_out_writers(&written()), "what is published stays as it is");
    }

    #[test]
    fn grids_that_would_fill_the_memory_are_refused_before_they_are_made() {
        let digits = synthetic::digits(Split::Train, 50, 0);
        for grids in [Grids::Fixed, Grids::Fresh] {
            let recipe = Recipe { epoch_grids: MAX_GRIDS, grids, ..Recipe::reference() };
            let shape = GridShape { rows: 8, cols: 8 };
            let message = recipe.loaders(digits.clone().into(), shape).unwrap_err().to_string();
            assert!(message.contains("`epoch_grids` is 100000000, but must be at most 6250000"), "{message}");
        }
    }

    #[test]
    fn something_must_be_left_to_train_on() {
        let recipe = Recipe { validation_fraction: 1.0, ..Recipe::reference() };
        let error = recipe.loaders(synthetic::digits(Split::Train, 50, 0).into(), SHAPE).unwrap_err();
        assert!(error.to_string().contains("`validation_fraction` holds all 50 digits back"), "{error}");
    }

    #[test]
    fn strokes_are_those_of_the_writers_who_are_not_held_out() {
        let strokes = Strokes::new(vec![vec![[0.1, 0.1], [0.9, 0.8]]]).unwrap();
        let digit = |writer| PenDigit { label: 4, writer: Some(writer), strokes: strokes.clone() };
        let pens =
            PenDigits { digits: vec![digit(1), digit(24), digit(25), digit(30)], sha256: String::new() };
        let recipe =
            Recipe { stroke_fraction: 1.0, epoch_grids: 8, grids: Grids::Fresh, ..Recipe::reference() };
        let without = TrainingData::from(synthetic::digits(Split::Train, 50, 0));
        let with = TrainingData::new(without.digits.clone(), Some(pens));
        let half = Recipe { stroke_fraction: 0.5, rare_fraction: 0.5, ..recipe.clone() };
        let Loaders { training, .. } = half.loaders(with.clone(), SHAPE).unwrap();
        let others = training.epoch(0).batch(0).labels.into_iter().filter(|&label| label != 4).count();
        assert!((5..16).contains(&others), "nine of ten rare digits, which are half of 24: {others}");
        let Loaders { training, .. } = recipe.loaders(with.clone(), SHAPE).unwrap();
        assert!(training.epoch(0).batch(0).labels.iter().all(|&label| label == 4));
        for (recipe, data) in [(recipe, without), (Recipe::reference(), with)] {
            let message = recipe.loaders(data, SHAPE).unwrap_err().to_string();
            assert!(message.contains("`stroke_fraction` is"), "{message}");
        }
    }
}
