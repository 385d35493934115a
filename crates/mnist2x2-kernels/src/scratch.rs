//! Working memory that is asked for once and used again.

use crate::simd::Level;
use crate::sizes::{LINE, sum, whole_lines};

/// Working memory of the kernels: grows to what the largest call needs and is then reused, so that a loop over batches
/// of one size allocates once.
///
/// What it holds between calls is of no meaning. It also says on which instruction set the kernels run.
#[derive(Debug, Default)]
pub struct Scratch {
    level: Level,
    parts: Vec<f32>,
    buffer: Vec<f32>,
}

impl Scratch {
    /// Empty working memory, for the best instruction set of this machine.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty working memory for kernels on this instruction set.
    pub fn at(level: Level) -> Self {
        Self { level, ..Self::default() }
    }

    /// The instruction set.
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Parts of these lengths, holding anything.
    pub(crate) fn parts<const N: usize>(&mut self, lens: [usize; N]) -> [&mut [f32]; N] {
        let needed = sum([packed_len(lens), LINE]);
        if self.parts.len() < needed {
            self.parts.resize(needed, 0.0);
        }
        let skipped = self.parts.as_ptr().align_offset(4 * LINE).min(LINE);
        split(&mut self.parts[skipped..], lens)
    }

    /// Runs a pass with a buffer of `len` numbers, which hold anything at first and are read by nobody afterwards; it can ask for
    /// [`parts`](Self::parts) too.
    pub(crate) fn with_buffer(&mut self, len: usize, pass: impl FnOnce(&mut [f32], &mut Self)) {
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.len() < len {
            buffer.resize(len, 0.0);
        }
        pass(&mut buffer[..len], self);
        self.buffer = buffer;
    }
}

/// Rows that inference takes at a time, so that what one sub-layer makes of them stays in a second-level cache. Few under
/// Miri, so that its small tests cross from one block to the next.
pub(crate) const ROWS_AT_A_TIME: usize = if cfg!(miri) { 8 } else { 128 };

/// How long a buffer is that [`split`] can divide into parts of these lengths.
pub(crate) fn packed_len<const N: usize>(lens: [usize; N]) -> usize {
    sum(lens.map(whole_lines))
}

/// Divides a buffer of [`packed_len`] into parts, each beginning a whole number of cache lines from the first.
pub(crate) fn split<const N: usize>(mut buffer: &mut [f32], lens: [usize; N]) -> [&mut [f32]; N] {
    lens.map(|len| {
        let (part, rest) = std::mem::take(&mut buffer).split_at_mut(whole_lines(len));
        buffer = rest;
        &mut part[..len]
    })
}

/// [`split`] for reading.
pub(crate) fn split_ref<const N: usize>(mut buffer: &[f32], lens: [usize; N]) -> [&[f32]; N] {
    lens.map(|len| {
        let (part, rest) = buffer.split_at(whole_lines(len));
        buffer = rest;
        &part[..len]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_their_lengths_and_do_not_overlap() {
        let mut scratch = Scratch::new();
        for (value, lens) in [(1.0, [3, 0, 17]), (2.0, [40, 16, 1]), (3.0, [1, 1, 1])] {
            let parts = scratch.parts(lens);
            assert_eq!(parts.each_ref().map(|part| part.len()), lens);
            for (i, part) in parts.into_iter().enumerate() {
                part.fill(value + i as f32);
                assert!(part.iter().all(|&v| v == value + i as f32));
            }
        }
    }

    #[test]
    fn reading_sees_what_was_written() {
        let lens = [5, 20];
        let mut buffer = vec![0.0; packed_len(lens)];
        let [a, b] = split(&mut buffer, lens);
        a.fill(1.0);
        b.fill(2.0);
        let [a, b] = split_ref(&buffer, lens);
        assert_eq!((a, b), (&[1.0; 5][..], &[2.0; 20][..]));
    }
}
