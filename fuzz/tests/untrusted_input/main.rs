//! Untrusted input, with a watch on time and memory.

/// What reading may cost.
mod limits;

/// Seeded mutations of good bytes.
mod mutations;

/// Small files that claim or unpack to much.
mod bombs;
