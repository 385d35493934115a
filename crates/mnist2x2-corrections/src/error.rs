//! What can go wrong in this crate.

use std::path::{Path, PathBuf};

use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
use rusqlite::ErrorCode;

/// An error of the corrections crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A correction that breaks a rule.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which part of the correction.
        field: &'static str,
        /// What is wrong with it, and what is right.
        problem: String,
    },
    /// A key that stands for another correction already.
    #[error("key {0} is taken by another correction; give each correction a key of its own")]
    Conflict(String),
    /// A line that cannot be imported; nothing was.
    #[error("line {line}; nothing was imported")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// A line that is no correction as JSON.
    #[error("is no correction as JSON")]
    Json(#[from] serde_json::Error),
    /// Lines that cannot be read or written.
    #[error("cannot read or write the lines")]
    Stream(#[source] std::io::Error),
    /// A store that a later version of this program wrote.
    #[error("{} has schema {found}, and this program knows none above {known}; use a newer one", path.display())]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// A store that is not there, where none may be made.
    #[error("there is no {}; name the file that corrections are kept in", .0.display())]
    Missing(PathBuf),
    /// A SQLite database with other tables.
    #[error("{} is a database of another program; name another file", .0.display())]
    Foreign(PathBuf),
    /// A file that is no SQLite database.
    #[error("{} is no SQLite database; name another file", .0.display())]
    NotADatabase(PathBuf),
    /// A damaged store.
    #[error(
        "{} is damaged: {problem}; leave it as it is, copy it, and save what can be read with sqlite3's .recover",
        path.display()
    )]
    Corrupt {
        /// The store.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// A store in which somebody else has been writing for too long.
    #[error("{} is locked by another program; try again when it has finished", .0.display())]
    Locked(PathBuf),
    /// No room for more.
    #[error("no room is left for {}; free some and try again", .0.display())]
    Full(PathBuf),
    /// A store that may be read but not written.
    #[error("{} is read-only; allow writing to it and its folder", .0.display())]
    ReadOnly(PathBuf),
    /// A store whose file was moved, removed or replaced while it was open.
    #[error("{} is no longer the file that was opened; put it back, or open the store anew", .0.display())]
    Moved(PathBuf),
    /// A store that cannot be opened.
    #[error("cannot open {}; its folder must exist and allow new files", path.display())]
    Open {
        /// The store.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// Another failure, of the disk for example.
    #[error("cannot use {}", path.display())]
    Sqlite {
        /// The store.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
}

impl Error {
    /// What SQLite's error means for the store at `path`.
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(path),
            Some(ErrorCode::DiskFull) => Self::Full(path),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(path),
            Some(ErrorCode::NotADatabase) => Self::NotADatabase(path),
            Some(ErrorCode::CannotOpen) => Self::Open { path, source },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { path, problem: source.to_string() },
            _ => match source {
                // A value that this crate would not have written.
                FromSqlConversionFailure(..) | InvalidColumnType(..) | IntegralValueOutOfRange(..) => {
                    Self::Corrupt { path, problem: source.to_string() }
                }
                _ => Self::Sqlite { path, source },
            },
        }
    }

    /// Whether the correction is at fault, and not the store.
    pub fn is_of_the_correction(&self) -> bool {
        matches!(self, Self::Invalid { .. } | Self::Conflict { .. } | Self::Json(_) | Self::Line { .. })
    }
}
