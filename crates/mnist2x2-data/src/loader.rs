//! Batches of grids, the same for the same seed, whoever asks and in whatever order.
//!
//! A batch is a function of (seed, epoch, step): nothing is consumed, so a run that is resumed at any step sees what
//! it would have seen, and threads may make the parts of one batch beside each other.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use mnist2x2_random::Random;

use crate::grid::{normalise_ink, place};
use crate::{Augmentation, Digits, Error, GridShape, IndexMap, stitch};

/// Where an epoch's grids come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GridSource {
    /// The same grids in every epoch, in another order each time.
    Fixed(IndexMap),
    /// New grids in every epoch, each digit drawn with replacement.
    Fresh {
        /// How many an epoch has.
        grids: usize,
    },
}

impl GridSource {
    /// Grids of one epoch.
    fn len(&self) -> usize {
        match self {
            Self::Fixed(map) => map.len(),
            Self::Fresh { grids } => *grids,
        }
    }
}

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
    pub fn plain(mut self) -> Self {
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
        match &self.source {
            GridSource::Fixed(map) => map.check(self.shape, self.digits.len()),
            GridSource::Fresh { .. } => Ok(()),
        }
    }

    /// Batches of one epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.source.len().div_ceil(self.batch)
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
            GridSource::Fresh { .. } => None,
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
        self.loader.steps_per_epoch()
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

    /// Writes the grid at place `at` of this epoch, made of the digits `grid`, as a normalised image.
    fn draw(&self, at: usize, grid: &[u32], image: &mut [f32]) {
        let Loader { digits, shape, seed, augmentation, .. } = self.loader;
        let Some(augmentation) = augmentation else { return stitch(digits, grid, *shape, image) };
        let mut random = Random::keyed(*seed, "augmentation", self.number, at as u64);
        for (cell, &digit) in grid.iter().enumerate() {
            let changed = augmentation.apply(digits.image(digit as usize), &mut random);
            place(changed.map(normalise_ink), cell, *shape, image);
        }
    }

    /// The digits of the grid at `place` in this epoch.
    fn grid(&self, place: usize) -> Cow<'_, [u32]> {
        let Loader { digits, source, shape, seed, .. } = self.loader;
        match source {
            GridSource::Fixed(map) => {
                Cow::Borrowed(map.grid(self.order.as_ref().map_or(place, |order| order[place] as usize)))
            }
            GridSource::Fresh { .. } => {
                let mut random = Random::keyed(*seed, "grid", self.number, place as u64);
                Cow::Owned((0..shape.cells()).map(|_| random.below(digits.len() as u32)).collect())
            }
        }
    }
}

