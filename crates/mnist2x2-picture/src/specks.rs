//! Specks: dust and taps of the pen, which are no digits.

/// The share of all ink of a cell that a speck has at most.
const SPECK_SHARE: f32 = 0.05;

/// The parts of one cell's ink without those that are `small` and have little of its `ink`; none if all are small.
pub(crate) fn without_specks<T>(
    parts: Vec<T>,
    small: impl Fn(&T) -> bool,
    ink: impl Fn(&T) -> f32,
) -> Vec<T> {
    if parts.iter().all(&small) {
        return Vec::new();
    }
    let least = SPECK_SHARE * parts.iter().map(&ink).sum::<f32>();
    parts.into_iter().filter(|part| !(small(part) && ink(part) <= least)).collect()
}
