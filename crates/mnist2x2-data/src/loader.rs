//! Batches of grids, the same for the same seed, whoever asks and in whatever order.
//!
//! A batch is a function of (seed, epoch, step): nothing is consumed, so a run that is resumed at any step sees what
//! it would have seen, and threads may make the parts of one batch beside each other.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use mnist2x2_random::Random;

use crate::augment::Augmentation;
use crate::digits::Digits;
use crate::error::Error;
use crate::grid::{GridShape, place, stitch};
use crate::normalize::normalize_ink;
use crate::sampler::GridSource;

/// Grids of a set of digits in seeded batches.
#[derive(Clone, Debug)]
pub struct Loader {
    digits: Arc<Digits>,
    source: GridSource,
    shape: GridShape,
    batch: usize,
    seed: u64,
    augmentation: Option<Augmentation>,
}

impl Loader {
    /// Batches of `batch` grids; the last of an epoch holds what is left and may be smaller.
    ///
    /// # Errors
    /// [`Error::BadGrid`] if there are no digits, no grids, no cells or no room in a batch, or if the index map has
    /// grids of another size or digits that are not there.
    pub fn new(
        digits: Arc<Digits>,
        source: GridSource,
        shape: GridShape,
        batch: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        let loader = Self { digits, source, shape, batch, seed, augmentation: None };
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

    /// Refuses what cannot give a batch.
    fn check(&self) -> Result<(), Error> {
        let sizes = [self.digits.len(), self.source.len(), self.shape.cells(), self.batch];
        if sizes.iter().any(|&size| size == 0 || size > u32::MAX as usize) {
            let [digits, grids, cells, batch] = sizes;
            let what = format!("{digits} digits, {grids} grids of {cells} cells in batches of {batch}");
            return Err(Error::BadGrid { what, fix: "each of the four must be at least 1 and below 2^32" });
        }
        self.source.check(self.shape, self.digits.len())
    }

    /// How the digits of a grid are laid out.
    pub fn shape(&self) -> GridShape {
        self.shape
    }

    /// The batches of epoch `epoch`: fixed grids in this epoch's order, or this epoch's own grids.
    pub fn epoch(&self, epoch: u64) -> Epoch<'_> {
        let order = match &self.source {
            GridSource::Fixed(map) => {
                Some(Random::keyed(self.seed, "order", epoch, 0).permutation(map.len() as u32))
            }
            GridSource::Fresh { .. } | GridSource::Mixed { .. } => None,
        };
        Epoch { loader: self, number: epoch, order }
    }

    /// The batches of an epoch that is not shuffled, for evaluation; fresh grids are those of epoch 0.
    pub fn in_order(&self) -> Epoch<'_> {
        Epoch { loader: self, number: 0, order: None }
    }
}

/// The batches of one epoch.
#[derive(Clone, Debug)]
pub struct Epoch<'a> {
    loader: &'a Loader,
    number: u64,
    /// Which fixed grid stands at which place; `None` where each stands at its own.
    order: Option<Vec<u32>>,
}

impl Epoch<'_> {
    /// How many batches it has.
    pub fn steps(&self) -> usize {
        self.grids().div_ceil(self.loader.batch)
    }

    /// How many grids it has.
    pub fn grids(&self) -> usize {
        self.loader.source.len()
    }

    /// How many grids the batch of `step` holds.
    ///
    /// # Panics
    /// If `step` is not below [`steps`](Self::steps).
    pub fn batch_len(&self, step: usize) -> usize {
        assert!(step < self.steps(), "step {step} of an epoch of {} steps", self.steps());
        self.loader.batch.min(self.loader.source.len() - step * self.loader.batch)
    }

    /// The whole batch of `step`.
    ///
    /// # Panics
    /// If `step` is not below [`steps`](Self::steps).
    pub fn batch(&self, step: usize) -> Batch {
        self.part(step, 0..self.batch_len(step))
    }

    /// Grids `range` of the batch of `step`, without making the rest: the shards of a batch call this in their threads.
    ///
    /// # Panics
    /// If `step` is not below [`steps`](Self::steps), or `range` ends after [`batch_len`](Self::batch_len).
    pub fn part(&self, step: usize, range: Range<usize>) -> Batch {
        let batch_len = self.batch_len(step);
        assert!(range.end <= batch_len, "grids {range:?} of a batch of {batch_len}");
        let Loader { digits, shape, batch, .. } = self.loader;
        let (len, pixels) = (range.len(), shape.pixels());
        let mut images = vec![0.0; len * pixels];
        let mut labels = Vec::with_capacity(len * shape.cells());
        for (offset, image) in range.zip(images.chunks_exact_mut(pixels)) {
            let place = step * batch + offset;
            let grid = self.grid(place);
            self.draw(place, &grid, image);
            labels.extend(grid.iter().map(|&digit| digits.label(digit as usize)));
        }
        Batch { images, labels, shape: *shape, len }
    }

    /// Writes the grid at place `at` of this epoch, made of the digits `grid`, as a normalized image.
    fn draw(&self, at: usize, grid: &[u32], image: &mut [f32]) {
        let Loader { digits, shape, seed, augmentation, .. } = self.loader;
        let Some(augmentation) = augmentation else { return stitch(digits, grid, *shape, image) };
        let mut random = Random::keyed(*seed, "augmentation", self.number, at as u64);
        for (cell, &digit) in grid.iter().enumerate() {
            let changed = augmentation.apply(digits.image(digit as usize), &mut random);
            place(changed.map(normalize_ink), cell, *shape, image);
        }
    }

    /// As many digits as a grid has, drawn by `draw` for the grid at `place` of this epoch.
    fn fresh(&self, place: usize, mut draw: impl FnMut(&mut Random) -> u32) -> Cow<'_, [u32]> {
        let mut random = Random::keyed(self.loader.seed, "grid", self.number, place as u64);
        Cow::Owned((0..self.loader.shape.cells()).map(|_| draw(&mut random)).collect())
    }

    /// The digits of the grid at `place` in this epoch.
    fn grid(&self, place: usize) -> Cow<'_, [u32]> {
        let Loader { digits, source, .. } = self.loader;
        match source {
            GridSource::Fixed(map) => {
                Cow::Borrowed(map.grid(self.order.as_ref().map_or(place, |order| order[place] as usize)))
            }
            GridSource::Fresh { .. } => self.fresh(place, |random| random.below(digits.len() as u32)),
            GridSource::Mixed { second, share, .. } => {
                let [first, both] = [*second, digits.len()].map(|count| count as u32);
                self.fresh(place, |random| {
                    let is_second = random.unit() < *share;
                    if is_second { first + random.below(both - first) } else { random.below(first) }
                })
            }
        }
    }
}

/// Grids ready for the network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Batch {
    /// Normalized pixels, B x height x width.
    pub images: Vec<f32>,
    /// Labels of the digits, B x cells, each grid row by row.
    pub labels: Vec<u8>,
    /// How the digits of a grid are laid out.
    pub shape: GridShape,
    /// B, the number of grids.
    pub len: usize,
}

#[cfg(test)]
mod tests;
