//! One file in the forms it is passed around in: gzipped or unpacked, with a dash or a dot in its name.
//!
//! A small gzip file can unpack to gigabytes, so nothing here reads on after the length that the header announces.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::idx::{self, Fault, Kind};

/// The longest file that is read, unpacked, in bytes: four times MNIST's longest, room for larger sets of the same form.
const LIMIT: u64 = 192 << 20;
/// No gzip file unpacks to more times its own length (deflate's longest match, 258 bytes, takes two bits).
const MOST_EXPANSION: u64 = 1032;

/// The file called `name` in `dir`, in the first of its forms that is there.
pub(crate) fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replacen("-idx", ".idx", 1);
    let forms = [format!("{name}.gz"), name.to_owned(), format!("{dotted}.gz"), dotted];
    forms.into_iter().map(|form| dir.join(form)).find(|path| path.is_file())
}

/// The unpacked content of a file.
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

/// The whole unpacked file at `path`, as long as its header announces.
pub(crate) fn read(path: &Path, kind: Kind) -> Result<Vec<u8>, Error> {
    let failed = |source| read_error(path, source);
    let bad = |fault| Error::BadFile { path: path.into(), fault };
    let file = File::open(path).map_err(failed)?;
    let packed_len = file.metadata().map_err(failed)?.len();
    let mut reader = unpack(file).map_err(failed)?;
    let mut bytes = Vec::new();
    reader.by_ref().take(kind.header_len() as u64).read_to_end(&mut bytes).map_err(failed)?;
    let declared = idx::declared_len(kind, &bytes).map_err(bad)?;
    if declared > LIMIT {
        return Err(bad(Fault::TooLong { declared }));
    }
    // Memory for what is announced, once and exactly, but no more than this file can hold.
    bytes.reserve_exact(declared.min(packed_len.saturating_mul(MOST_EXPANSION)) as usize + 1);
    // One byte more than there should be: it shows a file that goes on, and at the end gzip's checksum is verified.
    reader.take(declared - bytes.len() as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 {
        found if found > declared => Err(bad(Fault::Longer { declared })),
        found if found < declared => Err(bad(Fault::Length { declared, found })),
        _ => Ok(bytes),
    }
}

/// Tells a damaged gzip stream from a disk that fails.
fn read_error(path: &Path, source: io::Error) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    let path = path.to_owned();
    match source.kind() {
        InvalidData | InvalidInput | UnexpectedEof => {
            Error::BadFile { path, fault: Fault::Gzip(source.to_string()) }
        }
        _ => Error::Read { path, source },
    }
}

/// The SHA-256 of `bytes` in lower-case hexadecimal (FIPS 180-4).
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of a file's unpacked content, of which no more than `limit` bytes are read.
#[cfg(feature = "download")]
pub(crate) fn sha256_of(file: File, limit: u64) -> io::Result<String> {
    let mut reader = BufReader::with_capacity(1 << 16, unpack(file)?.take(limit));
    let mut sha = Sha256::new();
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(hex(&sha.finalize()));
        }
        sha.update(bytes);
        let read = bytes.len();
        reader.consume(read);
    }
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes any text");
        text
    })
}
