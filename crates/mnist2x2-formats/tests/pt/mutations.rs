//! Damaged files: whatever happens to the bytes, reading ends with tensors or an error.

use mnist2x2_random::Random;
use zip::CompressionMethod::Stored;

use super::write::{entries_of, zip_of};
use super::{TINY, read};

const MUTATIONS: u64 = 20_000;

#[test]
fn no_mutation_of_a_file_panics() {
    let read_any = |index| read(&mutated(TINY, &mut Random::keyed(1, "pt file", 0, index))).is_ok();
    let readable = (0..MUTATIONS).filter(|&index| read_any(index)).count();
    assert!(readable < MUTATIONS as usize / 2, "checksums catch most: {readable} were read");
    for form in super::FORMS {
        let mutation = |index| mutated(form, &mut Random::keyed(1, "form by PyTorch", 0, index));
        (0..MUTATIONS / 10).for_each(|index| drop(read(&mutation(index))));
    }
}

/// Past the archive's checksums, so that the pickle machine and the tensors meet the damage.
#[test]
fn no_mutation_of_a_pickle_panics() {
    let mut entries = entries_of(TINY);
    let program = entries[0].1.clone();
    let mut readable = 0;
    for index in 0..MUTATIONS {
        entries[0].1 = mutated(&program, &mut Random::keyed(1, "pt pickle", 0, index));
        let Ok(tensors) = read(&zip_of(&entries, Stored)) else { continue };
        readable += 1;
        for (name, tensor) in tensors {
            assert_eq!(tensor.values.len(), tensor.shape.iter().product::<usize>(), "{name}");
        }
    }
    assert!(readable > 0, "some mutations change no more than a name");
}

/// `bytes` after one to four random edits.
fn mutated(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        edit(&mut bytes, random);
    }
    bytes
}

fn edit(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() as u32 + 1) as usize;
    let end = bytes.len().min(at + random.below(24) as usize);
    match random.below(7) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, random.bits() as u8),
        2 => drop(bytes.drain(at..end)),
        3 => bytes.extend_from_within(at..end),
        4 => bytes[at..end].fill(if random.below(2) == 0 { 0 } else { 0xff }),
        5 if at < end => bytes[at] ^= 1 << random.below(8),
        _ => bytes[at..end].iter_mut().take(1).for_each(|byte| *byte = random.bits() as u8),
    }
}
