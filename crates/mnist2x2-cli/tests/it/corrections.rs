//! Corrections on their way out of a store and into another.

use std::fs::File;

use mnist2x2::corrections::{Correction, Store};
use serde_json::json;

use crate::support::{Bench, Run};

/// A store of three corrections.
fn fill(bench: &Bench) -> Store {
    let store = Store::open(&bench.path("store")).unwrap();
    for (key, time) in [("z", 951_782_400_000), ("a", 951_782_399_999), ("m", 0)] {
        let correction = Correction {
            key: key.into(),
            time,
            model: "0123456789abcdef".repeat(4),
            read: "1_34".into(),
            right: "7034".into(),
            strokes: Some(json!({ "cells": [[[[1, 2], [3, 4]]], [], [], []], "width": 9, "height": 9 })),
            picture: None,
            found: None,
            source: (key == "a").then(|| "a \"test\"".into()),
        };
        store.add(&correction).unwrap();
    }
    store
}

#[test]
fn a_list_is_a_table_for_people_and_lines_for_programs() {
    let bench = Bench::new();
    drop(fill(&bench));
    let table = bench.done("corrections list --store store");
    let rows: Vec<Vec<&str>> = table.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][0], "place");
    assert_eq!(rows[1], ["1", "20000229T000000Z", "1_34", "7034", "strokes", "0123456789ab", "z"]);
    assert_eq!(rows.len(), 4, "{}", table.stdout);
    let lines = bench.done("corrections list --json --store store").json();
    let keys: Vec<_> = lines.iter().map(|line| line["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["z", "a", "m"]);
    assert!(lines[0]["strokes_bytes"].as_u64().unwrap() > 20 && lines[0]["right"] == "7034", "{}", lines[0]);
}

/// A store of one correction of three digits that were found, of which the second is none.
fn fill_found(bench: &Bench) {
    let store = fill(bench);
    let (read, right) = ("408".into(), "4_8".into());
    let (key, found) = ("found".into(), Some((0..3 * 784).map(|i| (i % 251) as u8).collect()));
    let drawn = store.after(0).unwrap().unwrap().correction;
    store.add(&Correction { key, read, right, strokes: None, found, ..drawn }).unwrap();
}

#[test]
fn digits_that_were_found_are_listed_with_those_that_are_none_exported_and_removed() {
    let bench = Bench::new();
    fill_found(&bench);
    let table = bench.done("corrections list --store store").stdout;
    let row: Vec<&str> = table.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row[2..7], ["408", "4_8", "digits,", "1", "none"], "{table}");
    let line = bench.done("corrections list --json --store store").json().pop().unwrap();
    assert_eq!((&line["right"], &line["found_bytes"]), (&json!("4_8"), &json!(3 * 784)), "{line}");
    let export = bench.done("corrections export --store store").stdout;
    std::fs::write(bench.path("lines"), &export).unwrap();
    assert_eq!(bench.done("corrections import --store other lines").stdout, "4 new, 0 known already\n");
    assert_eq!(bench.done("corrections export --store other").stdout, export);
    assert_eq!(bench.done("corrections remove --store other found").stdout, "1 removed\n");
}

#[test]
fn a_correction_is_removed_by_its_key() {
    let bench = Bench::new();
    drop(fill(&bench));
    assert_eq!(bench.done("corrections remove --store store a").stdout, "1 removed\n");
    let run = bench.run("corrections remove --store store --json z nobody");
    assert_eq!((run.code, run.json()), (1, vec![json!({ "removed": 1, "missing": ["nobody"] })]));
    assert!(run.stderr.contains("it has no correction nobody"), "{}", run.stderr);
    let left = bench.done("corrections list --json --store store").json();
    assert_eq!((left.len(), &left[0]["key"]), (1, &json!("m")));
    assert!(bench.fails(1, "corrections remove --store nowhere a").contains("no such store"));
    assert!(!bench.path("nowhere").exists());
}

#[test]
fn an_export_can_be_imported_once_and_again() {
    let bench = Bench::new();
    let mut expected = Vec::new();
    fill(&bench).export(&mut expected).unwrap();
    let export = bench.done("corrections export --store store").stdout;
    assert_eq!(export.as_bytes(), expected, "as the server exports");
    std::fs::write(bench.path("lines"), &export).unwrap();
    let import = "corrections import --store other";
    assert_eq!(bench.done(&format!("{import} lines")).stdout, "3 new, 0 known already\n");
    assert_eq!(bench.done(&format!("{import} lines --json")).json(), [json!({ "new": 0, "known": 3 })]);
    let input = File::open(bench.path("lines")).unwrap();
    let again = Run::new(bench.command(&format!("{import} -")).stdin(input).output().unwrap());
    assert_eq!((again.code, again.stdout.as_str()), (0, "0 new, 3 known already\n"));
    assert_eq!(bench.done("corrections export --store other").stdout, export);
}

#[test]
fn a_bad_line_is_named_by_its_number_and_nothing_is_imported() {
    let bench = Bench::new();
    fill(&bench);
    let export = bench.done("corrections export --store store").stdout;
    let bad = export.replacen("\"key\":\"m\"", "\"key\":\"a\"", 1);
    std::fs::write(bench.path("lines"), bad).unwrap();
    let error = bench.fails(1, "corrections import --store other lines");
    assert!(error.contains("lines: line 3; nothing was imported: key a is taken"), "{error}");
    assert_eq!(bench.done("corrections list --store other --json").stdout, "");
}

#[test]
fn looking_makes_no_store_and_changes_none() {
    let bench = Bench::new();
    for verb in ["list", "export"] {
        let error = bench.fails(1, &format!("corrections {verb} --store nowhere"));
        assert!(error.contains("there is no nowhere"), "{error}");
    }
    assert_eq!(bench.fails(1, "corrections import --store new nowhere").matches("nowhere").count(), 1);
    assert_eq!(bench.names(""), ["mnist"]);
    drop(fill(&bench));
    let before = bench.read("store");
    bench.done("corrections list --store store");
    assert!(bench.read("store") == before && bench.names("") == ["mnist", "store"]);
}

#[test]
fn a_missing_store_or_action_is_a_usage_error() {
    let bench = Bench::new();
    for arguments in ["corrections", "corrections list", "corrections import --store x"] {
        assert_eq!(bench.run(arguments).code, 2, "{arguments}");
    }
}
