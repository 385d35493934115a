//! Corrections over HTTP.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use mnist2x2_corrections::Store;
use serde_json::{Value, json};

use crate::answers::drawing;
use crate::support::{Fake, start};

pub(crate) const PATH: &str = "/api/corrections";

const PICTURE: &[u8] = include_bytes!("../../../../assets/grid.png");

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(crate) fn correction(key: &str) -> Value {
    json!({ "key": key, "model": "a".repeat(64), "read": "1020", "right": "102_", "strokes": drawing() })
}

#[test]
fn a_correction_is_kept_once_and_exported() {
    let server = start(Fake::new('a'), |_| ());
    let first = server.json(PATH, &correction("one"));
    assert_eq!(first.status, 201, "{}", first.text());
    let again = server.json(PATH, &correction("one"));
    assert_eq!(again.status, 200);
    assert_eq!((first.json()["new"].take(), again.json()["new"].take()), (json!(true), json!(false)));
    assert_eq!(first.json()["time"], again.json()["time"]);
    let mut other = correction("one");
    other["right"] = "9999".into();
    assert!(server.json(PATH, &other).problem(409).contains("one"));

    let mut nameless = correction("two");
    nameless.as_object_mut().unwrap().remove("key");
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "two")];
    let named = server.send("POST", PATH, &headers, nameless.to_string().as_bytes());
    assert_eq!((named.status, named.json()["key"].take()), (201, json!("two")));

    let export = server.get(PATH);
    assert_eq!((export.status, export.header("content-type")), (200, Some("application/jsonl")));
    let text = export.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["key"], &lines[0]["strokes"]), (&json!("one"), &drawing()));
    assert_eq!(lines[1]["key"], "two");
    assert!((server.metric("corrections_total") - 2.0).abs() < 0.5);
}

/// What could not be learned from is refused when it comes, and not when somebody wants to learn.
#[test]
fn what_cannot_be_learned_is_refused_on_arrival() {
    let server = start(Fake::new('a'), |_| ());
    let with_picture = |picture: &[u8]| {
        let mut correction = correction("one");
        let fields = correction.as_object_mut().unwrap();
        fields.remove("strokes");
        fields.insert("picture".into(), base64(picture).into());
        server.json(PATH, &correction)
    };
    for broken in
        [&PICTURE[..8], &PICTURE[..PICTURE.len() / 2], b"\x89PNG\r\n\x1a\nand then nothing of the kind"]
    {
        let detail = with_picture(broken).problem(422);
        assert!(detail.contains("picture"), "{detail}");
    }
    for digits in ["1", "102", "10203", "1020102010"] {
        let mut other = correction("two");
        (other["read"], other["right"]) = (digits.into(), digits.into());
        (other["strokes"], other["picture"]) = (Value::Null, base64(PICTURE).into());
        let detail = server.json(PATH, &other).problem(422);
        assert!(
            detail.contains(&format!("of {} cells", digits.len()))
                && detail.contains("2 x 2")
                && detail.contains("in `found`"),
            "{detail}"
        );
    }
    assert_eq!(server.get(PATH).text(), "");
    assert_eq!(with_picture(PICTURE).status, 201);
}

#[test]
fn digits_of_any_arrangement_are_kept_as_they_were_found() {
    let server = start(Fake::new('a'), |_| ());
    let found = |count: usize, digits: &str| {
        let pixels: Vec<u8> = (0..count * 784).map(|i| (i % 251) as u8).collect();
        json!({ "key": digits, "model": "a".repeat(64), "read": digits, "right": "_".repeat(digits.len()), "found": base64(&pixels) })
    };
    let most = "7".repeat(64);
    for digits in ["4", "40981", &most] {
        let kept = server.json(PATH, &found(digits.len(), digits));
        assert_eq!(kept.status, 201, "{}", kept.text());
    }
    let export = server.get(PATH).text();
    let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for (name, value) in found(5, "40981").as_object().unwrap() {
        assert_eq!(&lines[1][name], value);
    }
    for (bad, words) in [
        (found(4, "40981"), "found: has 3136 bytes, but 5 digits of 28 x 28 have 3920"),
        (found(65, &"7".repeat(65)), "read: must be 1 to 64"),
        (
            json!({ "found": base64(&[0; 784]), "read": "1", "right": "_", "model": "a".repeat(64), "key": "k" }),
            "no ink in digit 1 of 1",
        ),
    ] {
        let detail = server.json(PATH, &bad).problem(422);
        assert!(detail.contains(words), "{detail}");
    }
}

#[test]
fn an_export_of_much_is_whole() {
    let server = start(Fake::new('a'), |_| ());
    let store = Store::open(&server.store()).unwrap();
    let mut lines = Vec::new();
    for n in 0..300 {
        let mut line = correction(&n.to_string());
        line["time"] = n.into();
        line["source"] = "s".repeat(1000).into();
        lines.extend_from_slice(line.to_string().as_bytes());
        lines.push(b'\n');
    }
    store.import(&lines[..]).unwrap();
    let mut exported = Vec::new();
    store.export(&mut exported).unwrap();
    assert_eq!(server.get(PATH).body, exported);
}

