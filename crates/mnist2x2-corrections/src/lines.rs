//! Corrections as JSON Lines: one object a line, oldest first.

use std::io::{BufRead, Read, Write};

use crate::store::insert;
use crate::{Correction, Error, Store};

/// The most bytes of a line: strokes and a picture at their limits, with room for spaces and escapes.
const MAX_LINE_BYTES: u64 = 8 << 20;

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Corrections that were not there before.
    pub new: u64,
    /// Corrections that were there already.
    pub known: u64,
}

impl Store {
    /// Writes every correction that is there when it begins, and gives their number. Others go on adding meanwhile.
    ///
    /// The same corrections give the same bytes.
    ///
    /// # Errors
    /// [`Error::Stream`] if `out` fails, otherwise what is wrong with the store.
    pub fn export(&self, mut out: impl Write) -> Result<u64, Error> {
        let last = self.last()?;
        let (mut id, mut count) = (0, 0);
        while let Some(stored) = self.after(id)?.filter(|stored| stored.id <= last) {
            let mut line = serde_json::to_vec(&stored.correction)?;
            line.push(b'\n');
            out.write_all(&line).map_err(Error::Stream)?;
            (id, count) = (stored.id, count + 1);
        }
        out.flush().map_err(Error::Stream)?;
        Ok(count)
    }

    /// Adds the corrections that `lines` holds, all or none; those that are there already are left as they are.
    ///
    /// Nobody else can add to the store until `lines` has ended, so it should come from a file.
    ///
    /// # Errors
    /// [`Error::Line`] with the number of the first line that is no correction, breaks a rule, or has the key of
    /// another; [`Error::Stream`] if `lines` fails; otherwise what is wrong with the store.
    pub fn import(&self, mut lines: impl BufRead) -> Result<Imported, Error> {
        self.write(|transaction, path| {
            let mut imported = Imported::default();
            for number in 1.. {
                let at_line = |error: Error| error.at_line(number);
                let Some(line) = next_line(&mut lines).map_err(at_line)? else { break };
                let correction = parse(&line).map_err(at_line)?;
                let added = insert(transaction, path, &correction).map_err(at_line)?;
                *(if added.new { &mut imported.new } else { &mut imported.known }) += 1;
            }
            Ok(imported)
        })
    }
}

impl Error {
    /// Names the line of an error that lies in it.
    fn at_line(self, line: usize) -> Self {
        if self.is_of_the_correction() { Self::Line { line, source: Box::new(self) } } else { self }
    }
}

/// The next line, or nothing at the end.
fn next_line(lines: &mut impl BufRead) -> Result<Option<Vec<u8>>, Error> {
    let mut line = Vec::new();
    let read = lines.take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line).map_err(Error::Stream)?;
    if read as u64 > MAX_LINE_BYTES {
        let problem = format!("has more than {MAX_LINE_BYTES} bytes");
        return Err(Error::Invalid { field: "line", problem });
    }
    Ok((read > 0).then_some(line))
}

fn parse(line: &[u8]) -> Result<Correction, Error> {
    let correction: Correction = serde_json::from_slice(line)?;
    correction.check()?;
    Ok(correction)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::tests::{correction, found};

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        (folder, store)
    }

    fn export(store: &Store) -> Vec<u8> {
        let mut lines = Vec::new();
        store.export(&mut lines).unwrap();
        lines
    }

    #[test]
    fn an_export_imported_elsewhere_exports_the_same_bytes() {
        let ((_a, a), (_b, b)) = (store(), store());
        for correction in [correction("z"), found("a"), correction("m")] {
            a.add(&correction).unwrap();
        }
        let lines = export(&a);
        assert_eq!(b.import(&lines[..]).unwrap(), Imported { new: 3, known: 0 });
        assert_eq!(export(&b), lines);
        assert_eq!(b.import(&lines[..]).unwrap(), Imported { new: 0, known: 3 });
        assert_eq!(b.count().unwrap(), 3);
    }

    /// Lines as they were written before corrections could be of digits that were found.
    #[test]
    fn an_older_export_is_imported_and_exported_as_it_was() {
        let drawn = r#"{"key":"a","time":7,"model":"MODEL","read":"40_1","right":"4071","strokes":{"cells":[[],[],[],[]]},"source":"page"}"#;
        let picture =
            r#"{"key":"b","time":8,"model":"MODEL","read":"1","right":"_","picture":"iVBORw0KGgo="}"#;
        let lines = format!("{drawn}\n{picture}\n").replace("MODEL", &"0a".repeat(32));
        let (_a, a) = store();
        assert_eq!(a.import(lines.as_bytes()).unwrap(), Imported { new: 2, known: 0 });
        assert_eq!(String::from_utf8(export(&a)).unwrap(), lines);
    }

    #[test]
    fn a_bad_line_is_named_and_nothing_is_imported() {
        let (_a, a) = store();
        a.add(&correction("taken")).unwrap();
        let line = |correction: &Correction| serde_json::to_string(correction).unwrap() + "\n";
        let other = Correction { right: "9999".into(), ..correction("taken") };
        let invalid = Correction { read: "?".into(), ..correction("new") };
        let huge = format!("{{\"key\": \"{}\"}}\n", "k".repeat(9 << 20));
        for bad in [line(&other), line(&invalid), "{\"key\": 1}\n".into(), "\n".into(), "{\"ke".into(), huge]
        {
            let lines = [line(&correction("first")), line(&correction("second")), bad].concat();
            let error = a.import(lines.as_bytes()).unwrap_err();
            assert!(matches!(error, Error::Line { line: 3, .. }), "{error}");
            assert_eq!(a.count().unwrap(), 1);
        }
    }

    #[test]
    fn a_stream_that_fails_is_no_fault_of_a_line() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let (_a, a) = store();
        let lines = serde_json::to_vec(&correction("first")).unwrap();
        let stream = io::BufReader::new(lines.as_slice().chain(&b"\n"[..]).chain(Fails));
        assert!(matches!(a.import(stream).unwrap_err(), Error::Stream(_)));
        assert_eq!(a.count().unwrap(), 0);
    }
}
