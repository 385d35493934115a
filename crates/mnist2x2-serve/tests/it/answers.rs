//! What goes right.

use serde_json::{Value, json};

use crate::support::{Fake, Running, start};

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
        "lines": ["1020"],
        "layout": "line",
        "sure": false,
        "cells": [cell(1), cell(0), cell(2), cell(0)],
        "alternatives": [{ "digits": "____", "confidence": 0.125 }],
        "model": "a".repeat(64),
    });
    assert_eq!(answer.json(), expected);
    let picture = server.picture(b"any bytes").json();
    assert_eq!((&picture["digits"], &picture["cells"][2]["digit"]), (&json!("12_4"), &Value::Null));
}

/// How a PNG and a JPEG begin; the false reader takes any bytes for a picture.
const PICTURES: [&[u8]; 2] = [b"\x89PNG\r\n\x1a\n...", b"\xff\xd8\xff..."];

#[test]
fn a_picture_is_known_by_its_bytes_whatever_its_type() {
    let server = start(Fake::new('a'), |_| ());
    for picture in PICTURES {
        for kind in
            ["application/octet-stream", "image/jpg", "application/x-www-form-urlencoded", "text/plain", "?"]
        {
            let answer = server.send("POST", "/api/predict", &[("Content-Type", kind)], picture);
            assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
        }
        assert_eq!(server.send("POST", "/api/predict", &[], picture).status, 200, "without a type");
    }
}

