//! SHA-256 (FIPS 180-4) in lower-case hexadecimal: what tells whether a file is the official one.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The digest of `parts`, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part);
    }
    sha.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes any text");
        text
    })
}
