//! Whether a store is well, and has room.

use crate::{Error, Store};

/// The bytes that [`Store::probe`] takes: those of a long drawing.
const ROOM: usize = 64 << 10;

impl Store {
    /// Looks through the whole file for damage: pages, indices and the rules of the schema.
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the first findings.
    pub fn check(&self) -> Result<(), Error> {
        let connection = self.lock();
        let findings = || -> rusqlite::Result<Vec<String>> {
            let mut query = connection.prepare("PRAGMA integrity_check(5)")?;
            query.query_map((), |row| row.get(0))?.collect()
        };
        let findings = findings().map_err(|error| self.failed(error))?;
        if findings == ["ok"] {
            return Ok(());
        }
        Err(Error::Corrupt { path: self.path().into(), problem: findings.join("; ") })
    }

    /// Tries whether corrections could be kept now, by taking as much room as some of them would and giving it back.
    ///
    /// A commit of a few bytes would succeed on a disk on which the next correction finds no room.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub fn probe(&self) -> Result<(), Error> {
        let run = |commands: &str| {
            self.write(|transaction, path| {
                transaction.execute_batch(commands).map_err(|error| Error::sqlite(path, error))
            })
        };
        // The table may be there already, from a process that was killed in between.
        run(&format!("DROP TABLE IF EXISTS room; CREATE TABLE room AS SELECT zeroblob({ROOM}) AS taken"))?;
        run("DROP TABLE room")
    }
}
