//! Files that may be gzipped: MNIST's are passed around packed and unpacked, with a dash or a dot in their names.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;

/// No gzip file unpacks to more times its own length (deflate's longest match, 258 bytes, takes two bits).
pub(crate) const MAX_EXPANSION: u64 = 1032;

/// The file called `name` in `dir`, in the first of its forms that is there.
pub(crate) fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replacen("-idx", ".idx", 1);
    let forms = [format!("{name}.gz"), name.to_owned(), format!("{dotted}.gz"), dotted];
    forms.into_iter().map(|form| dir.join(form)).find(|path| path.is_file())
}

/// The unpacked content of a file. A small gzip file can unpack to gigabytes: read no more of it than there should be.
///
/// The first two bytes decide whether it is gzipped, since browsers and proxies unpack files and keep the name.
pub(crate) fn unpack(file: File) -> io::Result<Box<dyn Read>> {
    let mut file = BufReader::with_capacity(1 << 16, file);
    Ok(if is_gzip(file.fill_buf()?) { Box::new(GzDecoder::new(file)) } else { Box::new(file) })
}

/// Whether these are the first bytes of a gzip file (RFC 1952); no IDX file begins so.
pub(crate) fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b])
}
