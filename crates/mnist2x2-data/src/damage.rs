//! Text with random damage, by seed, for the tests of readers.

use mnist2x2_random::Random;

/// `count` copies of `text`, each after one to four random edits: a byte replaced, the end cut off, one of `inserted` put in.
pub(crate) fn damaged(text: &[u8], inserted: &[u8], count: u64) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(|index| {
        let (mut bytes, mut random) = (text.to_vec(), Random::keyed(0, "damage", 0, index));
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u32) as usize;
            match random.below(3) {
                0 => bytes[at] = random.bits() as u8,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, inserted[random.below(inserted.len() as u32) as usize]),
            }
        }
        bytes
    })
}