#[test]
fn a_form_with_a_picture_is_read() {
    let server = start(Fake::new('a'), |_| ());
    let send = |body: &[u8]| {
        let kind = [("Content-Type", "multipart/form-data; boundary=xy")];
        server.send("POST", "/api/predict?seen=true", &kind, body)
    };
    let field = |name: &str, content: &[u8]| {
        let head = format!("--xy\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        [head.as_bytes(), content, b"\r\n"].concat()
    };
    let (text, slow) = (field("name", b"panic"), field("file", PICTURES[0]));
    for form in [[&slow[..], b"--xy--\r\n"].concat(), [&text[..], &slow[..], b"--xy--"].concat()] {
        let answer = send(&form);
        assert_eq!((answer.status, &answer.json()["digits"]), (200, &json!("12_4")), "{}", answer.text());
    }
    let detail = send(b"--xy--").problem(415);
    assert!(detail.contains("curl -F file=@x.png"), "{detail}");
    assert_eq!(send(&[&field("a", b"any")[..], &[b'x'; 50][..]].concat()).status, 415, "it does not end");
}

#[test]
fn a_packed_body_is_read_within_the_limits_of_any_other() {
    use std::io::Write;
    let server = start(Fake::new('a'), |_| ());
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let send = |encoding, kind, body: &[u8]| {
        server.send("POST", "/api/predict", &[("Content-Encoding", encoding), ("Content-Type", kind)], body)
    };
    let packed = gzip(drawing().to_string().as_bytes());
    for encoding in ["gzip", "x-gzip", "GZIP"] {
        let answer = send(encoding, "application/json", &packed);
        assert_eq!((answer.status, &answer.json()["digits"]), (200, &json!("1020")), "{}", answer.text());
    }
    assert_eq!(send("gzip", "image/png", &gzip(b"any")).status, 200);
    assert_eq!(send("identity", "image/png", b"any").status, 200);
    let bomb = gzip(&vec![0; 256 << 20]);
    assert!(bomb.len() < 24 << 20, "{} bytes would be refused as they come", bomb.len());
    assert!(send("gzip", "image/png", &bomb).problem(413).contains("25165824 bytes"));
    for damaged in [&packed[..packed.len() / 2], &packed[..packed.len() - 1], b"no gzip", b""] {
        assert!(send("gzip", "application/json", damaged).problem(400).contains("gzip"));
    }
    let other = send("br", "application/json", &packed);
    assert!(other.problem(415).contains("\"br\""));
    assert_eq!(other.header("accept-encoding"), Some("gzip"));
}

#[test]
fn pages_of_allowed_origins_may_use_the_api_and_no_others() {
    const ORIGIN: &str = "https://digits.example";
    let preflight = |server: &Running, origin| {
        let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        server.send("OPTIONS", "/api/predict", &headers, b"")
    };
    let closed = start(Fake::new('a'), |_| ());
    let answer = preflight(&closed, ORIGIN);
    answer.problem(405);
    assert!(answer.header("access-control-allow-origin").is_none() && answer.header("vary").is_none());

    let server = start(Fake::new('a'), |settings| settings.allow_origins = vec![ORIGIN.into()]);
    let answer = preflight(&server, ORIGIN);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some(ORIGIN)));
    assert_eq!(answer.header("access-control-allow-methods"), Some("get, post"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("content-type"));
    let read = |server: &Running, origin| {
        let headers = [("Origin", origin), ("Sec-Fetch-Site", "cross-site"), ("Content-Type", "image/png")];
        server.send("POST", "/api/predict", &headers, b"any")
    };
    let answer = read(&server, ORIGIN);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(ORIGIN)));
    assert_eq!(answer.header("vary"), Some("origin"));
    for foreign in ["https://evil.example", "https://digits.example.evil.example", "null"] {
        assert!(read(&server, foreign).header("access-control-allow-origin").is_none(), "{foreign}");
        preflight(&server, foreign).problem(405);
    }
    let export = server.send("GET", "/api/corrections", &[("Origin", ORIGIN)], b"");
    export.problem(403);

    let open = start(Fake::new('a'), |settings| settings.allow_origins = vec!["*".into()]);
    assert_eq!(read(&open, "null").header("access-control-allow-origin"), Some("null"));
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
    let cells = &page["components"]["schemas"]["Drawing"]["properties"]["cells"];
    assert_eq!(
        (&cells["minItems"], &cells["maxItems"]),
        (&json!(4), &json!(4)),
        "as many as the model reads"
    );
    for (path, methods) in paths {
        for method in ["get", "post"] {
            let answer = server.send(&method.to_uppercase(), path, &[], b"");
            let described = methods.get(method);
            assert_eq!(described.is_none(), answer.status == 405, "{method} {path}: {}", answer.status);
            let status = answer.status.to_string();
            let responses = described.map(|described| described["responses"].as_object().unwrap());
            let is_there = |responses: &serde_json::Map<String, Value>| {
                responses.contains_key(&status)
                    || status.starts_with('5') && responses.contains_key("default")
            };
            assert!(responses.is_none_or(is_there), "{method} {path}: {status}");
        }
    }
}

/// What is answered has each name that its description requires, and none that it does not have.
#[test]
fn answers_have_the_names_that_are_described() {
    let server = start(Fake::new('a'), |_| ());
    let correction =
        json!({ "key": "k", "model": "a".repeat(64), "read": "1020", "right": "1021", "strokes": drawing() });
    let answers = [
        ("Prediction", server.json("/api/predict?seen=true&attention=true", &drawing())),
        ("Prediction", server.picture(b"any")),
        ("Model", server.get("/api/model")),
        ("Ready", server.get("/readyz")),
        ("Kept", server.json("/api/corrections", &correction)),
        ("Problem", server.get("/nothing")),
    ];
    let schemas = server.get("/openapi.json").json()["components"]["schemas"].clone();
    for (name, answer) in answers {
        let (schema, answer) = (&schemas[name], answer.json());
        let described = schema["properties"].as_object().unwrap();
        for key in answer.as_object().unwrap().keys() {
            assert!(described.contains_key(key), "{name}: {key} is not described");
        }
        for key in schema["required"].as_array().unwrap() {
            assert!(answer.get(key.as_str().unwrap()).is_some(), "{name}: {key} is missing");
        }
    }
}
