//! The file: how it is opened, what stands in it, and how an older one is brought up to date.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::Error;

/// Marks the file as a store of corrections: "m2x2" in ASCII.
const APPLICATION: i64 = 0x6d32_7832;

/// What makes schema n out of schema n - 1. A migration that was once released is never changed; new ones follow it.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE correction (
        id      INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, so that whoever pages misses nothing
        key     TEXT NOT NULL UNIQUE,
        time    INTEGER NOT NULL,                  -- milliseconds since 1970, UTC
        model   TEXT NOT NULL,                     -- SHA-256 of the weights
        read    TEXT NOT NULL,
        \"right\" TEXT NOT NULL,
        strokes TEXT,                              -- JSON
        picture BLOB,                              -- PNG
        source  TEXT,
        CHECK (strokes IS NOT NULL OR picture IS NOT NULL)
    ) STRICT;
    ",
    // A rule of a table cannot be changed: the table is made anew, and the places that were given stay given.
    "
    CREATE TABLE next (
        id      INTEGER PRIMARY KEY AUTOINCREMENT,
        key     TEXT NOT NULL UNIQUE,
        time    INTEGER NOT NULL,
        model   TEXT NOT NULL,
        read    TEXT NOT NULL,
        \"right\" TEXT NOT NULL,
        strokes TEXT,
        picture BLOB,
        found   BLOB,                              -- digits of 28 x 28 gray values, one after another
        source  TEXT,
        CHECK (strokes IS NOT NULL OR picture IS NOT NULL OR found IS NOT NULL)
    ) STRICT;
    INSERT INTO next SELECT id, key, time, model, read, \"right\", strokes, picture, NULL, source FROM correction;
    DELETE FROM sqlite_sequence WHERE name = 'next';
    UPDATE sqlite_sequence SET name = 'next' WHERE name = 'correction';
    DROP TABLE correction;
    ALTER TABLE next RENAME TO correction;
    ",
];

/// What lets a store of each schema be read as one of the newest, from schema 1 on. It changes nothing in the file.
const VIEWS: &[&str] = &["CREATE TEMP VIEW correction AS SELECT *, NULL AS found FROM main.correction;"];

/// Makes every commit last.
///
/// In a write-ahead log a commit is whole or absent after any crash. With `synchronous = FULL` the log is flushed to
/// the disk at each commit, before it is acknowledged (`NORMAL` flushes later, and a power failure would take the last
/// ones; `EXTRA` adds nothing to `FULL` where there is a log). `fullfsync` asks macOS to empty the disk's own cache as
/// well. See <https://sqlite.org/pragma.html#pragma_synchronous>.
const DURABLE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; \
                       PRAGMA checkpoint_fullfsync = ON;";

/// Files may come from anywhere: their schemas run no functions, and damaged cells are noticed when they are read.
const DISTRUST: &str = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";

/// How long to rest before a locked file is tried again.
const REST: Duration = Duration::from_millis(10);

/// Opens the store at `path`, made if there is none and migrated if it is old, and waits for locks as long as `wait`.
pub(crate) fn open(path: &Path, wait: Duration) -> Result<Connection, Error> {
    let deadline = Instant::now() + wait;
    loop {
        // SQLite itself does not wait for one lock: the one that a file needs to be given its write-ahead log.
        match open_once(path, wait) {
            Err(Error::Locked(_)) if Instant::now() < deadline => std::thread::sleep(REST),
            opened => return opened,
        }
    }
}

/// Opens the store at `path` for reading alone: it must be there. One of an older schema is read as it is.
///
/// It refuses to write whatever is asked of it. The file itself is opened for writing, if the system lets us: only so
/// can SQLite clear away the log that it needs for reading, or bring home one that a killed program left.
pub(crate) fn open_to_read(path: &Path, wait: Duration) -> Result<Connection, Error> {
    if !path.exists() {
        return Err(Error::Missing(path.into()));
    }
    let failed = |error| Error::sqlite(path, error);
    let mut connection = connect(path, OpenFlags::empty(), wait).map_err(failed)?;
    let schema = match recognize(&mut connection, path, MIGRATIONS.len() as i64)? {
        0 => return Err(Error::NotADatabase(path.into())),
        schema => schema as usize,
    };
    let view = VIEWS.get(schema - 1).copied().unwrap_or_default();
    connection.execute_batch(DISTRUST).and_then(|()| connection.execute_batch(view)).map_err(failed)?;
    connection.pragma_update(None, "query_only", true).map_err(failed)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags, wait: Duration) -> rusqlite::Result<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    Ok(connection)
}

fn open_once(path: &Path, wait: Duration) -> Result<Connection, Error> {
    let failed = |error| Error::sqlite(path, error);
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE, wait).map_err(failed)?;
    // Nothing is written before it is certain whose file this is.
    recognize(&mut connection, path, MIGRATIONS.len() as i64)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(Error::ReadOnly(path.into()));
    }
    connection.execute_batch(DURABLE).and_then(|()| connection.execute_batch(DISTRUST)).map_err(failed)?;
    migrate(&mut connection, path, MIGRATIONS)?;
    Ok(connection)
}

