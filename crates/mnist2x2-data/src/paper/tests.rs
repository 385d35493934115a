//! Laws of simulated pictures: what a kind says is what its pictures show, and nothing else changes.

use std::collections::HashSet;

use super::*;
use crate::mnist::Split;
use crate::pendigits::PenDigit;
use crate::strokes::Strokes;
use crate::synthetic;

/// A writer of ten digits, each a box with a bar of its own height, in points as close as a tablet's.
fn pens() -> Vec<PenDigit> {
    let between = |[[a, b], [c, d]]: [[f32; 2]; 2]| {
        (0..=20).map(move |k| [a + (c - a) * k as f32 / 20.0, b + (d - b) * k as f32 / 20.0])
    };
    let strokes = |label: u8| {
        let bar = 0.2 + 0.06 * f32::from(label);
        let corners = [[0.3, 0.1], [0.7, 0.1], [0.7, 0.9], [0.3, 0.9], [0.3, 0.1]];
        let ring = corners.windows(2).flat_map(|side| between([side[0], side[1]])).collect();
        Strokes::new(vec![ring, between([[0.3, bar], [0.7, bar]]).collect()]).unwrap()
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

/// The light of a picture as shares of the same picture without its condition, at points that count from 0 to 1.
fn light(label: &str, index: u64) -> impl Fn(f32, f32) -> f32 {
    let (lit, even) = (photo(label, index), photo("clean", index));
    assert_eq!((lit.width, lit.height, &lit.digits), (even.width, even.height, &even.digits), "{label}");
    move |x, y| {
        let at = |share: f32, side: usize| (share * (side - 1) as f32).round() as usize;
        let (x, y) = (at(x, lit.width).clamp(3, lit.width - 4), at(y, lit.height).clamp(3, lit.height - 4));
        let mean = |photo: &Photo| -> f32 {
            let rows = (y - 3..=y + 3).map(|y| y * photo.width + x);
            rows.flat_map(|i| &photo.luma[i - 3..=i + 3]).sum()
        };
        mean(&lit) / mean(&even)
    }
}

/// The light at places all over a picture, darkest first.
fn lights(label: &str, index: u64) -> Vec<f32> {
    let light = light(label, index);
    let places = (0..400).map(|i| [(i % 20) as f32 / 19.0, (i / 20) as f32 / 19.0]);
    let mut lights: Vec<f32> = places.map(|[x, y]| light(x, y)).collect();
    lights.sort_by(f32::total_cmp);
    lights
}

/// Whether ink covers most of pixel (`x`, `y`).
fn is_ink(photo: &Photo, x: f32, y: f32) -> bool {
    photo.shares[y.round() as usize * photo.width + x.round() as usize][0] > 25
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
    for [left, top, width, height] in photo.boxes.clone() {
        let inked = |x: f32, y: f32| is_ink(&photo, left + x * width, top + y * height);
        let places = (0..100).map(|i| [(i % 10) as f32 / 9.0, (i / 10) as f32 / 9.0]);
        assert!(places.filter(|[x, y]| inked(*x, *y)).count() > 8, "ink in the box");
    }
}

#[test]
fn the_two_sets_share_no_strength_no_texture_no_shadow_and_no_writer() {
    let all = |set: Set| Kind::all(set).into_iter().filter(|kind| kind.strength.is_some());
    let labels: HashSet<String> = all(Set::Tuning).map(|kind| kind.label()).collect();
    assert!(all(Set::HeldBack).all(|kind| !labels.contains(&kind.label())));
    assert!(Set::Tuning.textures().iter().all(|texture| !Set::HeldBack.textures().contains(texture)));
    assert!(Set::Tuning.shadows().iter().all(|shadow| !Set::HeldBack.shadows().contains(shadow)));
    assert!(Set::Tuning.writers().all(|writer| !Set::HeldBack.writers().contains(&writer)));
    let [tuning, held_back] = nothing::UNLIKE_DIGITS;
    assert!(tuning.chars().all(|letter| !held_back.contains(letter)));
}

#[test]
fn light_falls_to_the_share_that_it_says() {
    for index in 0..4 {
        let lights = lights("light-0.5", index);
        assert!((0.48..0.56).contains(&lights[0]) && (0.95..1.01).contains(&lights[399]), "{lights:?}");
        assert!((0.7..0.8).contains(&lights[200]), "evenly: {}", lights[200]);
    }
}

#[test]
fn a_shadow_is_as_deep_as_it_says_and_its_edge_soft_or_sharp() {
    for index in 0..4 {
        let between = |label: &str| {
            let lights = lights(label, index);
            assert!((0.68..0.75).contains(&lights[0]) && lights[399] > 0.98, "{label}: {lights:?}");
            lights.iter().filter(|light| (0.72..0.97).contains(*light)).count()
        };
        let (hard, soft) = (between("hard-shadow-0.7"), between("soft-shadow-0.7"));
        assert!(hard < 30 && soft > 40, "{hard} of 400 places lie on the sharp edge, {soft} on the soft one");
    }
}

#[test]
fn a_vignette_darkens_the_corners_and_a_pasted_picture_has_seams() {
    let light_of = light("vignette-0.4", 1);
    assert!((0.99..1.01).contains(&light_of(0.5, 0.5)));
    for [x, y] in [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]] {
        assert!((0.38..0.44).contains(&light_of(x, y)), "{}", light_of(x, y));
    }
    let light_of = light("pasted-0.7", 1);
    let quarters = [[0.2, 0.2], [0.8, 0.2], [0.2, 0.8], [0.8, 0.8]].map(|[x, y]| light_of(x, y));
    let (darkest, brightest) = quarters.iter().fold((9.0_f32, 0.0_f32), |(a, b), &k| (a.min(k), b.max(k)));
    assert!((0.69..0.71).contains(&darkest) && (0.99..1.01).contains(&brightest), "{quarters:?}");
    assert!((light_of(0.2, 0.45) - quarters[0]).abs() < 0.01, "even up to the seam");
}

#[test]
fn the_table_lies_where_it_says() {
    let clean = photo("clean", 2);
    for (label, sides, pads) in [("table-0.1", 4, 0.4), ("table-side-0.15", 1, 0.15), ("clean", 0, 0.0)] {
        let photo = photo(label, 2);
        let is_table = |x: f32, y: f32| {
            let at = |share: f32, side: usize| (share * (side - 1) as f32) as usize;
            photo.shares[at(y, photo.height) * photo.width + at(x, photo.width)][1] > 127
        };
        let edges = [[0.0, 0.5], [1.0, 0.5], [0.5, 0.0], [0.5, 1.0]];
        assert_eq!(edges.iter().filter(|[x, y]| is_table(*x, *y)).count(), sides, "{label}");
        assert!(!is_table(0.5, 0.5));
        let grown = (photo.width + photo.height) as f32 - (clean.width + clean.height) as f32;
        assert!((grown / clean.width as f32 - pads).abs() < 0.01, "{label}: {grown} pixels more");
    }
}

#[test]
fn all_ink_lies_in_the_boxes_of_the_digits_which_are_in_reading_order() {
    for label in ["clean", "grid3x3", "grid2x5-blanks", "row", "single", "table-0.1"] {
        let photo = photo(label, 6);
        let margin = 0.02 * photo.width as f32;
        let is_inside = |x: f32, y: f32| {
            photo.boxes.iter().any(|&[left, top, width, height]| {
                (left - margin..left + width + margin).contains(&x)
                    && (top - margin..top + height + margin).contains(&y)
            })
        };
        for (i, [ink, _]) in photo.shares.iter().enumerate() {
            let (x, y) = ((i % photo.width) as f32, (i / photo.width) as f32);
            assert!(*ink < 25 || is_inside(x, y), "{label}: ink at {x}, {y}");
        }
        for pair in photo.boxes.windows(2) {
            let [[a, b, _, tall], [c, d, _, _]] = [pair[0], pair[1]];
            assert!(c > a || d > b + 0.5 * tall, "{label}: {pair:?}");
        }
    }
}

#[test]
fn printed_boxes_surround_their_digits() {
    for index in 0..4 {
        let photo = photo("boxes", index);
        for &[left, top, width, height] in &photo.boxes {
            let (x, y) = (left + width / 2.0, top + height / 2.0);
            // From the middle of each side of a digit's box outwards there comes the printed line.
            for (start, step) in [
                ([left, y], [-1.0, 0.0]),
                ([left + width, y], [1.0, 0.0]),
                ([x, top], [0.0, -1.0]),
                ([x, top + height], [0.0, 1.0]),
            ] {
                let reach = 0.9 * height.max(width);
                let pen = 0.04 * height;
                let steps = (pen as usize..reach as usize).map(|k| k as f32);
                let found = steps.map(|k| [start[0] + k * step[0], start[1] + k * step[1]]);
                assert!(found.into_iter().any(|[x, y]| is_ink(&photo, x, y)), "picture {index}: no line");
            }
        }
    }
}

#[test]
fn one_digit_is_faint_or_small_and_the_others_are_not() {
    let ink = |photo: &Photo, [left, top, width, height]: [f32; 4]| {
        let places = (0..10_000).map(|i| [(i % 100) as f32 / 99.0, (i / 100) as f32 / 99.0]);
        let ink = places.map(|[x, y]| {
            photo.shares
                [(top + y * height).round() as usize * photo.width + (left + x * width).round() as usize][0]
        });
        f32::from(ink.max().unwrap_or(0))
    };
    let faint = photo("faint-0.25", 0);
    let mut inks: Vec<f32> = faint.boxes.iter().map(|&area| ink(&faint, area)).collect();
    inks.sort_by(f32::total_cmp);
    assert!(inks[0] < 0.35 * inks[1] && inks[1] > 0.8 * inks[3], "{inks:?}");
    let small = photo("small-0.15", 0);
    let mut heights: Vec<f32> = small.boxes.iter().map(|area| area[3]).collect();
    heights.sort_by(f32::total_cmp);
    assert!(heights[0] < 0.4 * heights[1] && heights[1] > 0.7 * heights[3], "{heights:?}");
}

#[test]
fn strokes_are_smooth_and_not_cut_off_at_the_box_of_their_points() {
    let corner = Strokes::new(vec![vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]]).unwrap();
    let digits = [PenDigit { label: 0, writer: Some(1), strokes: corner }];
    let hands = Hands::from_strokes(&digits, &(1..=1));
    let (mut sheet, mut random) = (Plane::zero(100, 100), Random::keyed(0, "test", 0, 0));
    let digit = hands.write(1, &mut random)[0];
    let pen = Pen { width: 3.0, ink: 1.0, broken: 0.0 };
    hand::Placed { digit, area: [20.0, 20.0, 60.0, 60.0] }.write(&mut sheet, pen, &mut random);
    // Half way down, the curve through the corners passes to the right of both.
    assert!(sheet.at([87.5, 50.0]) > 0.5 && sheet.at([80.0, 50.0]) < 0.1);
}

