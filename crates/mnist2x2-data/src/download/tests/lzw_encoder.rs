//! As much of the Unix program `compress` as the tests need.

use std::collections::HashMap;

/// Packs as `compress -b WIDEST` does, emptying the table after every `clear` codes.
pub(in crate::download) fn encode(bytes: &[u8], widest: u32, clear: usize) -> Vec<u8> {
    let mut bits = Bits { out: vec![0x1f, 0x9d, 0x80 | widest as u8], word: 0, held: 0, codes: 0 };
    let (mut table, mut width): (HashMap<(usize, u8), usize>, _) = (HashMap::new(), 9);
    let (mut next, mut since) = (256 + 1, 0);
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
            bits.put(256, width);
            bits.fill_group(width);
            table.clear();
            (next, width, since) = (256 + 1, 9, 0);
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