/// Grids ready for the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Normalised pixels, B x height x width.
    pub images: Vec<f32>,
    /// Labels of the digits, B x cells, each grid row by row.
    pub labels: Vec<u8>,
    /// How the digits of a grid are laid out.
    pub shape: GridShape,
    /// B, the number of grids.
    pub len: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::PIXELS;
    use crate::{normalise, reference};

    const SHAPE: GridShape = GridShape { rows: 1, cols: 3 };

    /// Digit i is all grey i, so that an image tells which digits it is made of.
    fn plain(n: usize) -> Arc<Digits> {
        let pixels = (0..n).flat_map(|i| [i as u8; PIXELS]).collect();
        Arc::new(Digits::new(pixels, (0..n).map(|i| (i % 10) as u8).collect()).unwrap())
    }

    fn loader(source: GridSource) -> Loader {
        Loader::new(plain(50), source, SHAPE, 4, 7).unwrap()
    }

    /// 11 grids in batches of 4.
    fn fixed() -> Loader {
        loader(GridSource::Fixed(reference::grids(50, 11, 3)))
    }

    fn both() -> [Loader; 2] {
        [fixed(), loader(GridSource::Fresh { grids: 11 })]
    }

    /// The first pixel of each cell, for every grid of an epoch.
    fn cells(epoch: &Epoch) -> Vec<Vec<u32>> {
        let grey = |x: f32| (0..=255).find(|&grey| normalise(grey).to_bits() == x.to_bits()).unwrap();
        (0..epoch.steps())
            .flat_map(|step| {
                let images = epoch.batch(step).images;
                let grids = images.chunks(SHAPE.pixels());
                grids
                    .map(|image| image[..84].chunks(28).map(|cell| u32::from(grey(cell[0]))).collect())
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn parts_in_any_split_and_on_any_thread_make_the_batch() {
        for loader in both() {
            let epoch = loader.epoch(3);
            for step in 0..epoch.steps() {
                let whole = epoch.batch(step);
                for middle in 0..=whole.len {
                    let parts = std::thread::scope(|scope| {
                        let second = scope.spawn(|| epoch.part(step, middle..whole.len));
                        [epoch.part(step, 0..middle), second.join().unwrap()]
                    });
                    assert_eq!(parts.each_ref().map(|part| part.len), [middle, whole.len - middle]);
                    assert_eq!(parts.each_ref().map(|part| part.images.as_slice()).concat(), whole.images);
                    assert_eq!(parts.each_ref().map(|part| part.labels.as_slice()).concat(), whole.labels);
                }
            }
        }
    }

    #[test]
    fn labels_are_those_of_the_digits_in_the_image() {
        for loader in both() {
            let epoch = loader.epoch(2);
            let labels: Vec<u8> = (0..epoch.steps()).flat_map(|step| epoch.batch(step).labels).collect();
            assert!(cells(&epoch).concat().iter().map(|i| (i % 10) as u8).eq(labels));
        }
    }

    #[test]
    fn fixed_grids_come_once_each_in_another_order_every_epoch() {
        let (loader, map) = (fixed(), reference::grids(50, 11, 3));
        let mut grids: Vec<Vec<u32>> = (0..11).map(|i| map.grid(i).to_vec()).collect();
        assert_eq!(cells(&loader.in_order()), grids);
        let mut orders = [0, 1].map(|epoch| cells(&loader.epoch(epoch)));
        assert!(orders[0] != orders[1] && orders[0] != grids);
        grids.sort();
        for order in &mut orders {
            order.sort();
            assert_eq!(*order, grids);
        }
    }

    #[test]
    fn fresh_grids_depend_on_epoch_and_seed_and_not_on_how_many_there_are() {
        let first = cells(&loader(GridSource::Fresh { grids: 11 }).epoch(0));
        assert_ne!(first, cells(&loader(GridSource::Fresh { grids: 11 }).epoch(1)));
        assert_eq!(first, cells(&loader(GridSource::Fresh { grids: 40 }).epoch(0))[..11]);
        let other = Loader::new(plain(50), GridSource::Fresh { grids: 11 }, SHAPE, 4, 8).unwrap();
        assert_ne!(first, cells(&other.epoch(0)));
        let batches_of_5 = Loader::new(plain(50), GridSource::Fresh { grids: 11 }, SHAPE, 5, 7).unwrap();
        assert_eq!(first, cells(&batches_of_5.epoch(0)));
    }

    #[test]
    fn augmented_grids_are_new_in_each_epoch_and_the_same_for_whoever_asks() {
        let bend = Augmentation { elastic: 2.0, shift: 2.0, ..Augmentation::default() };
        for loader in both() {
            let augmented = loader.clone().augmented(bend.clone()).unwrap();
            let (plain, epoch) = (loader.epoch(1), augmented.epoch(1));
            assert_ne!(epoch.batch(2).images, plain.batch(2).images);
            assert_eq!(epoch.batch(2).labels, plain.batch(2).labels);
            assert_eq!(epoch.part(2, 1..3).images, epoch.batch(2).images[SHAPE.pixels()..]);
            let none = loader.clone().augmented(Augmentation::default()).unwrap();
            assert_eq!(none.epoch(1).batch(2), plain.batch(2));
            assert_eq!(augmented.plain().epoch(1).batch(2), plain.batch(2));
        }
        let augmented =
            loader(GridSource::Fixed(IndexMap::new(vec![1, 2, 3], 3).unwrap())).augmented(bend).unwrap();
        assert_ne!(augmented.epoch(0).batch(0).images, augmented.epoch(1).batch(0).images);
    }

    #[test]
    fn the_last_batch_holds_the_rest() {
        let loader = fixed();
        let epoch = loader.epoch(0);
        assert_eq!((epoch.steps(), [0, 1, 2].map(|step| epoch.batch_len(step))), (3, [4, 4, 3]));
        assert_eq!((epoch.batch(2).len, epoch.batch(2).labels.len()), (3, 9));
    }

    #[test]
    fn what_gives_no_batch_is_refused() {
        let fresh = |grids| GridSource::Fresh { grids };
        let fixed = |digits, cells| GridSource::Fixed(reference::grids(digits, 9, cells));
        let flat = GridShape { rows: 0, cols: 2 };
        for (digits, source, shape, batch) in [
            (0, fresh(9), SHAPE, 4),
            (50, fresh(0), SHAPE, 4),
            (50, fresh(9), flat, 4),
            (50, fresh(9), SHAPE, 0),
            (50, fixed(50, 4), SHAPE, 4),
            (20, fixed(50, 3), SHAPE, 4),
        ] {
            let error = Loader::new(plain(digits), source, shape, batch, 7).unwrap_err();
            assert!(matches!(error, Error::BadGrid { .. }), "{error}");
        }
    }
}