#[test]
fn bad_corrections_are_refused_by_field() {
    let server = start(Fake::new('a'), |_| ());
    for (field, value, words) in [
        ("key", json!("a b"), "key"),
        ("key", json!(7), "invalid type"),
        ("model", json!("abc"), "model"),
        ("read", json!("10"), "right"),
        ("right", json!("10 0"), "right"),
        ("right", json!("102"), "right"),
        ("time", json!(5), "time"),
        ("strokes", json!({ "cells": [[]] }), "strokes"),
        ("strokes", json!([[[], [], [], []], 9, 9]), "must be an object"),
        ("strokes", Value::Null, "picture"),
        ("picture", json!("***"), "symbol"),
        ("picture", json!("AAAA"), "PNG"),
        ("found", json!("AAAA"), "found"),
        ("found", json!([1, 2]), "invalid type"),
        ("colour", json!(1), "unknown field"),
    ] {
        let mut bad = correction("k");
        bad[field] = value;
        let detail = server.json(PATH, &bad).problem(422);
        assert!(detail.contains(words), "{field}: {detail}");
    }
    let mut picture_alone = correction("k");
    picture_alone["strokes"] = Value::Null;
    picture_alone["picture"] = base64(PICTURE).into();
    assert_eq!(server.json(PATH, &picture_alone).status, 201);
    assert_eq!(server.get(PATH).text().lines().count(), 1);
}

#[test]
fn pages_of_other_origins_and_strangers_without_token_are_turned_away() {
    let server = start(Fake::new('a'), |settings| settings.token = Some("secret".into()));
    let body = correction("k").to_string();
    let post =
        |header| server.send("POST", PATH, &[("Content-Type", "application/json"), header], body.as_bytes());
    post(("Origin", "http://evil.example")).problem(403);
    post(("Sec-Fetch-Site", "cross-site")).problem(403);
    assert_eq!(post(("Origin", "http://localhost")).status, 201);
    let refused = server.get(PATH);
    refused.problem(401);
    assert_eq!(refused.header("www-authenticate"), Some("bearer"));
    let with_token = |path, method| server.send(method, path, &[("Authorization", "Bearer secret")], b"");
    assert_eq!(with_token(PATH, "GET").status, 200);
    server.send("POST", "/api/model/reload", &[], b"").problem(401);
    with_token("/api/model/reload", "POST").problem(422);
}

#[test]
fn without_a_store_there_is_nothing_to_keep_in() {
    let server = start(Fake::new('a'), |settings| settings.store = None);
    server.json(PATH, &correction("k")).problem(404);
    server.get(PATH).problem(404);
    assert_eq!(server.get("/readyz").json(), json!({ "status": "ready", "corrections": "not kept" }));
}

#[test]
fn a_file_that_is_no_store_degrades_the_server_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("diary");
    let text = "dear diary ".repeat(500);
    fs::write(&path, &text).unwrap();
    let server = start(Fake::new('a'), |settings| settings.store = Some(path.clone()));
    let refused = server.json(PATH, &correction("k"));
    let detail = refused.problem(503);
    assert!(refused.header("retry-after").is_some());
    assert!(!detail.contains("diary"), "strangers need not know where it is: {detail}");
    server.get(PATH).problem(503);
    assert_eq!(server.get("/readyz").json(), json!({ "status": "degraded", "corrections": "no store" }));
    assert_eq!(server.picture(b"any").status, 200);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let reports = server.reports.lock().unwrap();
    assert!(reports.len() == 1 && reports[0].contains("diary"), "once, with the place: {reports:?}");
}

#[test]
fn a_locked_store_degrades_the_server_until_it_is_free() {
    let server = start(Fake::new('a'), |_| ());
    assert_eq!(server.json(PATH, &correction("before")).status, 201);
    let other = rusqlite::Connection::open(server.store()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(server.json(PATH, &correction("k")).problem(503).contains("locked"));
    assert_eq!(server.get("/readyz").json(), json!({ "status": "degraded", "corrections": "locked" }));
    assert_eq!(server.picture(b"any").status, 200);
    assert_eq!(server.get(PATH).text().lines().count(), 1, "what is there can be read");
    other.execute_batch("ROLLBACK").unwrap();
    let begin = Instant::now();
    while server.get("/readyz").json()["status"] != "ready" {
        assert!(begin.elapsed() < Duration::from_secs(10), "it recovers without a correction");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.json(PATH, &correction("k")).status, 201);
}

#[cfg(unix)]
#[test]
fn a_store_that_is_gone_is_not_made_anew() {
    let server = start(Fake::new('a'), |_| ());
    assert_eq!(server.json(PATH, &correction("k")).status, 201);
    fs::rename(server.store(), server.folder.path().join("aside")).unwrap();
    assert!(server.json(PATH, &correction("lost")).problem(503).contains("gone"));
    assert_eq!(server.get("/readyz").json()["status"], "degraded");
    assert!(!server.store().exists());
}
