//! Batches of grids, the same for the same seed, whoever asks and in whatever order.
//!
//! A batch is a function of (seed, epoch, step): nothing is consumed, so a run that is resumed at any step sees what
//! it would have seen, and threads may make the parts of one batch beside each other.

use std::sync::Arc;

use crate::augment::Augmentation;
use crate::digits::Digits;
use crate::error::Error;
use crate::grid::GridShape;
use crate::grid_source::GridSource;
use crate::layout::Layout;
use crate::placement::OVERLAP;

/// Pictures of a set of digits in seeded batches.
#[derive(Clone, Debug)]
pub struct Loader {
    pub(crate) digits: Arc<Digits>,
    pub(crate) source: GridSource,
    pub(crate) layout: Layout,
    pub(crate) batch: usize,
    pub(crate) seed: u64,
    pub(crate) augmentation: Option<Augmentation>,
    pub(crate) writers: Option<OneWriter>,
    pub(crate) distractors: f64,
    pub(crate) overlap: f64,
}

/// The digits of each writer, and the share of fresh pictures whose digits are all by one.
#[derive(Clone, Debug)]
pub(crate) struct OneWriter {
    pub(crate) digits: Arc<Vec<Vec<u32>>>,
    pub(crate) share: f64,
}

impl Loader {
    /// How far the images of neighbors in a line overlap at most where nothing is said, as a share of the smaller one.
    pub const OVERLAP: f64 = OVERLAP;

    /// Batches of `batch` pictures; the last of an epoch holds what is left and may be smaller. The source gives each picture as
    /// many digits as it has at most; the layout says how many of them it shows.
    ///
    /// # Errors
    /// [`Error::BadGrid`] if there are no digits, no grids, no cells or no room in a batch, or if the index map has
    /// grids of another size or digits that are not there.
    pub fn new(
        digits: Arc<Digits>,
        source: GridSource,
        layout: impl Into<Layout>,
        batch: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        let loader = Self {
            digits,
            source,
            layout: layout.into(),
            batch,
            seed,
            augmentation: None,
            writers: None,
            distractors: 0.0,
            overlap: OVERLAP,
        };
        loader.check()?;
        Ok(loader)
    }

    /// The same grids with every digit changed anew in each epoch.
    ///
    /// # Errors
    /// [`Error::Augmentation`] names a setting that is out of its range.
    pub fn augmented(mut self, augmentation: Augmentation) -> Result<Self, Error> {
        augmentation.check()?;
        self.augmentation = (!augmentation.is_none()).then_some(augmentation);
        Ok(self)
    }

    /// The same grids with every digit as it is.
    #[must_use]
    pub fn unaugmented(mut self) -> Self {
        self.augmentation = None;
        self
    }

    /// The same, but in this share of fresh pictures all digits (of the first kind) are by one of the writers of `digits`, the
    /// first digits of the loader's own.
    ///
    /// # Errors
    /// [`Error::BadGrid`] if the writers are not known, or the share is not 0 to 1.
    pub fn by_one_writer(self, digits: &Digits, share: f64) -> Result<Self, Error> {
        if share == 0.0 {
            return Ok(Self { writers: None, ..self });
        }
        let groups = digits.by_writer().filter(|_| (0.0..=1.0).contains(&share));
        let what = || format!("{share} of the pictures cannot be by one writer each");
        let fix = "the share is 0 to 1, and the digits' writers must be known";
        let digits = Arc::new(groups.ok_or_else(|| Error::BadGrid { what: what(), fix })?);
        Ok(Self { writers: Some(OneWriter { digits, share }), ..self })
    }

    /// The same, but this share of the pictures has something that is no digit and no part of the sequence: everything in half of
    /// them, one thing in three in the others.
    ///
    /// # Errors
    /// [`Error::BadGrid`] if the share is not 0 to 1, or if the layout has a digit in each of its cells.
    pub fn with_distractors(self, share: f64) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&share) || share > 0.0 && self.layout.is_full() {
            let what =
                format!("{share} of the pictures of layout {} cannot have what is no digit", self.layout);
            let fix = "the share is 0 to 1, and the layout is a line, scattered, or a grid with empty cells";
            return Err(Error::BadGrid { what, fix });
        }
        Ok(Self { distractors: share, ..self })
    }

    /// The same, but the images of neighbors in a line overlap by up to this share of the smaller one, and not by up to 0.4.
    ///
    /// # Errors
    /// [`Error::BadGrid`] if the share is not 0 to 0.8, or if this is no line.
    pub fn with_overlap(self, overlap: f64) -> Result<Self, Error> {
        let is_line = matches!(self.layout, Layout::Line { .. });
        if (0.0..=0.8).contains(&overlap) && (is_line || (overlap - OVERLAP).abs() < f64::EPSILON) {
            return Ok(Self { overlap, ..self });
        }
        let what = format!("digits of layout {} cannot overlap by up to {overlap}", self.layout);
        Err(Error::BadGrid { what, fix: "the share is 0 to 0.8, and only digits of a line overlap" })
    }

    /// Refuses what cannot give a batch.
    fn check(&self) -> Result<(), Error> {
        let sizes = [self.digits.len(), self.source.len(), self.layout.max_digits(), self.batch];
        if sizes.iter().any(|&size| size == 0 || size > u32::MAX as usize) {
            let [digits, grids, cells, batch] = sizes;
            let what = format!("{digits} digits, {grids} grids of {cells} cells in batches of {batch}");
            return Err(Error::BadGrid { what, fix: "each of the four must be at least 1 and below 2^32" });
        }
        self.source.check(self.layout, self.digits.len())
    }

    /// How the digits of a picture lie.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The size of a picture, in cells of 28 pixels.
    pub fn shape(&self) -> GridShape {
        self.layout.shape()
    }
}

#[cfg(test)]
mod tests;
