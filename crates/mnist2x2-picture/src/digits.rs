//! Which pieces of ink are of one digit.

use crate::blot::{Blot, digit_size, overlap, pen};
use crate::mask::{Pixel, root, unite};

/// The most pieces of which digits are made.
const MOST_PIECES: usize = 150;
/// How many ways to make digits of pieces are looked at.
const WAYS: usize = 2;
/// How far a part may lie from the rest of its digit, as a share of a digit's size.
const APART: f32 = 0.3;
/// Digits lie at least so many times as far apart as the parts of each.
const JUMP: f32 = 2.0;
/// The width of one digit is at most so many times its height, or that of the others.
const WIDEST: f32 = 1.35;
/// Two pieces side by side that are both as high as this share of the two together are two digits.
const FULL: f32 = 0.72;
/// Pieces are of one digit in any case where digits lie so many times as far apart, and these no farther than this share of a
/// digit's size.
const CLOSE: [f32; 2] = [4.0, 0.12];
/// Digits that are smaller than this share of the larger ones, or have fewer pixels along their longer side, are specks.
const SPECK: f32 = 0.14;
const SMALLEST: f32 = 14.0;

/// The digits that pieces make.
///
/// Parts of one digit lie close together, digits lie farther apart: of all ways to part the pieces by their distances the one
/// with the clearest jump is the first, and the next one follows.
pub(crate) fn ways(mut pieces: Vec<Blot>) -> Vec<Vec<Blot>> {
    if pieces.len() > MOST_PIECES {
        pieces.retain(|piece| piece.size() >= SMALLEST);
    }
    if pieces.len() > MOST_PIECES {
        return vec![Vec::new()];
    }
    let (size, pen) = (digit_size(&pieces), pen(&pieces));
    let ties = ties(&pieces, APART * size);
    // Without ties each piece is a digit; with the first n, n fewer digits.
    let far = APART * size;
    let distance = |n: usize| ties.get(n).map_or(far, |tie| tie.0).min(far);
    let jump = |n: usize| distance(n) / if n == 0 { 0.7 * pen } else { distance(n - 1).max(0.7 * pen) };
    let mut orders: Vec<usize> = (0..=ties.len()).collect();
    orders.sort_by(|&a, &b| jump(b).total_cmp(&jump(a)));
    let ways = orders.into_iter().filter(|&n| n == 0 || jump(n) >= JUMP).filter_map(|n| {
        // Even two high pieces side by side are of one digit where they lie far closer together than all digits.
        let is_close = n > 0 && jump(n) >= CLOSE[0] && distance(n - 1) <= CLOSE[1] * size;
        tied(&pieces, &ties[..n], is_close)
    });
    let mut ways: Vec<Vec<Blot>> = ways.take(WAYS).collect();
    if ways.is_empty() {
        ways.push(pieces);
    }
    for digits in &mut ways {
        let least = SMALLEST.max(SPECK * digit_size(digits));
        digits.retain(|digit| digit.size() >= least);
    }
    ways
}

/// The pairs of pieces that hold all together with the least distances, nearest first; none farther than `most`.
fn ties(pieces: &[Blot], most: f32) -> Vec<(f32, usize, usize)> {
    let mut pairs = Vec::new();
    for a in 0..pieces.len() {
        for b in 0..a {
            if pieces[a].gap(&pieces[b]) <= most {
                let distance = pieces[a].distance(&pieces[b], most);
                pairs.extend((distance <= most).then_some((distance, a, b)));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut owner: Vec<usize> = (0..pieces.len()).collect();
    pairs.retain(|&(_, a, b)| unite(&mut owner, a, b));
    pairs
}

/// What these ties make of the pieces, if each can be one digit.
fn tied(pieces: &[Blot], ties: &[(f32, usize, usize)], is_close: bool) -> Option<Vec<Blot>> {
    let mut owner: Vec<usize> = (0..pieces.len()).collect();
    for &(_, a, b) in ties {
        unite(&mut owner, a, b);
    }
    let mut groups: Vec<Vec<&Blot>> = vec![Vec::new(); pieces.len()];
    for (at, piece) in pieces.iter().enumerate() {
        groups[root(&mut owner, at)].push(piece);
    }
    groups.retain(|group| !group.is_empty());
    let together = |group: &Vec<&Blot>| {
        let pixels: Vec<Pixel> = group.iter().flat_map(|piece| piece.pixels.iter().copied()).collect();
        Blot::of(pixels)
    };
    let digits: Vec<Blot> = groups.iter().map(together).collect();
    let can_be = |(digit, group): (&Blot, &Vec<&Blot>)| {
        let others = digits.iter().filter(|other| other.x != digit.x || other.y != digit.y);
        let largest = others.map(Blot::size).fold(0.0, f32::max);
        group.len() == 1
            || ((largest == 0.0 || digit.size() <= WIDEST * largest)
                && digit.x.len() as f32 <= WIDEST * digit.y.len() as f32
                && (is_close || !is_pair(digit, group)))
    };
    digits.iter().zip(&groups).all(can_be).then_some(digits)
}

/// Whether two of a group stand side by side, each as high as a digit.
fn is_pair(digit: &Blot, group: &[&Blot]) -> bool {
    let high: Vec<&&Blot> =
        group.iter().filter(|piece| piece.y.len() as f32 >= FULL * digit.y.len() as f32).collect();
    high.iter().enumerate().any(|(i, a)| {
        high[..i].iter().any(|b| (overlap(&a.x, &b.x) as f32) < 0.3 * a.x.len().min(b.x.len()) as f32)
    })
}
