//! Laws of simulated pictures: what a kind says is what its pictures show, and nothing else changes.

use std::collections::HashSet;

use super::*;
use crate::mnist::Split;
use crate::pendigits::PenDigit;
use crate::strokes::Strokes;
use crate::synthetic;

/// A writer of ten digits, each a box with a bar of its own height.
fn pens() -> Vec<PenDigit> {
    let strokes = |label: u8| {
        let bar = 0.2 + 0.06 * f32::from(label);
        let ring = vec![[0.3, 0.1], [0.7, 0.1], [0.7, 0.9], [0.3, 0.9], [0.3, 0.1]];
        Strokes::new(vec![ring, vec![[0.3, bar], [0.7, bar]]]).unwrap()
    };
    (0..10).map(|label| PenDigit { label, writer: Some(7), strokes: strokes(label) }).collect()
}

fn kind(set: Set, label: &str) -> Kind {
    Kind::all(set).into_iter().find(|kind| kind.label() == label).unwrap_or_else(|| panic!("no kind {label}"))
}

/// Picture `index` of a kind of the set for tuning.
fn photo(label: &str, index: u64) -> Photo {
    let pens = pens();
    let paper = Paper { hands: Hands::from_strokes(&pens, &Set::Tuning.writers()), seed: 3 };
    paper.photograph(&kind(Set::Tuning, label), index)
}

#[test]
fn the_same_key_gives_the_same_picture_and_another_another() {
    let [a, b] = [0, 0].map(|_: i32| photo("hard-shadow-0.7", 4));
    assert_eq!((a.gray(), a.rgb(), &a.digits), (b.gray(), b.rgb(), &b.digits));
    assert_ne!(a.gray(), photo("hard-shadow-0.7", 5).gray());
}

#[test]
fn scans_of_digits_are_written_as_pen_strokes_are() {
    let digits = synthetic::digits(Split::Train, 50, 0);
    let paper = Paper { hands: Hands::from_digits(&digits), seed: 0 };
    let photo = paper.photograph(&kind(Set::HeldBack, "clean"), 0);
    assert_eq!((photo.digits.len(), photo.boxes.len(), photo.shape), (4, 4, [2, 2]));
}

#[test]
fn the_two_sets_share_no_strength_no_texture_and_no_writer() {
    let all = |set: Set| Kind::all(set).into_iter().filter(|kind| kind.strength.is_some());
    let labels: HashSet<String> = all(Set::Tuning).map(|kind| kind.label()).collect();
    assert!(all(Set::HeldBack).all(|kind| !labels.contains(&kind.label())));
    assert!(Set::Tuning.textures().iter().all(|texture| !Set::HeldBack.textures().contains(texture)));
    assert!(Set::Tuning.writers().all(|writer| !Set::HeldBack.writers().contains(&writer)));
}
