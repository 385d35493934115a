//! Keeping corrections and giving them back.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, TransactionBehavior, params};
use serde::Serialize;

use crate::identity::{self, Identity};
use crate::{Correction, Error, schema};

/// How long a store waits for another program that is writing.
const WAIT: Duration = Duration::from_secs(5);

/// The most corrections on one page of [`Store::page`].
const MAX_PER_PAGE: u32 = 1000;

const COLUMNS: &str = "id, key, time, model, read, \"right\", strokes, picture, found, source";

/// A file of corrections.
///
/// It may be used from many threads, and the file from many processes: one writes at a time, the others wait. The file
/// must lie on a local disk, because SQLite's log needs memory that all processes share.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Mutex<Connection>,
    file: Identity,
}

/// What became of a correction that was added.
#[derive(Clone, Debug, PartialEq)]
pub struct Added {
    /// Whether it was not there before.
    pub new: bool,
    /// The correction as it is kept: the first one with its key.
    pub stored: Stored,
}

/// A correction that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its place in the order in which corrections came, from 1.
    pub id: i64,
    /// The correction.
    pub correction: Correction,
}

/// A correction without its drawing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// As [`Stored::id`].
    pub id: i64,
    /// As [`Correction::key`].
    pub key: String,
    /// As [`Correction::time`].
    pub time: u64,
    /// As [`Correction::model`].
    pub model: String,
    /// As [`Correction::read`].
    pub read: String,
    /// As [`Correction::right`].
    pub right: String,
    /// Bytes of the strokes, 0 if there are none.
    pub strokes_bytes: u64,
    /// Bytes of the picture, 0 if there is none.
    pub picture_bytes: u64,
    /// Bytes of the digits that were found, 0 if there are none.
    pub found_bytes: u64,
    /// As [`Correction::source`].
    pub source: Option<String>,
}

impl Store {
    /// Opens the store at `path`, and makes it if there is no file. It waits 5 seconds for others that write.
    ///
    /// # Errors
    /// If the file is something else ([`Error::NotADatabase`], [`Error::Foreign`]), of a later version
    /// ([`Error::Newer`]), damaged, locked, read-only or cannot be opened. It is left as it was then.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_waiting(path, WAIT)
    }

    /// The same, waiting as long as `wait` for others that write, now and at each later call.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_waiting(path: &Path, wait: Duration) -> Result<Self, Error> {
        Ok(Self::new(path, schema::open(path, wait)?))
    }

    /// Opens the store at `path` to read it alone: it is never made and never changed, and others may write to it
    /// meanwhile. One that an earlier version wrote is read as it is. What would write fails with [`Error::ReadOnly`].
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no file, and as [`Store::open`].
    pub fn open_to_read(path: &Path) -> Result<Self, Error> {
        Ok(Self::new(path, schema::open_to_read(path, WAIT)?))
    }

    fn new(path: &Path, connection: Connection) -> Self {
        Self { path: path.into(), connection: Mutex::new(connection), file: identity::of(path) }
    }

    /// Where the store is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a correction. When this returns, it is on the disk.
    ///
    /// One with the same key and content is not added again, whatever its time: the one that is there is given back.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it breaks a rule, [`Error::Conflict`] if its key stands for another, and otherwise what
    /// is wrong with the store. In all cases nothing was added, except that after [`Error::Sqlite`] this is unknown:
    /// add it again.
    pub fn add(&self, correction: &Correction) -> Result<Added, Error> {
        correction.check()?;
        self.write(|transaction, path| insert(transaction, path, correction))
    }

    /// The correction with this key.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub fn get(&self, key: &str) -> Result<Option<Stored>, Error> {
        find(&self.lock(), "key = ?", key).map_err(|error| self.failed(error))
    }

    /// Removes the correction with this key, whatever is in it, and says whether there was one. When this returns, it is gone
    /// from the disk.
    ///
    /// # Errors
    /// What is wrong with the store; then it was not removed.
    pub fn remove(&self, key: &str) -> Result<bool, Error> {
        self.write(|transaction, path| {
            let removed = transaction.execute("DELETE FROM correction WHERE key = ?", [key]);
            Ok(removed.map_err(|error| Error::sqlite(path, error))? > 0)
        })
    }

    /// How many corrections there are.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub fn count(&self) -> Result<u64, Error> {
        self.number("SELECT count(*) FROM correction").map(|count| count as u64)
    }

    /// The place of the last correction, 0 if there is none.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub fn last(&self) -> Result<i64, Error> {
        self.number("SELECT ifnull(max(id), 0) FROM correction")
    }

    /// The first correction behind the place `id`: starting from 0, all of them one by one.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub fn after(&self, id: i64) -> Result<Option<Stored>, Error> {
        find(&self.lock(), "id > ? ORDER BY id LIMIT 1", id).map_err(|error| self.failed(error))
    }

    /// At most `limit` corrections behind the place `id`, oldest first and without their drawings; never more than
    /// 1000.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub fn page(&self, id: i64, limit: u32) -> Result<Vec<Summary>, Error> {
        let query = "SELECT id, key, time, model, read, \"right\", ifnull(octet_length(strokes), 0), \
                     ifnull(octet_length(picture), 0), ifnull(octet_length(found), 0), source FROM correction WHERE id > ? ORDER BY id LIMIT ?";
        let connection = self.lock();
        let rows = || -> rusqlite::Result<Vec<Summary>> {
            let mut query = connection.prepare_cached(query)?;
            query.query_map(params![id, limit.min(MAX_PER_PAGE)], summary)?.collect()
        };
        rows().map_err(|error| self.failed(error))
    }

    /// Does `work` in one transaction, which writes all or nothing.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &Path) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut connection = self.lock();
        // What is written to a file that nobody finds any more is lost.
        if identity::of(&self.path) != self.file {
            return Err(Error::Moved(self.path.clone()));
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(|error| self.failed(error))?;
        let done = work(&transaction, &self.path)?;
        transaction.commit().map_err(|error| self.failed(error))?;
        Ok(done)
    }

    fn number(&self, query: &str) -> Result<i64, Error> {
        let connection = self.lock();
        let number =
            connection.prepare_cached(query).and_then(|mut query| query.query_one((), |row| row.get(0)));
        number.map_err(|error| self.failed(error))
    }

    /// A thread that panicked within a transaction has rolled it back, so the connection is as good as before.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn failed(&self, error: rusqlite::Error) -> Error {
        Error::sqlite(&self.path, error)
    }
}

