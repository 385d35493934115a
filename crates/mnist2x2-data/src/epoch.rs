//! The batches of one epoch: which digits each picture shows, where, and how it is drawn.

use std::borrow::Cow;
use std::ops::Range;

use mnist2x2_random::Random;

use crate::batch::Batch;
use crate::grid::{place, stitch};
use crate::grid_source::GridSource;
use crate::layout::{Arranged, draw_at};
use crate::loader::Loader;
use crate::normalize::{normalize, normalize_ink};
use crate::synthetic::distractor;

/// The batches of one epoch.
#[derive(Clone, Debug)]
pub struct Epoch<'a> {
    loader: &'a Loader,
    number: u64,
    /// Which fixed grid stands at which place; `None` where each stands at its own.
    order: Option<Vec<u32>>,
}

impl Loader {
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

    /// How many digits the pictures of the batch of `step` show, without making them.
    ///
    /// # Panics
    /// If `step` is not below [`steps`](Self::steps).
    pub fn digit_count(&self, step: usize) -> usize {
        let (len, Loader { layout, batch, .. }) = (self.batch_len(step), self.loader);
        if layout.is_full() {
            return len * layout.max_digits();
        }
        (step * batch..step * batch + len).map(|at| self.digits(at).len()).sum()
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
        self.loader
            .layout
            .arrange(self.loader.overlap, || Random::keyed(self.loader.seed, "layout", epoch, index))
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
            GridSource::Mixed { kinds, .. } => {
                let begin = |kind: usize| kinds.get(kind).map_or(digits.len(), |kind| kind.0) as u32;
                self.fresh(place, begin(0), |random, of_first| {
                    let mut chance = random.unit();
                    for (kind, &(_, share)) in kinds.iter().enumerate() {
                        if chance < share {
                            return begin(kind) + random.below(begin(kind + 1) - begin(kind));
                        }
                        chance -= share;
                    }
                    of_first(random)
                })
            }
        }
    }
}

/// The marks that stay digits.
fn digits_of(marks: &[(u32, bool)]) -> impl Iterator<Item = u32> {
    marks.iter().filter(|(_, is_digit)| *is_digit).map(|(digit, _)| *digit)
}
