//! Decoder of `.Z` files, as the Unix program `compress` makes them: Lempel-Ziv-Welch codes (T. Welch, *A Technique for
//! High-Performance Data Compression*, 1984), of 9 to 16 bits, the lowest bit first.
//!
//! A code is a byte or a sequence that was seen before with one byte more. When the table outgrows a width, codes get a
//! bit wider; codes are written in groups of eight, and what is left of a group is skipped when the width changes.

use std::ops::{Range, RangeInclusive};

/// The first bytes of a `.Z` file; the third has the widest code's bits in its lower half.
const MAGIC: [u8; 2] = [0x1f, 0x9d];
/// In the third byte: the table may be emptied.
const MAY_CLEAR: u8 = 0x80;
/// The code that empties the table.
const CLEAR: usize = 256;
/// Bits of the first codes.
const NARROWEST: u32 = 9;
/// Bits that the widest codes may be limited to; programs disagree about files that never leave 9.
const WIDEST: RangeInclusive<u32> = 10..=16;

/// Whether these are the first bytes of a `.Z` file.
pub(super) fn is_compressed(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

/// The content of a `.Z` file; it ends with the code that brings it above `limit` bytes.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn decode(bytes: &[u8], limit: usize) -> Result<Vec<u8>, &'static str> {
    let Some([flags, codes @ ..]) = bytes.strip_prefix(&MAGIC) else { return Err("it is no .Z file") };
    let widest = u32::from(flags & 0x1f);
    if !WIDEST.contains(&widest) {
        return Err("its codes are of a width that is not read");
    }
    let clears = flags & MAY_CLEAR != 0;
    let first = if clears { CLEAR + 1 } else { CLEAR };
    let mut reader = Codes { bytes: codes, start: 0, read: 0, width: NARROWEST };
    let mut out = Vec::new();
    // Where in `out` the sequences stand that have a code from `first` on, and where that of the code before.
    let (mut table, mut before): (Vec<Range<usize>>, Option<Range<usize>>) = (Vec::new(), None);
    while out.len() <= limit {
        let next = first + table.len();
        if next >> reader.width > 0 && reader.width < widest {
            reader.widen(reader.width + 1);
        }
        let Some(code) = reader.next() else { break };
        if clears && code == CLEAR {
            table.clear();
            reader.widen(NARROWEST);
            before = None;
            continue;
        }
        let start = out.len();
        // A new sequence: the one before with one byte more, which is the first that is written now.
        table.extend(before.filter(|_| next < 1 << widest).map(|before| before.start..before.end + 1));
        if let Ok(byte) = u8::try_from(code) {
            out.push(byte);
        } else {
            let sequence = table.get(code - first).ok_or("it has a code that means nothing")?;
            // One by one: the new sequence itself ends with what is written here.
            sequence.clone().for_each(|at| out.push(out[at]));
        }
        before = Some(start..out.len());
    }
    Ok(out)
}

/// Codes as they follow one another.
struct Codes<'a> {
    bytes: &'a [u8],
    /// The bit at which codes of this width begin.
    start: usize,
    /// Codes of this width so far.
    read: usize,
    width: u32,
}

impl Codes<'_> {
    /// The next code; `None` at the end.
    fn next(&mut self) -> Option<usize> {
        let bit = self.start + self.read * self.width as usize;
        let end = (bit + self.width as usize).div_ceil(8);
        let bytes = self.bytes.get(bit / 8..end)?;
        let word = bytes.iter().rev().fold(0, |word, &byte| word << 8 | usize::from(byte));
        self.read += 1;
        Some(word >> (bit % 8) & ((1 << self.width) - 1))
    }

    /// Goes on with codes of another width, after the group of eight that was begun.
    fn widen(&mut self, width: u32) {
        self.start += self.read.next_multiple_of(8) * self.width as usize;
        (self.read, self.width) = (0, width);
    }
}

#[cfg(test)]
mod tests {
    use mnist2x2_random::Random;

    use super::*;
    use crate::download::tests::lzw_encoder::encode;

    /// Text with repetitions, as files of numbers have.
    fn text(length: usize) -> Vec<u8> {
        let mut random = Random::keyed(0, "text", 0, 0);
        (0..length).map(|_| b" 1234\n"[random.below(6) as usize]).collect()
    }

    #[test]
    fn what_was_packed_is_unpacked_at_all_widths_and_after_clearing() {
        for (length, widest, clear) in
            [(0, 16, 0), (1, 10, 0), (5_000, 10, 0), (60_000, 12, 0), (90_000, 16, 0), (90_000, 13, 4_000)]
        {
            let text = text(length);
            let packed = encode(&text, widest, clear);
            assert!(is_compressed(&packed) && (length < 5_000 || packed.len() < text.len() * 2 / 3));
            assert!(decode(&packed, length).unwrap() == text, "{length} bytes in {widest} bits");
        }
        let same = vec![b'a'; 3_000];
        assert!(decode(&encode(&same, 16, 0), 3_000).unwrap() == same, "a code is used while it is learned");
    }

    #[test]
    fn damaged_files_are_refused_or_unpacked_within_the_limit() {
        let packed = encode(&text(4_000), 12, 700);
        assert!(decode(&packed[..1], 10).is_err() && decode(&[0x1f, 0x9d, 0x85], 10).is_err());
        let mut random = Random::keyed(0, "damage", 0, 0);
        for _ in 0..5_000 {
            let mut packed = packed.clone();
            for _ in 0..3 {
                let at = 2 + random.below(packed.len() as u32 - 2) as usize;
                packed[at] = random.bits() as u8;
            }
            // A single code may stand for as many bytes as there are codes.
            assert!(decode(&packed, 2_000).map_or(0, |bytes| bytes.len()) <= 2_000 + (1 << 16));
        }
    }
}