/// Adds a correction that obeys the rules, unless it is there.
pub(crate) fn insert(transaction: &Connection, path: &Path, correction: &Correction) -> Result<Added, Error> {
    let failed = |error| Error::sqlite(path, error);
    match find(transaction, "key = ?", &correction.key).map_err(failed)? {
        Some(stored) if stored.correction.says_the_same(correction) => {
            return Ok(Added { new: false, stored });
        }
        Some(_) => return Err(Error::Conflict(correction.key.clone())),
        None => {}
    }
    let Correction { key, time, model, read, right, strokes, picture, found, source } = correction;
    let command = format!("INSERT INTO correction ({COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    let inserted = transaction.prepare_cached(&command).and_then(|mut command| {
        command.insert(params![key, *time as i64, model, read, right, strokes, picture, found, source])
    });
    let id = inserted.map_err(failed)?;
    Ok(Added { new: true, stored: Stored { id, correction: correction.clone() } })
}

/// The first correction under this condition on `by`.
fn find(connection: &Connection, condition: &str, by: impl ToSql) -> rusqlite::Result<Option<Stored>> {
    let query = format!("SELECT {COLUMNS} FROM correction WHERE {condition}");
    connection.prepare_cached(&query)?.query_one([by], stored).optional()
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let correction = Correction {
        key: row.get("key")?,
        time: row.get::<_, i64>("time")? as u64,
        model: row.get("model")?,
        read: row.get("read")?,
        right: row.get("right")?,
        strokes: row.get("strokes")?,
        picture: row.get("picture")?,
        found: row.get("found")?,
        source: row.get("source")?,
    };
    Ok(Stored { id: row.get("id")?, correction })
}

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        id: row.get(0)?,
        key: row.get(1)?,
        time: row.get::<_, i64>(2)? as u64,
        model: row.get(3)?,
        read: row.get(4)?,
        right: row.get(5)?,
        strokes_bytes: row.get::<_, i64>(6)? as u64,
        picture_bytes: row.get::<_, i64>(7)? as u64,
        found_bytes: row.get::<_, i64>(8)? as u64,
        source: row.get(9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::correction;

    fn limit_pages(store: &Store, pages: i64) {
        let connection = store.lock();
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    }

    /// SQLite treats the most pages that a file may have as it treats the end of the disk.
    #[test]
    fn a_full_store_says_so_keeps_what_it_has_and_goes_on_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        limit_pages(&store, 12);
        let keys = (0..).map(|n| n.to_string());
        let mut kept = Vec::new();
        let error = keys
            .map(|key| store.add(&correction(&key)).map(|added| kept.push(added.stored)))
            .find_map(Result::err)
            .unwrap();
        assert!(matches!(error, Error::Full(_)), "{error}");
        assert!(kept.len() > 2);
        store.check().unwrap();
        assert_eq!(store.count().unwrap(), kept.len() as u64);

        assert!(matches!(store.probe(), Err(Error::Full(_))), "nor is there room for the next");

        limit_pages(&store, 1 << 20);
        store.probe().unwrap();
        let next = store.add(&correction("more")).unwrap();
        assert_eq!(next.stored.id, kept.len() as i64 + 1);
        assert_eq!(store.after(0).unwrap().unwrap(), kept[0]);
    }

    #[test]
    fn what_is_removed_is_gone_and_its_place_is_never_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = Store::open(&path).unwrap();
        for key in ["a", "b", "c"] {
            store.add(&correction(key)).unwrap();
        }
        let damage = "UPDATE correction SET strokes = 'no JSON' WHERE key = 'c'";
        store.lock().execute(damage, ()).unwrap();
        assert!(matches!(store.get("c"), Err(Error::Corrupt { .. })));
        assert!(store.remove("c").unwrap(), "though it cannot be read");
        assert!(!store.remove("c").unwrap() && !store.remove("d").unwrap());
        assert_eq!((store.count().unwrap(), store.get("c").unwrap()), (2, None));
        assert_eq!(store.add(&correction("c")).unwrap().stored.id, 4);
        drop(store);
        let reader = Store::open_to_read(&path).unwrap();
        assert!(matches!(reader.remove("a"), Err(Error::ReadOnly(_))));
        assert_eq!(reader.count().unwrap(), 3);
    }
}
