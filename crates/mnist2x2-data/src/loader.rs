//! Batches of grids, the same for the same seed, whoever asks and in whatever order.
//!
//! A batch is a function of (seed, epoch, step): nothing is consumed, so a run that is resumed at any step sees what
//! it would have seen, and threads may make the parts of one batch beside each other.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use mnist2x2_random::Random;

use crate::augment::Augmentation;
use crate::batch::Batch;
use crate::digits::Digits;
use crate::error::Error;
use crate::grid::{GridShape, place, stitch};
use crate::layout::{Arranged, Layout, draw_at};
use crate::normalize::{normalize, normalize_ink};
use crate::sampler::GridSource;
use crate::synthetic::distractor;

/// Pictures of a set of digits in seeded batches.
#[derive(Clone, Debug)]
pub struct Loader {
    digits: Arc<Digits>,
    source: GridSource,
    layout: Layout,
    batch: usize,
    seed: u64,
    augmentation: Option<Augmentation>,
    writers: Option<OneWriter>,
    distractors: f64,
}

/// The digits of each writer, and the share of fresh pictures whose digits are all by one.
#[derive(Clone, Debug)]
struct OneWriter {
    digits: Arc<Vec<Vec<u32>>>,
    share: f64,
}

impl Loader {
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
        let (layout, augmentation, writers, distractors) = (layout.into(), None, None, 0.0);
        let loader = Self { digits, source, layout, batch, seed, augmentation, writers, distractors };
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
        let Loader { layout, batch, .. } = self.loader;
        let (len, pixels) = (range.len(), layout.shape().pixels());
        let mut images = vec![0.0; len * pixels];
        let (mut labels, mut lengths) = (Vec::with_capacity(len * layout.max_digits()), Vec::new());
        for (offset, image) in range.zip(images.chunks_exact_mut(pixels)) {
            let place = step * batch + offset;
            let (arranged, marks) = self.marks(place);
            self.draw(place, &marks, &arranged, image);
            let before = labels.len();
            labels.extend(digits_of(&marks).map(|digit| self.loader.digits.label(digit as usize)));
            lengths.push(labels.len() - before);
        }
        Batch { images, labels, lengths, layout: *layout, len }
    }

    /// Which digits the picture at place `at` of this epoch shows, by their indices and in reading order.
    ///
    /// # Panics
    /// If `at` is not below [`grids`](Self::grids).
    pub fn digits(&self, at: usize) -> Vec<u32> {
        digits_of(&self.marks(at).1).collect()
    }

    /// Where the marks of the picture at place `at` of this epoch lie, and the digit of each, with whether it stays one.
    fn marks(&self, at: usize) -> (Arranged, Vec<(u32, bool)>) {
        let Loader { seed, distractors, .. } = self.loader;
        let (arranged, grid) = (self.arranged(at), self.grid(at));
        let mut random = Random::keyed(*seed, "distractors", self.number, at as u64);
        let is_distracted = random.unit() < *distractors;
        let share = if is_distracted { *random.choose(&[1.0, 1.0 / 3.0]) } else { 0.0 };
        let marks = arranged.shown(&grid).map(|digit| (digit, share == 0.0 || random.unit() >= share));
        let marks = marks.collect();
        (arranged, marks)
    }

    /// Where the digits of the picture at place `at` of this epoch lie; a fixed picture's lie there in every epoch.
    fn arranged(&self, at: usize) -> Arranged {
        let (epoch, index) = match (&self.loader.source, &self.order) {
            (GridSource::Fixed(_), Some(order)) => (0, order[at].into()),
            (GridSource::Fixed(_), None) => (0, at as u64),
            _ => (self.number, at as u64),
        };
        self.loader.layout.arrange(|| Random::keyed(self.loader.seed, "layout", epoch, index))
    }

    /// Writes the picture at place `at` of this epoch, with these marks so `arranged`, normalized.
    fn draw(&self, at: usize, marks: &[(u32, bool)], arranged: &Arranged, image: &mut [f32]) {
        let Loader { digits, layout, seed, augmentation, .. } = self.loader;
        let shape = layout.shape();
        if augmentation.is_none() && layout.is_full() {
            let grid: Vec<u32> = digits_of(marks).collect();
            return stitch(digits, &grid, shape, image);
        }
        let mut random = Random::keyed(*seed, "augmentation", self.number, at as u64);
        let mut changed = |(digit, is_digit): (u32, bool)| {
            let (mut pixels, label) = (digits.image(digit as usize), digits.label(digit as usize));
            let spoiled;
            if !is_digit {
                spoiled = distractor(pixels, label, &mut random);
                pixels = &spoiled;
            }
            match augmentation {
                Some(augmentation) => augmentation.apply(pixels, &mut random),
                None => std::array::from_fn(|pixel| pixels[pixel].into()),
            }
        };
        match arranged {
            Arranged::Cells(cells) => {
                image.fill(normalize(0));
                for (&cell, &mark) in cells.iter().zip(marks) {
                    place(changed(mark).map(normalize_ink), cell, shape, image);
                }
            }
            Arranged::Places(places) => {
                places
                    .iter()
                    .zip(marks)
                    .for_each(|(place, &mark)| draw_at(&changed(mark), place, shape, image));
                for ink in image {
                    *ink = normalize_ink(*ink);
                }
            }
        }
    }

    /// As many digits as a picture has at most, for the one at `place` of this epoch: each drawn by `draw`, which is given how to
    /// draw one of the first `first` digits.
    fn fresh(
        &self,
        place: usize,
        first: u32,
        mut draw: impl FnMut(&mut Random, &dyn Fn(&mut Random) -> u32) -> u32,
    ) -> Cow<'_, [u32]> {
        let mut random = Random::keyed(self.loader.seed, "grid", self.number, place as u64);
        let writers = self.loader.writers.as_ref().filter(|writers| random.unit() < writers.share);
        let own = writers.map(|writers| &writers.digits[random.below(writers.digits.len() as u32) as usize]);
        let of_first = |random: &mut Random| match own {
            Some(own) => own[random.below(own.len() as u32) as usize],
            None => random.below(first),
        };
        Cow::Owned((0..self.loader.layout.max_digits()).map(|_| draw(&mut random, &of_first)).collect())
    }

    /// The digits of the grid at `place` in this epoch.
    fn grid(&self, place: usize) -> Cow<'_, [u32]> {
        let Loader { digits, source, .. } = self.loader;
        match source {
            GridSource::Fixed(map) => {
                Cow::Borrowed(map.grid(self.order.as_ref().map_or(place, |order| order[place] as usize)))
            }
            GridSource::Fresh { .. } => self.fresh(place, digits.len() as u32, |random, first| first(random)),
            GridSource::Mixed { second, share, .. } => {
                let [first, both] = [*second, digits.len()].map(|count| count as u32);
                self.fresh(place, first, |random, of_first| {
                    let is_second = random.unit() < *share;
                    if is_second { first + random.below(both - first) } else { of_first(random) }
                })
            }
        }
    }
}

/// The marks that stay digits.
fn digits_of(marks: &[(u32, bool)]) -> impl Iterator<Item = u32> {
    marks.iter().filter(|(_, is_digit)| *is_digit).map(|(digit, _)| *digit)
}

#[cfg(test)]
mod tests;