#[test]
fn touching_digits_touch_and_others_do_not() {
    let gaps = |label: &str, index: u64| -> Vec<f32> {
        let photo = photo(label, index);
        let gap = |pair: &[[f32; 4]]| (pair[1][0] - pair[0][0] - pair[0][2]) / pair[0][3];
        photo.boxes.windows(2).map(gap).collect()
    };
    for index in 0..6 {
        assert!(gaps("touching", index).iter().all(|gap| gap.abs() < 0.06), "{:?}", gaps("touching", index));
        assert!(gaps("row", index).iter().all(|gap| *gap > 0.05), "{:?}", gaps("row", index));
    }
}

#[test]
fn chalk_is_light_on_dark_and_nothing_is_nothing() {
    let mean = |photo: &Photo| photo.luma.iter().sum::<f32>() / photo.luma.len() as f32;
    let chalk = photo("chalk", 0);
    assert!(mean(&chalk) < 0.4 && mean(&photo("clean", 0)) > 0.6);
    let inked = |photo: &Photo| photo.shares.iter().filter(|shares| shares[0] > 50).count();
    assert_eq!(inked(&photo("none", 0)), 0);
    for label in ["none-letters", "none-text", "none-scribbles", "none-sketch", "none-lines"] {
        let photo = photo(label, 0);
        assert!(photo.digits.is_empty() && photo.boxes.is_empty());
        assert!(photo.shares.iter().any(|shares| shares[0] > 15), "{label}");
    }
    assert!(photo("none-texture", 0).shares.iter().all(|shares| shares[1] == 255));
}

#[test]
fn files_are_what_their_kinds_say() {
    let twelve = photo("12bit", 0);
    assert_eq!(twelve.file, File::TwelveBitPng);
    let most = twelve.gray_12_bits().into_iter().max().unwrap();
    assert!((2_500..=4_095).contains(&most), "{most}");
    assert!(matches!(photo("truncated", 0).file, File::Jpeg { is_truncated: true, .. }));
    assert!(matches!(photo("exif-6", 0).file, File::Jpeg { orientation: Some(6), is_big_endian: false, .. }));
}
