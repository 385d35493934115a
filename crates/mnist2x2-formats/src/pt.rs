//! Reading PyTorch's `.pt` state dicts without running anything.
//!
//! `torch.save` writes a zip archive: `data.pkl` is a program for Python's pickle machine that rebuilds the dict, and
//! `data/0`, `data/1`, ... hold the numbers. A pickle may call any function of any Python module, which is how a file
//! of "weights" takes over a computer. The machine here knows the few instructions and the few functions
//! that a dict of tensors needs, and has no means to run anything else.
//!
//! The bytes are not trusted: sizes are checked before memory is set aside, and every loop is bounded by the length of
//! the file, so that no input panics, hangs or takes more than 256 MiB.

mod archive;
mod names;
mod pickle;
mod tensors;

use std::collections::BTreeMap;

use archive::Archive;

/// The largest file that is read, in bytes: 64 MiB, some 16 million parameters.
pub const MAX_FILE_BYTES: usize = 64 << 20;

/// A tensor of a state dict, in row-major order whatever order the file had.
#[derive(Clone, Debug, PartialEq)]
pub struct RawTensor {
    /// Length of each axis; empty for a single number.
    pub shape: Vec<usize>,
    /// As many values as the product of `shape`.
    pub values: Vec<f32>,
}

/// Why a `.pt` file was not read. Names that come from the file are shortened, and their control characters escaped.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PtError {
    /// The file, or what it unpacks to, is over a limit.
    #[error("{what} takes more than {limit} bytes, the most that is read")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A file by PyTorch before 1.6, or by `_use_new_zipfile_serialization=False`.
    #[error(
        "saved in PyTorch's old format, which is no zip archive: load it in PyTorch and `torch.save` it again"
    )]
    Legacy,
    /// No zip archive, or a damaged one, or one packed in an unknown way.
    #[error(
        "no readable PyTorch archive: {what}; copy or download the file again, or save it anew with torch.save"
    )]
    Archive {
        /// The reason.
        what: String,
    },
    /// An entry that every such archive has.
    #[error("the archive has no `{entry}`: it is incomplete, or was not written by torch.save")]
    Missing {
        /// The entry's name within the archive's root folder.
        entry: String,
    },
    /// Numbers written by a big-endian machine.
    #[error("byte order `{found}`: only `little` is read; save the file again on a little-endian machine")]
    ByteOrder {
        /// What the archive says.
        found: String,
    },
    /// The pickle names a function or class outside the few of a state dict.
    #[error("asks to run `{global}`: refused; only plain tensors are read (save `model.state_dict()`)")]
    Refused {
        /// Module and name.
        global: String,
    },
    /// An instruction that `torch.save` of a state dict does not write.
    #[error(
        "pickle instruction {name} at byte {at} of data.pkl: refused; save with torch.save's own pickle protocol"
    )]
    Opcode {
        /// The instruction's name in Python's `pickletools`.
        name: String,
        /// Its place, in bytes.
        at: usize,
    },
    /// A pickle that makes no sense.
    #[error("data.pkl is damaged at byte {at}: {what}; copy the file again, or save it anew with torch.save")]
    Pickle {
        /// Where, in bytes.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// A readable file whose content is something else.
    #[error("no state dict: {found}; save `model.state_dict()`")]
    NoStateDict {
        /// What it holds instead.
        found: String,
    },
    /// A tensor of other numbers than float32.
    #[error("tensor {tensor} is {found}: only float32 is read; convert it with `.float()` before saving")]
    DataType {
        /// The tensor's name.
        tensor: String,
        /// Its type in PyTorch.
        found: &'static str,
    },
    /// A tensor whose parts contradict each other.
    #[error("tensor {tensor}: {what}")]
    Tensor {
        /// The tensor's name.
        tensor: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Reads the state dict in the bytes of a `.pt` file: each tensor by its name.
///
/// The dict may also stand in a larger one, under `state_dict`, `model_state_dict` or `model`.
///
/// # Errors
/// A [`PtError`] for anything but a zip archive by `torch.save` that holds a dict of float32 tensors.
pub fn read(bytes: &[u8]) -> Result<BTreeMap<String, RawTensor>, PtError> {
    let archive = Archive::unpack(bytes)?;
    let pickled = pickle::run(archive.program()?)?;
    tensors::read_all(&pickled, &archive)
}

/// A name from the file as it may be shown: control characters escaped, so that none reach a terminal, and short.
fn shown(name: &str) -> String {
    const LONGEST: usize = 80;
    let (start, cut) = match name.char_indices().nth(LONGEST) {
        Some((end, _)) => (&name[..end], "..."),
        None => (name, ""),
    };
    format!("{}{cut}", start.escape_debug())
}
