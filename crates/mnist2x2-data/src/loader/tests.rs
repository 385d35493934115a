//! Laws of the batches.

use super::*;
use crate::batch::Batch;
use crate::digits::{PIXELS, SIDE};
use crate::epoch::Epoch;
use crate::grid_source::IndexMap;
use crate::normalize::normalize;
use crate::reference;

const SHAPE: GridShape = GridShape { rows: 1, cols: 3 };

/// Digit i is all gray i, so that an image tells which digits it is made of.
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
    let gray = |x: f32| (0..=255).find(|&gray| normalize(gray).to_bits() == x.to_bits()).unwrap();
    (0..epoch.steps())
        .flat_map(|step| {
            let images = epoch.batch(step).images;
            let grids = images.chunks(SHAPE.pixels());
            grids
                .map(|image| image[..84].chunks(28).map(|cell| u32::from(gray(cell[0]))).collect())
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
fn digits_are_counted_without_their_pictures() {
    let sparse = Layout::Grid { shape: SHAPE, blanks: 0.5 };
    let layouts = [SHAPE.into(), sparse, "line:4".parse().unwrap()];
    for layout in layouts {
        let loader = Loader::new(plain(50), GridSource::Fresh { grids: 11 }, layout, 4, 7).unwrap();
        let epoch = loader.epoch(2);
        for step in 0..epoch.steps() {
            assert_eq!(epoch.digit_count(step), epoch.batch(step).labels.len(), "{layout}, {step}");
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
        assert_eq!(augmented.unaugmented().epoch(1).batch(2), plain.batch(2));
    }
    let augmented =
        loader(GridSource::Fixed(IndexMap::new(vec![1, 2, 3], 3).unwrap())).augmented(bend).unwrap();
    assert_ne!(augmented.epoch(0).batch(0).images, augmented.epoch(1).batch(0).images);
}

#[test]
fn mixed_grids_hold_the_share_of_each_kind() {
    let mixed = |kinds: &[_]| loader(GridSource::Mixed { grids: 400, kinds: kinds.to_vec() });
    for [second, third] in [[0.0, 0.0], [0.25, 0.0], [0.3, 0.2], [0.0, 0.6], [1.0, 0.0]] {
        let drawn = cells(&mixed(&[(30, second), (42, third)]).epoch(1)).concat();
        for (kind, share) in [(0..30, 1.0 - second - third), (30..42, second), (42..50, third)] {
            let found =
                drawn.iter().filter(|&digit| kind.contains(digit)).count() as f64 / drawn.len() as f64;
            assert!((found - share).abs() < 0.04, "{found} for {share}");
        }
        assert!(drawn.iter().all(|&digit| digit < 50));
    }
    let wrong: [&[(usize, f64)]; 7] = [
        &[(0, 0.5)],
        &[(50, 0.5)],
        &[(30, 1.5)],
        &[(30, f64::NAN)],
        &[(30, 0.6), (42, 0.6)],
        &[(30, 0.1), (30, 0.1)],
        &[(42, 0.1), (30, 0.1)],
    ];
    for kinds in wrong {
        let source = GridSource::Mixed { grids: 9, kinds: kinds.to_vec() };
        assert!(Loader::new(plain(50), source, SHAPE, 4, 7).is_err(), "{kinds:?}");
    }
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

/// Loaders of every layout with sequences of different lengths, over fixed pictures and over fresh ones.
fn ragged() -> Vec<Loader> {
    let layouts = ["line:3", "scatter:4"].map(|text| text.parse::<Layout>().unwrap());
    let sparse = Layout::from(SHAPE).with_blanks(0.4).unwrap();
    let loader = |layout: Layout, source| Loader::new(plain(50), source, layout, 4, 7).unwrap();
    let both = |layout: Layout| {
        let fixed = GridSource::Fixed(reference::grids(50, 11, layout.max_digits()));
        [loader(layout, fixed), loader(layout, GridSource::Fresh { grids: 11 })]
    };
    layouts.into_iter().chain([sparse]).flat_map(both).collect()
}

#[test]
fn sequences_of_any_length_are_the_same_for_whoever_asks() {
    for loader in ragged() {
        let (epoch, layout) = (loader.epoch(3), loader.layout());
        let batches: Vec<Batch> = (0..epoch.steps()).map(|step| epoch.batch(step)).collect();
        for (step, batch) in batches.iter().enumerate() {
            let parts = [epoch.part(step, 0..1), epoch.part(step, 1..batch.len)];
            let joined = parts.each_ref().map(|part| part.images.as_slice()).concat();
            assert_eq!(joined, batch.images, "{layout}");
            let sequences: Vec<&[u8]> = parts.iter().flat_map(Batch::sequences).collect();
            assert_eq!(sequences, batch.sequences().collect::<Vec<_>>());
            assert_eq!(batch.lengths.iter().sum::<usize>(), batch.labels.len());
            assert_eq!(loader.clone().epoch(3).batch(step), *batch);
        }
        let lengths: Vec<usize> = batches.iter().flat_map(|batch| batch.lengths.clone()).collect();
        assert!(lengths.iter().all(|&length| length <= layout.max_digits()), "{layout}");
        assert!(lengths.iter().any(|&length| length != lengths[0]), "{layout} has one length only");
        // What is said of a picture's digits is what its labels are.
        let digits: Vec<u8> =
            (0..epoch.grids()).flat_map(|at| epoch.digits(at)).map(|i| (i % 10) as u8).collect();
        assert_eq!(digits, batches.iter().flat_map(|batch| batch.labels.clone()).collect::<Vec<_>>());
        let bend = Augmentation { elastic: 2.0, ..Augmentation::default() };
        let bent = loader.clone().augmented(bend).unwrap();
        assert_eq!(bent.epoch(3).batch(1).labels, batches[1].labels);
        assert_ne!(bent.epoch(3).batch(1).images, batches[1].images);
    }
}

#[test]
fn a_fixed_picture_lies_the_same_in_every_epoch_and_a_fresh_one_anew() {
    let pictures = |loader: &Loader, number| -> Vec<(Vec<u8>, Vec<u32>)> {
        let epoch = loader.epoch(number);
        let one = |at: usize| {
            let batch = epoch.part(at / 4, at % 4..at % 4 + 1);
            (batch.labels, batch.images.iter().map(|pixel| pixel.to_bits()).collect())
        };
        let mut pictures: Vec<_> = (0..epoch.grids()).map(one).collect();
        pictures.sort();
        pictures
    };
    for pair in ragged().chunks(2) {
        assert_eq!(pictures(&pair[0], 0), pictures(&pair[0], 1), "{}", pair[0].layout());
        assert_ne!(pictures(&pair[1], 0), pictures(&pair[1], 1), "{}", pair[1].layout());
    }
}

#[test]
fn empty_cells_are_paper_and_the_others_hold_their_digits() {
    let layout = Layout::from(SHAPE).with_blanks(0.4).unwrap();
    let source = GridSource::Fixed(reference::grids(50, 40, 3));
    let (sparse, full) = (
        Loader::new(plain(50), source.clone(), layout, 40, 7).unwrap(),
        Loader::new(plain(50), source, SHAPE, 40, 7).unwrap(),
    );
    let (sparse, full) = (sparse.in_order().batch(0), full.in_order().batch(0));
    let mut empty = 0;
    for (picture, whole) in sparse.images.chunks(SHAPE.pixels()).zip(full.images.chunks(SHAPE.pixels())) {
        for cell in 0..3 {
            let pixels = |image: &[f32]| -> Vec<f32> {
                image.chunks(SHAPE.width()).flat_map(|row| row[cell * SIDE..][..SIDE].to_vec()).collect()
            };
            let (found, digit) = (pixels(picture), pixels(whole));
            let is_empty = found.iter().all(|pixel| pixel.to_bits() == normalize(0).to_bits());
            assert!(is_empty || found == digit);
            empty += usize::from(is_empty);
        }
    }
    assert_eq!(120 - empty, sparse.labels.len());
    assert!((30..66).contains(&empty), "{empty} of 120 cells are empty");
}

#[test]
fn pictures_by_one_writer_hold_digits_of_one() {
    let writers: Vec<u32> = (0..50).map(|i| i / 5 * 3).collect();
    let written = (*plain(50)).clone().with_writers(writers.clone()).unwrap();
    let by_one = |share| {
        let loader = loader(GridSource::Fresh { grids: 200 }).by_one_writer(&written, share).unwrap();
        let of_one =
            |grid: &Vec<u32>| grid.iter().all(|&digit| writers[digit as usize] == writers[grid[0] as usize]);
        cells(&loader.epoch(1)).iter().filter(|grid| of_one(grid)).count()
    };
    assert_eq!(by_one(1.0), 200);
    assert!((80..130).contains(&by_one(0.5)) && by_one(0.0) < 15);
    let fresh = loader(GridSource::Fresh { grids: 200 });
    assert_eq!(cells(&fresh.epoch(1)), cells(&fresh.clone().by_one_writer(&written, 0.0).unwrap().epoch(1)));
    assert!(
        fresh.clone().by_one_writer(&plain(50), 0.5).is_err() && fresh.by_one_writer(&written, 1.5).is_err()
    );
}

#[test]
fn what_is_no_digit_is_drawn_and_no_part_of_the_sequence() {
    let layout = Layout::from(SHAPE).with_blanks(1e-9).unwrap();
    let fresh = Loader::new(plain(50), GridSource::Fresh { grids: 400 }, layout, 400, 7).unwrap();
    let (clean, some) = (fresh.epoch(1).batch(0), fresh.clone().with_distractors(0.5).unwrap());
    let batch = some.epoch(1).batch(0);
    assert!(batch == some.epoch(1).batch(0), "repeatable");
    let pictures = clean.images.chunks(SHAPE.pixels()).zip(batch.images.chunks(SHAPE.pixels()));
    let mut counts = [0; 4];
    for ((clean, picture), sequence) in pictures.zip(batch.sequences()) {
        assert!(sequence.len() < 3 || clean == picture, "digits stay as they were");
        counts[sequence.len()] += 1;
    }
    // Half of them are clean, a quarter has no digit; of the last quarter each place has one with probability 2/3.
    assert!((85..145).contains(&counts[0]) && (190..270).contains(&counts[3]), "{counts:?}");
    assert!(some.epoch(1).digits(3).len() <= 3 && fresh.with_distractors(1.5).is_err());
    assert!(loader(GridSource::Fresh { grids: 4 }).with_distractors(0.1).is_err(), "of a full grid");
}

#[test]
fn only_digits_of_a_line_overlap_and_never_wholly() {
    let line = Loader::new(plain(50), GridSource::Fresh { grids: 4 }, Layout::line(5), 4, 7).unwrap();
    let overlapping = |share| line.clone().with_overlap(share).map(|loader| loader.epoch(1).batch(0));
    assert!(overlapping(0.4).unwrap() == line.epoch(1).batch(0), "as evaluated");
    assert!(overlapping(0.7).unwrap().images != line.epoch(1).batch(0).images);
    assert!(overlapping(0.9).is_err() && overlapping(f64::NAN).is_err());
    let grid = || loader(GridSource::Fresh { grids: 4 });
    assert!(grid().with_overlap(0.4).is_ok() && grid().with_overlap(0.5).is_err());
}
