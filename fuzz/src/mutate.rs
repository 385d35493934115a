//! Good bytes made bad, by seed.

use mnist2x2_random::Random;

/// Numbers at which programs err: the ends of ranges, and lengths that are lies.
const EDGES: [u64; 8] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, u64::MAX];
/// Text at which parsers err.
const WORDS: [&[u8]; 8] =
    [b"1e999", b"-1", b"NaN", b"null", b"[[[[", b"\"", b"\xff\xfe", b"99999999999999999999"];

/// One of `seeds` after one to six random edits: number `index` of the target `name`.
///
/// # Panics
/// If there are no seeds.
pub fn mutated(seeds: &[Vec<u8>], name: &str, index: u64) -> Vec<u8> {
    let mut random = Random::keyed(0, name, 0, index);
    let pick = |random: &mut Random| seeds[random.below(seeds.len() as u32) as usize].clone();
    let mut bytes = pick(&mut random);
    for _ in 0..=random.below(6) {
        let other = pick(&mut random);
        edit(&mut bytes, &other, &mut random);
    }
    bytes
}

fn edit(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let place = |random: &mut Random, length: usize| random.below(length as u32 + 1) as usize;
    let at = place(random, bytes.len());
    let end = bytes.len().min(at + random.below(32) as usize);
    match random.below(10) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => bytes.extend_from_within(at..end),
        3 => bytes[at..end].fill(random.bits() as u8),
        4 => overwrite(bytes, at, &edge(random)),
        5 => insert(bytes, at, WORDS[random.below(WORDS.len() as u32) as usize]),
        6 => insert(bytes, at, &bytes[at..end].repeat(1 << random.below(8))),
        7 => bytes.splice(at.., other[place(random, other.len())..].iter().copied()).for_each(drop),
        8 => overwrite(bytes, at, &[random.bits() as u8]),
        _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
    }
}

/// One of [`EDGES`] in 1, 2, 4 or 8 bytes of either order.
fn edge(random: &mut Random) -> Vec<u8> {
    let mut bytes = EDGES[random.below(EDGES.len() as u32) as usize].to_le_bytes().to_vec();
    bytes.truncate(1 << random.below(4));
    if random.below(2) == 0 {
        bytes.reverse();
    }
    bytes
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    bytes.iter_mut().skip(at).zip(with).for_each(|(byte, &new)| *byte = new);
}

fn insert(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    bytes.splice(at..at, new.iter().copied()).for_each(drop);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutation_depends_on_nothing_but_its_name_and_number() {
        let seeds = vec![b"one seed and".to_vec(), b"another one".to_vec()];
        let all = |name| (0..200).map(|index| mutated(&seeds, name, index)).collect::<Vec<_>>();
        assert_eq!(all("a"), all("a"));
        assert_ne!(all("a"), all("b"));
        assert!(all("a").iter().filter(|bytes| !seeds.contains(bytes)).count() > 180);
        assert_eq!(mutated(&[vec![]], "a", 0).len(), mutated(&[vec![]], "a", 0).len());
    }
}
