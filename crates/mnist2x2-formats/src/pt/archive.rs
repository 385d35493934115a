//! The zip archive: every entry unpacked into memory, within fixed limits.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use zip::ZipArchive;

use super::error::{PtError, shown};

/// The largest file that is read, in bytes: 64 MiB, some 16 million parameters.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// All entries together, unpacked.
const MAX_UNPACKED_BYTES: usize = 64 << 20;
/// The zip directory: some ten thousand entries, of which a model has one per tensor.
const MAX_DIRECTORY_BYTES: usize = 1 << 20;
/// As many as fit into a directory of that size; checked apart because memory is set aside for as many as are claimed.
const MAX_ENTRIES: u64 = MAX_DIRECTORY_BYTES as u64 / 46;
/// The pickle program: about 140 bytes per tensor, and the bound of all that the pickle machine stores.
const MAX_PROGRAM_BYTES: usize = 1 << 20;

/// The unpacked entries by name, without the root folder, which is named after the file that was saved.
pub(super) struct Archive(BTreeMap<String, Vec<u8>>);

impl Archive {
    /// Unpacks the zip archive `bytes`, stored or deflated.
    pub(super) fn unpack(bytes: &[u8]) -> Result<Self, PtError> {
        check_beginning(bytes)?;
        let budget = Cell::new(MAX_DIRECTORY_BYTES);
        let metered = Metered { bytes: Cursor::new(bytes), budget: &budget };
        let mut zip = ZipArchive::new(metered).map_err(unreadable)?;
        // Each byte is needed once; archives whose entries share bytes are bombs.
        budget.set(bytes.len());
        if zip.has_duplicate_names() {
            return Err(unreadable("two entries have the same name"));
        }
        let mut entries = BTreeMap::new();
        let mut room = MAX_UNPACKED_BYTES;
        for index in 0..zip.len() {
            let (name, content) = unpack_entry(&mut zip, index, room)?;
            room -= content.len();
            let Some((_root, name)) = name.split_once('/') else { continue };
            if entries.insert(name.into(), content).is_some() {
                return Err(unreadable(format!("two folders hold `{}`", shown(name))));
            }
        }
        let archive = Self(entries);
        archive.check_byte_order()?;
        Ok(archive)
    }

    /// The pickle program that builds the dict.
    pub(super) fn program(&self) -> Result<&[u8], PtError> {
        match self.entry("data.pkl") {
            None => Err(PtError::Missing("data.pkl")),
            Some(program) if program.len() <= MAX_PROGRAM_BYTES => Ok(program),
            Some(_) => Err(PtError::TooLarge { what: "data.pkl", limit: MAX_PROGRAM_BYTES }),
        }
    }

    /// The content of the entry `name`.
    pub(super) fn entry(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// PyTorch before 2.1 wrote no `byteorder`, and its files are little-endian but for rare machines.
    fn check_byte_order(&self) -> Result<(), PtError> {
        match self.entry("byteorder").map(<[u8]>::trim_ascii) {
            None | Some(b"little") => Ok(()),
            Some(other) => Err(PtError::ByteOrder(shown(&String::from_utf8_lossy(other)))),
        }
    }
}

/// What can be told from the bytes as they stand.
fn check_beginning(bytes: &[u8]) -> Result<(), PtError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(PtError::TooLarge { what: "the file", limit: MAX_FILE_BYTES });
    }
    match bytes {
        [b'P', b'K', ..] if claims_too_many_entries(bytes) => {
            Err(unreadable(format!("it claims more than {MAX_ENTRIES} entries")))
        }
        [b'P', b'K', ..] => Ok(()),
        [0x80, 2..=5, ..] => Err(PtError::Legacy), // the beginning of a bare pickle
        _ => Err(unreadable("the file is no zip archive")),
    }
}

/// Whether a 64-bit end-of-directory record, wherever it stands, claims more entries than are read.
/// The 32-bit record has 16 bits for that number, and so needs no such check.
fn claims_too_many_entries(bytes: &[u8]) -> bool {
    bytes.windows(40).filter(|window| window.starts_with(b"PK\x06\x06")).any(|record| {
        let (_, entries) = record.split_last_chunk().expect("the window has 40 bytes");
        u64::from_le_bytes(*entries) > MAX_ENTRIES
    })
}

/// The name and the content of one entry, if the content takes at most `room` bytes.
fn unpack_entry(
    zip: &mut ZipArchive<Metered<'_>>,
    index: usize,
    room: usize,
) -> Result<(String, Vec<u8>), PtError> {
    let too_large = PtError::TooLarge { what: "the unpacked archive", limit: MAX_UNPACKED_BYTES };
    let entry = zip.by_index(index).map_err(unreadable)?;
    let name = entry.name().map_err(unreadable)?.into_owned();
    if entry.size() > room as u64 {
        return Err(too_large);
    }
    let mut content = Vec::with_capacity(entry.size() as usize);
    // One byte more than fits shows a false size, and reading up to the end checks the sum.
    let read = entry.take(room as u64 + 1).read_to_end(&mut content);
    read.map_err(|error| unreadable(format!("entry `{}`: {error}", shown(&name))))?;
    if content.len() > room { Err(too_large) } else { Ok((name, content)) }
}

fn unreadable(error: impl std::fmt::Display) -> PtError {
    PtError::Archive(error.to_string())
}

/// A reader that stops with an error when its budget is spent: reading the directory costs memory in proportion.
struct Metered<'a> {
    bytes: Cursor<&'a [u8]>,
    budget: &'a Cell<usize>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        let left = self.budget.get().checked_sub(read);
        self.budget.set(left.ok_or_else(|| io::Error::other("its parts overlap, or are too many"))?);
        Ok(read)
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(position)
    }
}
