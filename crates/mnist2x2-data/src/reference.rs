//! The published grids, bit for bit.
//!
//! The published result was measured on grids drawn by PyTorch after `torch.manual_seed(42)`, one
//! `torch.randint(0, n, (4,))` for each grid. On a CPU that is MT19937 (M. Matsumoto and T. Nishimura, *Mersenne
//! Twister*, 1998) seeded by its `init_genrand`, one 32-bit output for each draw, taken modulo n.

use rand_mt::Mt;

use crate::grid_source::IndexMap;

/// The seed of the published grids.
pub const SEED: u32 = 42;

/// The first `grids` published grids of `cells` digits each, drawn from a split of `digits` digits.
///
/// # Panics
/// If `digits` or `cells` is 0: no such grid exists.
pub fn grids(digits: u32, grids: usize, cells: usize) -> IndexMap {
    assert!(digits > 0 && cells > 0, "a grid needs digits to draw from and cells to put them in");
    let mut twister = Mt::new(SEED);
    let indices = (0..grids * cells).map(|_| twister.next_u32() % digits).collect();
    IndexMap::new(indices, cells).expect("the indices fill whole grids")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mnist::{self, Split};
    use crate::sha256::sha256;

    /// Digest of the indices as little-endian words and first three grids, by PyTorch 2.15.
    fn assert_indices(digits: u32, digest: &str, first: [[u32; 4]; 3]) {
        let map = grids(digits, digits as usize, 4);
        let bytes: Vec<u8> = (0..map.len()).flat_map(|i| map.grid(i)).flat_map(|i| i.to_le_bytes()).collect();
        assert_eq!(sha256(&[&bytes]), digest);
        assert_eq!([map.grid(0), map.grid(1), map.grid(2)], first);
    }

    #[test]
    fn indices_are_those_of_pytorch() {
        assert_indices(
            10_000,
            "994d3ad1c84677cd1d27604b32d8928caadd1bde73ec06862a5ec82decd0f8ae",
            [[7542, 6067, 6876, 6414], [26, 7335, 8620, 1924], [4950, 7113, 1378, 9014]],
        );
        assert_indices(
            60_000,
            "5daae1ea8f9b7f0f3f158553afe552ae525f3a92c204f95aa74f54f5240c1fdc",
            [[37542, 46067, 46876, 46414], [10026, 27335, 38620, 11924], [14950, 57113, 31378, 29014]],
        );
    }

    #[test]
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    fn labels_are_those_of_pytorch() {
        let Some(dir) = std::env::var_os("MNIST_DIR") else {
            eprintln!("skipped: set MNIST_DIR to the folder with MNIST's four files");
            return;
        };
        let golden = [
            (Split::Test, "58426fb55879570a7b0e060b24ee08af07d17002de7fe8e9a6a59c6462873df3"),
            (Split::Train, "eaea465a71b4673ed383faaa6b26e70b684f875c62b87b6ad851131d57d334b2"),
        ];
        for (split, digest) in golden {
            let digits = mnist::load(dir.as_ref(), split).unwrap();
            assert!(mnist::Digests::of(&digits).are_official(split));
            let map = grids(digits.len() as u32, digits.len(), 4);
            let line =
                |i| map.grid(i).iter().map(|&d| (b'0' + digits.label(d as usize)) as char).chain(['\n']);
            let lines: String = (0..map.len()).flat_map(line).collect();
            assert_eq!(sha256(&[lines.as_bytes()]), digest);
        }
    }
}
