//! From corrections as they are kept to grids that a model can learn.

use anyhow::Context;
use mnist2x2::GridShape;
use mnist2x2::corrections::Store;
use mnist2x2::train::{Correction, LabeledExample};

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
        match example(store, &summary.key, shape) {
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

/// What the correction of this key teaches, nothing if no digit is left; and how many are no digits.
fn example(store: &Store, key: &str, shape: GridShape) -> anyhow::Result<(Option<LabeledExample>, usize)> {
    let stored = store.get(key)?.context("was removed")?.correction;
    let (found, picture) = (stored.found.as_deref(), stored.picture.as_deref());
    let correction = Correction { right: &stored.right, found, strokes: stored.strokes.as_ref(), picture };
    Ok(correction.example(shape)?)
}
