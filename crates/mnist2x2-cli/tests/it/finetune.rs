//! Learning from corrections: what is better is kept, what is not leaves no trace.

use std::fs;

use mnist2x2::corrections::{Correction, Store};
use mnist2x2::random::Random;
use serde_json::{Value, json};

use crate::support::{Bench, edit};

/// Quick, on the small MNIST of the bench.
const FINETUNE: &str = "finetune --store store --data-dir mnist --threads 2 --set epochs=1";

/// A stroke of a digit in the unit square, each time a little otherwise.
fn stroke(points: &[[f64; 2]], random: &mut Random) -> Value {
    let mut near = |x: f64| x + random.uniform(-0.04, 0.04);
    json!([points.iter().map(|&[x, y]| [near(x), near(y)]).collect::<Vec<_>>()])
}

/// A mirrored seven, which people say is a seven.
const SEVEN: [[f64; 2]; 3] = [[0.8, 0.1], [0.2, 0.1], [0.6, 0.9]];
/// A one, which anybody reads.
const ONE: [[f64; 2]; 2] = [[0.5, 0.1], [0.5, 0.9]];

/// Fills the store with grids of ones, of which the cell in turn shows `shape` and is a seven.
fn fill(bench: &Bench, count: u64, shape: &[[f64; 2]]) {
    let store = Store::open(&bench.path("store")).unwrap();
    for number in 0..count {
        let mut random = Random::keyed(0, "test drawing", 0, number);
        let odd = number as usize % 4;
        let cells: Vec<Value> =
            (0..4).map(|cell| stroke(if cell == odd { shape } else { &ONE }, &mut random)).collect();
        let right: String = (0..4).map(|cell| if cell == odd { '7' } else { '1' }).collect();
        let correction = Correction {
            key: format!("drawing-{number}"),
            time: number,
            model: "0".repeat(64),
            read: "1111".into(),
            right,
            strokes: Some(json!({ "cells": cells, "width": 1, "height": 1 })),
            picture: None,
            source: None,
        };
        store.add(&correction).unwrap();
    }
}

#[test]
fn what_is_better_is_a_model_folder_that_says_where_it_came_from() {
    let bench = Bench::new();
    fill(&bench, 40, &SEVEN);
    let store = bench.read("store");
    let run = bench.done(&format!("{FINETUNE} --set epoch_grids=4000 --json --out new"));
    let json = run.json();
    assert_eq!(json.len(), 1, "{}", run.stdout);
    let counts = |when: &str| json[0][when]["corrections"].as_u64().unwrap();
    assert!(counts("before") < counts("after"), "{}", json[0]);
    assert_eq!(json[0]["learnt"].as_u64().unwrap() + json[0]["held_out"].as_u64().unwrap(), 40);
    assert!(json[0]["held_out"].as_u64().unwrap() >= 8, "{}", json[0]);
    assert_eq!((&json[0]["model"], &json[0]["objection"]), (&"new".into(), &Value::Null), "{}", json[0]);
    let files =
        ["calibration.json", "checkpoints", "config.json", "metrics.jsonl", "model.safetensors", "run.toml"];
    assert_eq!(bench.names("new"), files);
    let record = String::from_utf8(bench.read("new/run.toml")).unwrap();
    for line in [
        "name = \"finetune\"",
        "[finetune]",
        "base = \"built into this program\"",
        "[finetune.acceptance.after]",
    ] {
        assert!(record.lines().any(|found| found == line), "{line} is not in {record}");
    }
    assert!(bench.read("store") == store && bench.names("") == ["mnist", "new", "store"]);
    bench.done("eval --model new --data-dir mnist");

    let error = bench.fails(1, &format!("{FINETUNE} --out new"));
    assert!(error.contains("new: exists already"), "{error}");
    let error = bench.fails(1, "train --resume new");
    assert!(error.contains("is finished"), "{error}");
    let error = bench.fails(1, "train --data-dir mnist --no-test --config new/run.toml");
    assert!(error.contains("there is no teacher"), "its record is a configuration like any other: {error}");
}

/// Ones that are called sevens: to learn them is to forget what ones are.
#[test]
fn what_cannot_be_learnt_without_forgetting_leaves_nothing_and_says_why() {
    let bench = Bench::new();
    fill(&bench, 40, &ONE);
    let run = bench.run(&format!(
        "{FINETUNE} --set epoch_grids=4000 --set optimizer.learning_rate=0.02 --share 1 --json --out new"
    ));
    assert_eq!((run.code, bench.names("")), (1, vec!["mnist".into(), "store".into()]), "{}", run.stderr);
    let json = run.json().remove(0);
    assert_eq!(json["model"], Value::Null);
    let objection = json["objection"].as_str().unwrap();
    assert!(objection.contains("the held-out corrections are not read better: 0 of "), "{json}");
    assert!(run.stderr.contains(&format!("error: nothing was written: {objection}")), "{}", run.stderr);
}

#[test]
fn what_cannot_be_learnt_is_refused_at_once() {
    let bench = Bench::new();
    let refused = |what: &str| {
        let error = bench.fails(1, &format!("{FINETUNE} --out new"));
        assert!(error.contains(what) && !bench.path("new").exists(), "{error}");
    };
    refused("there is no store");
    assert!(!bench.path("store").exists(), "none was made");
    fs::write(bench.path("store"), "dear diary ".repeat(500)).unwrap();
    refused("store is no SQLite database");
    fs::remove_file(bench.path("store")).unwrap();

    fill(&bench, 9, &SEVEN);
    refused("9 corrections are too few");
    let store = Store::open(&bench.path("store")).unwrap();
    let mut correction = store.after(0).unwrap().unwrap().correction;
    (correction.key, correction.read, correction.right) = ("wide".into(), "123456".into(), "123456".into());
    store.add(&correction).unwrap();
    drop(store);
    refused("correction wide: is of 6 cells, but the model reads 2 x 2");

    fill(&bench, 200, &SEVEN);
    edit(&bench.path("store"), |bytes| bytes[8 * 4096..9 * 4096].fill(0xa5));
    let damaged = bench.read("store");
    refused("damaged");
    assert!(bench.read("store") == damaged, "it was changed");
}

#[test]
fn a_share_that_is_none_is_a_usage_error() {
    let bench = Bench::new();
    for arguments in ["--share 0", "--share 1.5", "--share much", "--set share", ""] {
        let arguments = format!("finetune {arguments}");
        assert_eq!(bench.run(&arguments).code, 2, "{arguments}");
    }
}
