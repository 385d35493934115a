//! Sizes that no memory can hold are refused where an object is made.
//!
//! Lengths that follow from sizes are computed without wrapping: one that is too large becomes the largest there is, which
//! no slice has, so that taking that much of a slice fails. Behind those two checks no index overflows.

use candle_core::{Result, bail};

/// Numbers per 64-byte cache line, to which every part of a buffer is aligned where the allocation allows; also the widest
/// vector there is.
pub(crate) const LINE: usize = 16;

/// The most numbers that a sub-layer's parameters or inputs may have: what an allocation can hold, with room for rows that
/// are filled up to whole vectors.
const MAX_NUMBERS: usize = isize::MAX as usize / size_of::<f32>() / LINE;

/// How many numbers a shape has, or the largest number there is if that is less.
pub(crate) fn numbers_in<const N: usize>(shape: [usize; N]) -> usize {
    shape.into_iter().fold(1, usize::saturating_mul)
}

/// The sum of lengths, or the largest number there is if that is less.
pub(crate) fn sum(lens: impl IntoIterator<Item = usize>) -> usize {
    lens.into_iter().fold(0, usize::saturating_add)
}

/// A length rounded up to whole cache lines.
pub(crate) fn whole_lines(len: usize) -> usize {
    numbers_in([len.div_ceil(LINE), LINE])
}

/// Refuses sizes of which one is zero, or which make more numbers than memory holds.
pub(crate) fn check_sizes(what: &str, sizes: &[usize], numbers: usize) -> Result<()> {
    if sizes.contains(&0) {
        bail!("{what}: an input of shape {sizes:?} is empty");
    }
    if numbers > MAX_NUMBERS {
        bail!("{what}: sizes of {sizes:?} make more numbers than memory holds");
    }
    Ok(())
}
