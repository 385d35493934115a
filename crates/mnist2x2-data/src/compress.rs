//! What the Unix program `compress` packed into a `.Z` file: Lempel-Ziv-Welch codes (T. Welch, *A Technique for
//! High-Performance Data Compression*, 1984), of 9 to 16 bits, the lowest bit first.
//!
//! A code is a byte or a sequence that was seen before with one byte more. When the table outgrows a width, codes get a
//! bit wider; codes are written in groups of eight, and what is left of a group is skipped when the width changes.

use std::ops::RangeInclusive;

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
pub(crate) fn is_compressed(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

/// The content of a `.Z` file, no more than `limit` bytes and one.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn unpack(bytes: &[u8], limit: usize) -> Result<Vec<u8>, &'static str> {
    let (&flags, codes) = match bytes {
        [first, second, flags, codes @ ..] if [*first, *second] == MAGIC => (flags, codes),
        _ => return Err("it is no .Z file"),
    };
    let widest = u32::from(flags & 0x1f);
    if !WIDEST.contains(&widest) {
        return Err("its codes are of a width that is not read");
    }
    let clears = flags & MAY_CLEAR != 0;
    let mut table = Table { entries: Vec::new(), first: if clears { CLEAR + 1 } else { CLEAR } };
    let mut reader = Codes { bytes: codes, start: 0, read: 0, width: NARROWEST };
    let (mut out, mut before): (Vec<u8>, Option<usize>) = (Vec::new(), None);
    loop {
        if table.len() >> reader.width > 0 && reader.width < widest {
            reader.widen(reader.width + 1);
        }
        let Some(code) = reader.next() else { return Ok(out) };
        if clears && code == CLEAR {
            table.entries.clear();
            reader.widen(NARROWEST);
            before = None;
            continue;
        }
        let start = out.len();
        match before {
            // The sequence that is just being learnt: the one before and its own first byte again.
            Some(before) if code == table.len() => {
                table.write(before, &mut out);
                out.push(out[start]);
            }
            _ if code < CLEAR || (table.first..table.len()).contains(&code) => table.write(code, &mut out),
            _ => return Err("it has a code that means nothing"),
        }
        if let Some(before) = before.filter(|_| table.len() < 1 << widest) {
            table.entries.push((before as u16, out[start]));
        }
        before = Some(code);
        if out.len() > limit {
            return Ok(out);
        }
    }
}

/// The sequences that have a code, beside single bytes.
struct Table {
    /// The code of all but the last byte, and that byte.
    entries: Vec<(u16, u8)>,
    /// The code of the first entry.
    first: usize,
}

impl Table {
    /// The next code that gets a meaning.
    fn len(&self) -> usize {
        self.first + self.entries.len()
    }

    /// Writes the sequence that `code` means.
    fn write(&self, mut code: usize, out: &mut Vec<u8>) {
        let start = out.len();
        while code >= CLEAR {
            let (before, last) = self.entries[code - self.first];
            out.push(last);
            code = usize::from(before);
        }
        out.push(code as u8);
        out[start..].reverse();
    }
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
pub(crate) mod tests {
    use std::collections::HashMap;

    use mnist2x2_random::Random;

    use super::*;

    /// Packs as `compress -b WIDEST` does, emptying the table after every `clear` codes.
    pub(crate) fn pack(bytes: &[u8], widest: u32, clear: usize) -> Vec<u8> {
        let mut bits = Bits { out: vec![0x1f, 0x9d, MAY_CLEAR | widest as u8], word: 0, held: 0, codes: 0 };
        let (mut table, mut width): (HashMap<(usize, u8), usize>, _) = (HashMap::new(), NARROWEST);
        let (mut next, mut since) = (CLEAR + 1, 0);
        let Some((&first, rest)) = bytes.split_first() else { return bits.out };
        let mut current = usize::from(first);
        for &byte in rest {
            if let Some(&code) = table.get(&(current, byte)) {
                current = code;
                continue;
            }
            bits.put(current, width);
            since += 1;
            if next < 1 << widest {
                table.insert((current, byte), next);
                next += 1;
            }
            // The reader learns each entry one code later.
            if (next - 1) >> width > 0 && width < widest {
                bits.fill_group(width);
                width += 1;
            }
            if since == clear {
                bits.put(CLEAR, width);
                bits.fill_group(width);
                table.clear();
                (next, width, since) = (CLEAR + 1, NARROWEST, 0);
            }
            current = usize::from(byte);
        }
        bits.put(current, width);
        if bits.held > 0 {
            bits.out.push(bits.word as u8);
        }
        bits.out
    }

    struct Bits {
        out: Vec<u8>,
        word: usize,
        held: u32,
        codes: usize,
    }

    impl Bits {
        fn put(&mut self, code: usize, width: u32) {
            self.word |= code << self.held;
            self.held += width;
            self.codes += 1;
            while self.held >= 8 {
                self.out.push(self.word as u8);
                self.word >>= 8;
                self.held -= 8;
            }
        }

        fn fill_group(&mut self, width: u32) {
            while !self.codes.is_multiple_of(8) {
                self.put(0, width);
            }
            self.codes = 0;
        }
    }

    /// Text with repetitions, as files of numbers have.
    pub(crate) fn text(length: usize) -> Vec<u8> {
        let mut random = Random::keyed(0, "text", 0, 0);
        (0..length).map(|_| b" 1234\n"[random.below(6) as usize]).collect()
    }

    #[test]
    fn what_was_packed_is_unpacked_at_all_widths_and_after_clearing() {
        for (length, widest, clear) in
            [(0, 16, 0), (1, 10, 0), (5_000, 10, 0), (60_000, 12, 0), (90_000, 16, 0), (90_000, 13, 4_000)]
        {
            let text = text(length);
            let packed = pack(&text, widest, clear);
            assert!(is_compressed(&packed) && (length < 5_000 || packed.len() < text.len() * 2 / 3));
            assert!(unpack(&packed, length).unwrap() == text, "{length} bytes in {widest} bits");
        }
        let same = vec![b'a'; 3_000];
        assert!(unpack(&pack(&same, 16, 0), 3_000).unwrap() == same, "a code is used while it is learnt");
    }

    #[test]
    fn damaged_files_are_refused_or_unpacked_within_the_limit() {
        let packed = pack(&text(4_000), 12, 700);
        assert!(unpack(&packed[..1], 10).is_err() && unpack(&[0x1f, 0x9d, 0x85], 10).is_err());
        let mut random = Random::keyed(0, "damage", 0, 0);
        for _ in 0..5_000 {
            let mut packed = packed.clone();
            for _ in 0..3 {
                let at = 2 + random.below(packed.len() as u32 - 2) as usize;
                packed[at] = random.bits() as u8;
            }
            // A single code may stand for as many bytes as there are codes.
            assert!(unpack(&packed, 2_000).map_or(0, |bytes| bytes.len()) <= 2_000 + (1 << 16));
        }
    }
}
