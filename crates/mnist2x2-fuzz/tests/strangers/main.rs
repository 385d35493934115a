//! What strangers send, with a watch on time and memory.

/// Measures time.
mod clock;

/// Counts what is allocated.
mod memory;

/// Seeded mutations of good bytes.
mod mutations;

/// Small files that claim or unpack to much.
mod bombs;
