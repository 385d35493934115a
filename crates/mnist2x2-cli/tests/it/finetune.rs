//! Learning from corrections: what is better is kept, what is not leaves no trace.

use std::fs;

use mnist2x2::corrections::{Correction, Store};
use mnist2x2::random::Random;
use mnist2x2::{Drawing, GridShape, ModelInput};
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
            found: None,
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
        "exposure = \"unknown\"",
    ] {
        assert!(record.lines().any(|found| found == line), "{line} is not in {record}");
    }
    assert_eq!(json[0]["exposure"], "unknown");
    assert!(run.stderr.contains("nothing tells whether"), "{}", run.stderr);
    assert!(bench.read("store") == store && bench.names("") == ["mnist", "new", "store"]);
    bench.done("eval --model new --data-dir mnist");

    let error = bench.fails(1, &format!("{FINETUNE} --out new"));
    assert!(error.contains("new: exists already"), "{error}");
    let error = bench.fails(1, "train --resume new");
    assert!(error.contains("is finished"), "{error}");
    let error = bench.fails(1, "train --data-dir mnist --no-test --config new/run.toml");
    assert!(error.contains("there is no teacher"), "its record is a configuration like any other: {error}");
}

/// Adds corrections of a mirrored seven, a one and a scribble that is no digit, as they were found in a row.
fn fill_found(bench: &Bench, count: u64) {
    let shape = GridShape { rows: 1, cols: 3 };
    let store = Store::open(&bench.path("store")).unwrap();
    for number in 0..count {
        let mut random = Random::keyed(1, "test drawing", 0, number);
        let cells = [&SEVEN[..], &ONE, &[[0.1, 0.1], [0.9, 0.2], [0.1, 0.3], [0.9, 0.4]]];
        let cells = cells.map(|points| {
            let stroke: Vec<Vec<[f32; 2]>> = serde_json::from_value(stroke(points, &mut random)).unwrap();
            stroke
        });
        let drawing = Drawing::from_cells(&cells, 1.0, 1.0, shape).unwrap();
        let input = ModelInput::from_drawing(&drawing, shape);
        let found = (0..3).flat_map(|cell| input.cell(cell)).collect();
        let correction = Correction {
            key: format!("found-{number}"),
            time: number,
            model: "0".repeat(64),
            read: "112".into(),
            right: "71_".into(),
            strokes: None,
            picture: None,
            found: Some(found),
            source: None,
        };
        store.add(&correction).unwrap();
    }
}

#[test]
fn digits_of_any_arrangement_are_learned_and_what_is_none_is_left_out() {
    let bench = Bench::new();
    fill_found(&bench, 40);
    let run = bench.done(&format!("{FINETUNE} --set epoch_grids=4000 --json --out new"));
    let json = run.json().remove(0);
    let counts = |when: &str| json[when]["corrections"].as_u64().unwrap();
    assert!(counts("before") < counts("after"), "{json}");
    assert_eq!(json["learnt"].as_u64().unwrap() + json["held_out"].as_u64().unwrap(), 40, "{json}");
    assert_eq!((json["no_digits"].as_u64(), json["skipped"].as_u64()), (Some(40), Some(0)), "{json}");
    let said = run.stderr.lines().filter(|line| line.contains("no sign for what is no digit: 40 "));
    assert_eq!(said.count(), 1, "{}", run.stderr);
}

/// Of drawn grids too: what is none there is no ink to learn from.
#[test]
fn corrections_without_a_digit_are_no_corrections_to_learn_from() {
    let bench = Bench::new();
    fill(&bench, 9, &SEVEN);
    let store = Store::open(&bench.path("store")).unwrap();
    let drawn = store.after(0).unwrap().unwrap().correction;
    store.add(&Correction { key: "none".into(), right: "____".into(), ..drawn.clone() }).unwrap();
    let found = Some(vec![9; 2 * 784]);
    let none =
        |key: &str| Correction { key: key.into(), read: "12".into(), right: "__".into(), ..drawn.clone() };
    store.add(&Correction { strokes: None, found, ..none("found") }).unwrap();
    let run = bench.run(&format!("{FINETUNE} --out new"));
    assert!(run.stderr.contains("no sign for what is no digit: 6 "), "{}", run.stderr);
    assert!(run.stderr.contains("9 corrections are too few"), "{}", run.stderr);
}

/// Ones that are called sevens: to learn them is to forget what ones are.
#[test]
fn what_cannot_be_learned_without_forgetting_leaves_nothing_and_says_why() {
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

/// Adds three corrections that nobody can learn from: of six cells, of a picture that ends after a PNG's first bytes, and one
/// whose strokes are no drawing.
fn spoil(bench: &Bench) {
    let store = Store::open(&bench.path("store")).unwrap();
    let good = store.after(0).unwrap().unwrap().correction;
    let wide = ("wide", "123456", good.strokes.clone(), None);
    let short = ("short", "1111", None, Some(b"\x89PNG\r\n\x1a\n".to_vec()));
    let odd = ("odd", "1111", Some(json!({ "cells": 4 })), None);
    for (key, cells, strokes, picture) in [wide, short, odd] {
        let (key, read, right) = (key.into(), cells.into(), cells.into());
        store.add(&Correction { key, read, right, strokes, picture, ..good.clone() }).unwrap();
    }
}

#[test]
fn what_cannot_be_learned_from_is_skipped_counted_and_named() {
    let bench = Bench::new();
    fill(&bench, 40, &SEVEN);
    spoil(&bench);
    let run = bench.done(&format!("{FINETUNE} --set epoch_grids=4000 --json --out new"));
    let json = run.json().remove(0);
    assert_eq!((json["skipped"].as_u64(), &json["model"]), (Some(3), &"new".into()), "{json}");
    assert_eq!(json["learnt"].as_u64().unwrap() + json["held_out"].as_u64().unwrap(), 40);
    for line in [
        "wide is skipped: is of 6 cells, but the model reads 2 x 2",
        "short is skipped: ",
        "odd is skipped: ",
    ] {
        assert!(run.stderr.contains(&format!("correction {line}")), "{}", run.stderr);
    }
    assert!(run.stderr.contains("cannot be learned from: 3"), "{}", run.stderr);
}

#[test]
fn pen_strokes_of_nobody_are_refused_as_train_refuses_them() {
    let bench = Bench::new();
    fill(&bench, 40, &SEVEN);
    let strokes = ".SEGMENT DIGIT 0 ? \"1\"\n.PEN_DOWN\n100 100\n100 300\n.PEN_UP\n";
    fs::write(bench.path("strokes"), strokes).unwrap();
    let finetune = format!("{FINETUNE} --strokes strokes --out new");
    let train = "train --data-dir mnist --no-test --strokes strokes --set stroke_fraction=0.1 --out new";
    for command in [finetune.as_str(), train] {
        let error = bench.fails(1, command);
        assert!(error.contains("none of the 1 pen strokes is by a writer from 1 to 24"), "{error}");
        assert!(!bench.path("new").exists());
    }
}

#[test]
fn what_cannot_be_learned_is_refused_at_once() {
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
    spoil(&bench);
    refused("9 corrections are too few");

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
