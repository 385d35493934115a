//! Laws of augmentation.

use super::*;
use crate::mnist::Split;
use crate::synthetic;

fn change(augmentation: &Augmentation, image: &[u8], index: u64) -> [f32; PIXELS] {
    augmentation.apply(image, &mut Random::keyed(3, "test", 0, index))
}

fn mass(image: &[f32]) -> f32 {
    image.iter().sum()
}

/// Center of mass (x, y).
fn center(image: &[f32]) -> [f32; 2] {
    let moment = |axis: fn(usize) -> usize| {
        image.iter().enumerate().map(|(i, ink)| ink * axis(i) as f32).sum::<f32>() / mass(image)
    };
    [moment(|i| i % SIDE), moment(|i| i / SIDE)]
}

/// A filled rectangle, 8 wide and 12 high, about the middle.
fn block() -> [u8; PIXELS] {
    std::array::from_fn(
        |i| {
            if (10..18).contains(&(i % SIDE)) && (8..20).contains(&(i / SIDE)) { 255 } else { 0 }
        },
    )
}

#[test]
fn no_augmentation_changes_no_pixel() {
    let digits = synthetic::digits(Split::Train, 20, 0);
    for i in 0..20 {
        let same = change(&Augmentation::default(), digits.image(i), i as u64);
        assert!(same.iter().zip(digits.image(i)).all(|(a, &b)| (a - f32::from(b)).abs() < 1e-3));
    }
}

#[test]
fn a_shift_moves_the_ink_and_keeps_it() {
    let shifts = Augmentation { shift: 3.0, ..Augmentation::default() };
    let centers: Vec<[f32; 2]> = (0..200)
        .map(|i| {
            let moved = change(&shifts, &block(), i);
            assert!((mass(&moved) - 255.0 * 96.0).abs() < 1.0);
            center(&moved)
        })
        .collect();
    for axis in 0..2 {
        let places = centers.iter().map(|center| center[axis] - MIDDLE);
        let (low, high) = places.fold((0.0_f32, 0.0_f32), |(low, high), x| (low.min(x), high.max(x)));
        assert!((-3.0..-2.5).contains(&low) && (2.5..3.0).contains(&high), "{low} to {high}");
    }
}

#[test]
fn size_turn_and_slant_do_what_they_say() {
    let ratio = |augmentation: &Augmentation| {
        let inks = (0..300).map(|i| mass(&change(augmentation, &block(), i)) / (255.0 * 96.0));
        inks.fold((f32::MAX, 0.0_f32), |(low, high), x| (low.min(x), high.max(x)))
    };
    let none = Augmentation::default;
    let (low, high) = ratio(&Augmentation { scale: 0.2, ..none() });
    assert!((0.64..0.70).contains(&low) && (1.36..1.44).contains(&high), "{low} to {high}");
    // A turn and a slant keep areas.
    for map in [Augmentation { rotation: 30.0, ..none() }, Augmentation { shear: 0.4, ..none() }] {
        let (low, high) = ratio(&map);
        assert!(low > 0.98 && high < 1.02, "{map:?}: {low} to {high}");
    }
    // The slant moves what is above the middle against what is below it, and no ink up or down.
    let slanted = change(&Augmentation { shear: 0.4, ..none() }, &block(), 1);
    let [upper, lower] = [0, 1].map(|half| {
        let mut part = slanted;
        part.iter_mut().enumerate().filter(|(i, _)| i / SIDE / 14 != half).for_each(|(_, ink)| *ink = 0.0);
        center(&part)
    });
    assert!((upper[0] - MIDDLE + lower[0] - MIDDLE).abs() < 0.05 && (upper[0] - lower[0]).abs() > 0.2);
    assert!((upper[1] - 10.5).abs() < 0.05 && (lower[1] - 16.5).abs() < 0.05);
}

#[test]
fn strokes_get_thinner_and_thicker() {
    let strokes = Augmentation { stroke: 1.0, ..Augmentation::default() };
    let inks: Vec<f32> = (0..200).map(|i| mass(&change(&strokes, &block(), i)) / 255.0).collect();
    let (low, high) = inks.iter().fold((f32::MAX, 0.0_f32), |(a, b), &x| (a.min(x), b.max(x)));
    // At most one pixel all around: 6 x 10 to 8 x 12 and its four sides.
    assert!((60.0..62.0).contains(&low) && (134.0..136.1).contains(&high), "{low} to {high}");
}

#[test]
fn bending_moves_ink_by_no_more_than_the_knots() {
    let bend = Augmentation { elastic: 1.5, ..Augmentation::default() };
    for i in 0..50 {
        let bent = change(&bend, &block(), i);
        let same = change(&Augmentation::default(), &block(), i);
        assert!(bent.iter().zip(same).any(|(a, b)| (a - b).abs() > 1.0));
        let far = |i: usize| {
            let (x, y) = (i % SIDE, i / SIDE);
            !(8..20).contains(&x) || !(6..22).contains(&y)
        };
        assert!((0..PIXELS).filter(|&i| far(i)).all(|i| bent[i] == 0.0));
    }
}

/// A run that is resumed or repeated elsewhere sees the same digits: this digest may never change.
#[test]
fn changes_are_fixed_for_ever() {
    let all =
        Augmentation { rotation: 14.0, scale: 0.14, shear: 0.24, shift: 2.4, elastic: 1.4, stroke: 0.5 };
    let digits = synthetic::digits(Split::Train, 50, 0);
    let bytes: Vec<u8> = (0..50)
        .flat_map(|i| change(&all, digits.image(i), i as u64))
        .flat_map(|ink| (ink.round() as u8).to_le_bytes())
        .collect();
    assert_eq!(
        crate::sha256::sha256(&[&bytes]),
        "d4070fa362dab1c9ccedf6093b002777729f5f89a6e889f23278c5fe8e90f66c"
    );
}

#[test]
fn settings_out_of_range_are_named() {
    for (bad, expected) in [
        (Augmentation { scale: 1.0, ..Augmentation::default() }, "`scale` is 1, but must be 0 to 0.9"),
        (Augmentation { shift: -1.0, ..Augmentation::default() }, "`shift` is -1"),
        (Augmentation { stroke: f64::NAN, ..Augmentation::default() }, "`stroke` is NaN"),
    ] {
        let message = bad.check().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn everything_at_once_stays_within_black_and_white() {
    let all =
        Augmentation { rotation: 90.0, scale: 0.9, shear: 2.0, shift: 40.0, elastic: 30.0, stroke: 1.0 };
    let digits = synthetic::digits(Split::Train, 100, 0);
    for i in 0..100 {
        let changed = change(&all, digits.image(i), i as u64);
        assert!(changed.iter().all(|ink| (0.0..=255.0).contains(ink)));
    }
}
