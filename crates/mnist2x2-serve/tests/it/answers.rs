//! What goes right.

use serde_json::{Value, json};

use crate::support::{Fake, start};

pub(crate) fn drawing() -> Value {
    json!({ "cells": [[[[1, 2], [3, 4.5]]], [], [[[9, 9]], [[1, 1]]], []], "width": 30, "height": 40 })
}

#[test]
fn a_drawing_and_a_picture_are_read() {
    let server = start(Fake::new('a'), |_| ());
    let answer = server.json("/api/predict", &drawing());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cell = |digit| json!({ "digit": digit, "confidence": 0.5 });
    let expected = json!({
        "digits": "1020",
        "confidence": 0.25,
        "cells": [cell(1), cell(0), cell(2), cell(0)],
        "alternatives": [{ "digits": "____", "confidence": 0.125 }],
        "model": "a".repeat(64),
    });
    assert_eq!(answer.json(), expected);
    let picture = server.picture(b"any bytes").json();
    assert_eq!((&picture["digits"], &picture["cells"][2]["digit"]), (&json!("12_4"), &Value::Null));
}

#[test]
fn what_the_model_saw_and_where_it_looked_come_on_request() {
    let server = start(Fake::new('a'), |_| ());
    let answer = server.json("/api/predict?seen=true&attention=true", &drawing()).json();
    assert_eq!(answer["seen"], json!({ "width": 2, "height": 1, "pixels": "AP8=" }));
    assert_eq!(answer["attention"], json!([[0.75, 0.25]]));
    let answer = server.json("/api/predict?attention=true", &drawing()).json();
    assert_eq!((answer.get("seen"), answer["attention"].is_array()), (None, true));
}

#[test]
fn every_answer_has_a_name_and_the_headers_that_keep_a_page_in_bounds() {
    let server = start(Fake::new('a'), |_| ());
    for answer in [server.get("/healthz"), server.get("/missing"), server.picture(b"panic")] {
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("access-control-allow-origin").is_none());
    }
    let (first, second) = (server.get("/healthz"), server.get("/healthz"));
    assert_ne!(first.header("x-request-id").unwrap(), second.header("x-request-id").unwrap());
    let named = |name| server.send("GET", "/healthz", &[("X-Request-Id", name)], b"");
    assert_eq!(named("mine-7").header("x-request-id"), Some("mine-7"));
    assert_ne!(named("not{mine").header("x-request-id"), Some("not{mine"));
}

#[test]
fn health_model_and_figures() {
    let server = start(Fake::new('a'), |_| ());
    assert_eq!(server.get("/healthz").json(), json!({ "status": "alive" }));
    assert_eq!(server.get("/readyz").json(), json!({ "status": "ready", "corrections": "kept" }));
    let model = server.get("/api/model").json();
    assert_eq!((&model["digest"], &model["rows"]), (&json!("a".repeat(64)), &json!(2)));
    for _ in 0..3 {
        server.picture(b"any");
    }
    assert!((server.metric("http_requests_total{route=\"/api/predict\",code=\"200\"}") - 3.0).abs() < 0.5);
    assert!((server.metric("batch_size_sum") - 3.0).abs() < 0.5);
    assert!(server.metric("connections") >= 1.0);
    assert!(server.metric("queue_depth").abs() < 0.5);
}

/// Every path that is described answers to its methods, and its errors are described.
#[test]
fn the_description_describes_this_server() {
    let server = start(Fake::new('a'), |_| ());
    let page = server.get("/openapi.json").json();
    assert_eq!(page["info"]["version"], env!("CARGO_PKG_VERSION"));
    let paths = page["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 8);
    for (path, methods) in paths {
        for method in ["get", "post"] {
            let answer = server.send(&method.to_uppercase(), path, &[], b"");
            let described = methods.get(method);
            assert_eq!(described.is_none(), answer.status == 405, "{method} {path}: {}", answer.status);
            let status = answer.status.to_string();
            let family = format!("{}XX", &status[..1]);
            let responses = described.map(|described| described["responses"].as_object().unwrap());
            let is_there = |responses: &serde_json::Map<String, Value>| {
                responses.contains_key(&status) || responses.contains_key(&family)
            };
            assert!(responses.is_none_or(is_there), "{method} {path}: {status}");
        }
    }
}
