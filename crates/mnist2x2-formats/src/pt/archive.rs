//! The zip archive: every entry unpacked into memory, within fixed limits; and the form before it, five pickles and the
//! storages one after another, as if it were such an archive.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use zip::ZipArchive;

use super::error::{PtError, shown};
use super::names::Function;
use super::pickle::{self, Pickled, Value};

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

/// How a file begins that PyTorch wrote before 1.6, or without its zip form: the pickles of a magic number, of protocol
/// 1001, and the beginning of a third.
const LEGACY: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";

/// The unpacked entries by name, without the root folder, which is named after the file that was saved.
pub(super) struct Archive<'a> {
    entries: BTreeMap<String, Cow<'a, [u8]>>,
    /// Whether numbers begin with their highest byte.
    pub(super) is_big_endian: bool,
}

impl<'a> Archive<'a> {
    /// Unpacks the bytes of a file, of either form.
    pub(super) fn unpack(bytes: &'a [u8]) -> Result<Self, PtError> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(PtError::TooLarge { what: "the file", limit: MAX_FILE_BYTES });
        }
        match bytes {
            [b'P', b'K', ..] => Self::unpack_zip(bytes),
            [0x80, 2..=5, ..] => Self::split_legacy(bytes.strip_prefix(LEGACY).ok_or(PtError::BarePickle)?),
            _ => Err(unreadable("the file is no zip archive")),
        }
    }

    /// Unpacks the zip archive `bytes`, stored or deflated.
    fn unpack_zip(bytes: &[u8]) -> Result<Self, PtError> {
        if claims_too_many_entries(bytes) {
            return Err(unreadable(format!("it claims more than {MAX_ENTRIES} entries")));
        }
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
            if entries.insert(name.into(), content.into()).is_some() {
                return Err(unreadable(format!("two folders hold `{}`", shown(name))));
            }
        }
        // PyTorch before 2.1 wrote no `byteorder`, and its files are little-endian but for rare machines.
        let is_big_endian = match entries.get("byteorder").map(|order: &Cow<'_, [u8]>| order.trim_ascii()) {
            None | Some(b"little") => false,
            Some(b"big") => true,
            Some(other) => return Err(PtError::ByteOrder(shown(&String::from_utf8_lossy(other)))),
        };
        Ok(Self { entries, is_big_endian })
    }

    /// Finds the parts of a file without the zip form, behind its first two pickles: a dict that tells of the machine, the
    /// program, a list of the storages' keys, and for each its length and its numbers.
    fn split_legacy(mut rest: &'a [u8]) -> Result<Self, PtError> {
        let mut next = || {
            let all = rest;
            let pickled = pickle::run(&all[..all.len().min(MAX_PROGRAM_BYTES)])?;
            let program;
            (program, rest) = all.split_at(pickled.len);
            Ok::<_, PtError>((pickled, program))
        };
        let ((machine, _), (pickled, program), (keys, _)) = (next()?, next()?, next()?);
        let is_little_endian = |[key, value]: &[Value<'_>; 2]| {
            matches!((key, value), (Value::Text("little_endian"), Value::Bool(true)))
        };
        let is_big_endian =
            !machine.items(machine.root).is_some_and(|items| items.iter().any(is_little_endian));
        let widths = storage_widths(&pickled);
        let mut entries = BTreeMap::from([("data.pkl".to_owned(), program.into())]);
        let Value::List(keys_list) = keys.root else { return Err(unreadable("it has no list of storages")) };
        for key in &keys.heap[keys_list] {
            let cut = || unreadable("it ends before its last storage, or a storage belongs to no tensor");
            let Value::Text(key) = *key else { return Err(cut()) };
            let (length, after) = rest.split_first_chunk().ok_or_else(cut)?;
            let bytes =
                widths.get(key).and_then(|&width| u64::from_le_bytes(*length).checked_mul(width as u64));
            let bytes = bytes.filter(|&bytes| bytes <= after.len() as u64).ok_or_else(cut)?;
            let (storage, after) = after.split_at(bytes as usize);
            entries.insert(format!("data/{key}"), storage.into());
            rest = after;
        }
        Ok(Self { entries, is_big_endian })
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
        self.entries.get(name).map(AsRef::as_ref)
    }
}

/// For each storage that a tensor is a window onto, by its key, the bytes that a number takes.
fn storage_widths<'a>(pickled: &Pickled<'a>) -> BTreeMap<&'a str, usize> {
    let width = |value: &Value<'a>| {
        let &Value::Storage(id) = value else { return None };
        match *pickled.heap[id].as_slice() {
            [_, Value::Function(Function::Storage(_, bytes)), Value::Text(key), ..] => Some((key, bytes)),
            _ => None,
        }
    };
    pickled.heap.iter().flatten().filter_map(width).collect()
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
