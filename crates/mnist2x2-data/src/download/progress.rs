//! What is told while files are fetched.

use crate::error::Error;

/// What happens during a download. `file` is the official name without `.gz`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The file is there and right; nothing is fetched.
    Present {
        /// Which.
        file: &'static str,
    },
    /// So much of the file is there now; the first of these tells where a transfer begins.
    Received {
        /// Which.
        file: &'static str,
        /// Address or path it comes from.
        from: &'a str,
        /// Bytes so far, those of an earlier run included.
        bytes: u64,
        /// Bytes of the whole, if the sender says so.
        total: Option<u64>,
    },
    /// A mirror failed; the next one is tried, if there is one.
    GaveUp {
        /// Which.
        file: &'static str,
        /// Address it did not come from.
        from: &'a str,
        /// Why.
        error: &'a Error,
    },
    /// The file is whole, right and in its place.
    Installed {
        /// Which.
        file: &'static str,
    },
}

/// Who is told how a download goes.
pub(super) type Observer<'a> = &'a mut dyn FnMut(Progress<'_>);
