//! A store that is opened to be read alone: it is never made and never changed.

use std::fs;

use mnist2x2_corrections::{Error, Store};

use crate::support::{Bench, correction};

/// The names in the folder and the bytes of the store itself.
fn left(bench: &Bench) -> (Vec<String>, Vec<u8>) {
    let entries = fs::read_dir(bench.folder.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    (names, fs::read(bench.path()).unwrap())
}

#[test]
fn reading_changes_no_byte_and_leaves_nothing_behind() {
    let bench = Bench::new();
    for key in ["a", "b"] {
        bench.open().add(&correction(key)).unwrap();
    }
    let before = left(&bench);
    let store = Store::open_to_read(&bench.path()).unwrap();
    store.check().unwrap();
    assert_eq!((store.count().unwrap(), store.page(0, 9).unwrap().len()), (2, 2));
    assert_eq!(store.export(Vec::new()).unwrap(), 2);
    assert!(matches!(store.add(&correction("c")).unwrap_err(), Error::ReadOnly(_)));
    drop(store);
    assert!(left(&bench) == before, "bytes or names have changed");
}

#[test]
fn what_is_added_meanwhile_and_not_yet_in_the_file_is_read_too() {
    let bench = Bench::new();
    let writer = bench.open();
    writer.add(&correction("a")).unwrap();
    let reader = Store::open_to_read(&bench.path()).unwrap();
    assert_eq!(reader.count().unwrap(), 1);
    writer.add(&correction("b")).unwrap();
    assert_eq!(reader.count().unwrap(), 2);
    drop(reader);
    assert!(writer.add(&correction("c")).unwrap().new, "the reader is in nobody's way");
}

#[test]
fn what_is_no_store_is_refused_and_none_is_made() {
    let bench = Bench::new();
    assert!(matches!(Store::open_to_read(&bench.path()).unwrap_err(), Error::Missing(_)));
    assert!(!bench.path().exists());
    for content in ["", "dear diary, today I drew a seven and nobody could read it"] {
        fs::write(bench.path(), content.repeat(50)).unwrap();
        let before = left(&bench);
        let error = Store::open_to_read(&bench.path()).unwrap_err();
        assert!(matches!(error, Error::NotADatabase(_)), "{error}");
        assert_eq!(left(&bench), before);
    }
}
