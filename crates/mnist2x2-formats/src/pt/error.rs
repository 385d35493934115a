//! What can be wrong with a `.pt` file.

/// Why a `.pt` file was not read. Names that come from the file are shortened, and their control characters escaped.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PtError {
    /// The file, or what it unpacks to, is over a limit.
    #[error("{what} takes more than {limit} bytes, the most that is read; save `model.state_dict()` alone")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A pickle that `torch.save` did not write.
    #[error(
        "a pickle by other means than torch.save: refused; write it with `torch.save(model.state_dict(), path)`"
    )]
    BarePickle,
    /// No zip archive, or a damaged one, or one packed in an unknown way: the reason.
    #[error(
        "no readable PyTorch archive: {0}; copy or download the file again, or save it anew with torch.save"
    )]
    Archive(String),
    /// An entry that every such archive has: its name within the archive's root folder.
    #[error(
        "the archive has no `{0}`: it is incomplete, or was not written by `torch.save(model.state_dict(), path)`"
    )]
    Missing(&'static str),
    /// Numbers in a byte order that is unknown, as the archive calls it.
    #[error("byte order `{0}`: only `little` and `big` are read; save the file again with torch.save")]
    ByteOrder(String),
    /// A function or class outside the few of a state dict: its module and name.
    #[error(
        "asks to run `{0}`: refused; only plain tensors are read (save `model.state_dict()`, not the model)"
    )]
    Refused(String),
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
    /// A readable file whose content is something else, and what.
    #[error("no state dict: {0}; save `model.state_dict()`")]
    NoStateDict(String),
    /// A tensor of other numbers than fractions, or one whose parts contradict each other.
    #[error("tensor `{tensor}` {problem}")]
    Tensor {
        /// The tensor's name.
        tensor: String,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
}

/// A name from the file as it may be shown: control characters escaped, so that none reach a terminal, and short.
pub(crate) fn shown(name: &str) -> String {
    const LONGEST: usize = 80;
    let start: String = name.chars().take(LONGEST).collect();
    let cut = if start.len() < name.len() { "..." } else { "" };
    format!("{}{cut}", start.escape_debug())
}