/// Refuses what is neither empty nor a store of a schema up to `known`; gives the schema, 0 for an empty file.
fn recognize(connection: &mut Connection, path: &Path, known: i64) -> Result<i64, Error> {
    let failed = |error| Error::sqlite(path, error);
    // One transaction, so that another process that is creating the store is seen before or after, and not amid it.
    let transaction = connection.transaction().map_err(failed)?;
    let number = |query| transaction.query_row(query, (), |row| row.get::<_, i64>(0)).map_err(failed);
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let application = number("PRAGMA application_id")?;
    let schema = number("PRAGMA user_version")?;
    match (tables, application, schema) {
        (0, 0, 0) => Ok(0),
        (_, APPLICATION, 1..) if schema <= known => Ok(schema),
        (_, APPLICATION, 1..) => Err(Error::Newer { path: path.into(), found: schema, known }),
        _ => Err(Error::Foreign(path.into())),
    }
}

/// Takes the steps that the file has not taken yet, all or none.
fn migrate(connection: &mut Connection, path: &Path, migrations: &[&str]) -> Result<(), Error> {
    let failed = |error| Error::sqlite(path, error);
    let known = migrations.len() as i64;
    if recognize(connection, path, known)? == known {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have migrated the file while this one waited for the lock; then no step is left.
    let done: u32 = transaction.query_row("PRAGMA user_version", (), |row| row.get(0)).map_err(failed)?;
    for step in migrations.iter().skip(done as usize) {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
    transaction.pragma_update(None, "user_version", known).map_err(failed)?;
    transaction.commit().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(50);

    #[test]
    fn every_commit_is_flushed_in_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("store"), WAIT).unwrap();
        let text = |name| connection.pragma_query_value(None, name, |row| row.get::<_, String>(0)).unwrap();
        let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(text("journal_mode"), "wal");
        assert_eq!((number("synchronous"), number("fullfsync")), (2, 1), "2 is FULL");
        assert_eq!((number("application_id"), number("user_version")), (APPLICATION, 2));
    }

    const KEPT: &str = "INSERT INTO correction (key, time, model, read, \"right\", strokes) VALUES ('k', 1, 'm', '1', '2', '[]')";

    /// A store of the first schema, with one correction and the place of another that was removed.
    fn oldest(path: &Path) {
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE, WAIT).unwrap();
        connection.execute_batch(DURABLE).unwrap();
        migrate(&mut connection, path, &MIGRATIONS[..1]).unwrap();
        let removed = KEPT.replace("'k'", "'removed'");
        connection
            .execute_batch(&format!("{KEPT}; {removed}; DELETE FROM correction WHERE key = 'removed'"))
            .unwrap();
    }

    #[test]
    fn an_older_store_is_migrated_with_what_is_in_it_and_a_failed_step_leaves_it_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let mut connection = open(&path, WAIT).unwrap();
        connection.execute_batch(KEPT).unwrap();
        let known = MIGRATIONS.len() as i64;
        let step = "ALTER TABLE correction ADD COLUMN writer TEXT";
        let fails = [MIGRATIONS, &[step, "ALTER TABLE missing ADD COLUMN x"]].concat();
        migrate(&mut connection, &path, &fails).unwrap_err();
        assert_eq!(recognize(&mut connection, &path, known + 2).unwrap(), known);
        assert!(connection.prepare("SELECT writer FROM correction").is_err());

        migrate(&mut connection, &path, &fails[..=MIGRATIONS.len()]).unwrap();
        assert_eq!(recognize(&mut connection, &path, known + 2).unwrap(), known + 1);
        let kept: (String, Option<String>) = connection
            .query_row("SELECT key, writer FROM correction", (), |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(kept, ("k".into(), None));
        drop(connection);
        let error = open(&path, WAIT).unwrap_err();
        assert!(
            matches!(error, Error::Newer { found, known: k, .. } if (found, k) == (known + 1, known)),
            "{error}"
        );
    }

    #[test]
    fn the_oldest_store_keeps_its_corrections_and_gives_no_place_twice() {
        for is_emptied in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store");
            oldest(&path);
            if is_emptied {
                Connection::open(&path).unwrap().execute_batch("DELETE FROM correction").unwrap();
            }
            let connection = open(&path, WAIT).unwrap();
            let again = KEPT.replace("'k'", "'new'").replace("strokes", "found").replace("'[]'", "x'01'");
            connection.execute_batch(&again).unwrap();
            let mut query = connection.prepare("SELECT id, key FROM correction ORDER BY id").unwrap();
            let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            let rows: Vec<(i64, String)> = rows.map(Result::unwrap).collect();
            let expected = [(1, "k".to_owned()), (3, "new".to_owned())];
            assert_eq!(rows, expected[usize::from(is_emptied)..]);
            let bare = KEPT.replace("'k'", "'bare'").replace("'[]'", "NULL");
            assert!(connection.execute_batch(&bare).is_err(), "without a drawing");
        }
    }

    #[test]
    fn an_older_store_is_read_as_it_is() {
        assert_eq!(VIEWS.len(), MIGRATIONS.len() - 1, "one for each older schema");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        oldest(&path);
        let before = std::fs::read(&path).unwrap();
        let connection = open_to_read(&path, WAIT).unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get("key")?, row.get("found")?));
        let kept: (String, Option<Vec<u8>>) =
            connection.query_row("SELECT * FROM correction", (), row).unwrap();
        assert_eq!(kept, ("k".into(), None));
        assert!(connection.execute_batch("DELETE FROM main.correction").is_err());
        drop(connection);
        assert!(std::fs::read(&path).unwrap() == before, "it was changed");
        open(&path, WAIT).unwrap();
        open_to_read(&path, WAIT).unwrap();
    }
}
