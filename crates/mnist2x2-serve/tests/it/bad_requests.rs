//! Requests that are wrong.

use serde_json::json;

use crate::answers::drawing;
use crate::support::{Fake, Running, start};

const JSON: &[(&str, &str)] = &[("Content-Type", "application/json")];
const PNG: &[(&str, &str)] = &[("Content-Type", "image/png")];

/// The status that is due, and the method, path, headers and body of a request.
type Case<'a> = (u16, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a [u8]);

/// Each is sent to `/api/predict` as JSON and must be refused with this status and a detail with these words.
fn bad_drawings() -> Vec<(u16, Vec<u8>, &'static str)> {
    let with = |field: &str, value: serde_json::Value| {
        let mut drawing = drawing();
        drawing[field] = value;
        drawing.to_string().into_bytes()
    };
    let cells =
        |text: &str| format!("{{\"cells\": [{text}, [], [], []], \"width\": 9, \"height\": 9}}").into_bytes();
    vec![
        (400, b"".to_vec(), "an object"),
        (400, b"{".to_vec(), "EOF"),
        (400, b"null".to_vec(), "an object"),
        (400, b"[]".to_vec(), "an object"),
        (400, b" [[[], [], [], []], 9, 9]".to_vec(), "an object"),
        (400, b"\xff\xfe".to_vec(), "an object"),
        (400, b"{\"cells\": \"\xc3\x28\"}".to_vec(), "body"),
        (400, "{\"a\":".repeat(100_000).into_bytes(), "body"),
        (400, cells(&"[".repeat(1000)), "body"),
        (400, with("colour", json!("red")), "unknown field `colour`"),
        (400, with("cells", json!({})), "invalid type"),
        (400, with("width", json!("30")), "invalid type"),
        (400, b"{\"cells\": [], \"width\": 1}".to_vec(), "missing field"),
        (400, b"{\"cells\": [], \"cells\": [], \"width\": 1, \"height\": 1}".to_vec(), "duplicate"),
        (400, cells("[[[1, NaN]]]"), "body"),
        (400, cells("[[[1, Infinity]]]"), "body"),
        (400, cells("[[[1, 1e400]]]"), "out of range"),
        (400, cells("[[[1, 2, 3]]]"), "body"),
        (400, cells("[[[1]]]"), "body"),
        (400, cells("[[1, 2]]"), "body"),
        (400, cells("[[[1, 1e39]]]"), "out of range"),
        (422, cells("[[[1, -10]]]"), "-10"),
        (422, with("cells", json!([])), "there are 0"),
        (422, with("cells", json!([[], [], [], [], []])), "there are 5"),
        (400, with("cells", json!("[]")), "invalid type"),
        (400, with("cells", json!(null)), "invalid type"),
        (400, with("cells", json!([[], [], [], [null]])), "body"),
        (400, with("cells", json!([[], [], [], [[["1", "2"]]]])), "body"),
        (400, with("cells", json!([[], [], [], [[{ "x": 1, "y": 2 }]]])), "body"),
        (400, with("width", json!(null)), "invalid type"),
        (400, with("width", json!([1])), "invalid type"),
        (400, with("height", json!(true)), "invalid type"),
        (400, with("Width", json!(3)), "unknown field"),
        (400, b"\"cells\"".to_vec(), "an object"),
        (400, b"7".to_vec(), "an object"),
        (400, b"{} {}".to_vec(), "body"),
        (400, b"{\"cells\": [[], [], [], []], \"width\": 1, \"height\": 1} x".to_vec(), "body"),
        (400, b"\0".to_vec(), "an object"),
        (400, b"\xef\xbb\xbf{}".to_vec(), "an object"),
        (422, cells("[[[28, 1]]]"), "28"),
        (422, cells("[[[1, 1e38]]]"), "cell away"),
        (422, with("height", json!(0)), "height"),
        (422, with("width", json!(10_001)), "width"),
        (422, with("width", json!(0)), "width"),
        (422, with("width", json!(-3)), "width"),
        (422, with("height", json!(1e30)), "height"),
        (422, with("cells", json!([vec![json!([]); 129], [], [], []])), "129 strokes"),
        (422, cells(&format!("[[[1, 1]{}]]", ", [1, 1]".repeat(20_000))), "20001 points"),
    ]
}

#[test]
fn bad_drawings_are_refused_with_a_reason() {
    let server = start(Fake::new('a'), |_| ());
    for (status, body, words) in bad_drawings() {
        let detail = server.send("POST", "/api/predict", JSON, &body).problem(status);
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert!(detail.contains(words), "{shown}: {detail}");
    }
    still_answers(&server);
}

#[test]
fn bad_requests_are_refused_with_a_reason() {
    let server = start(Fake::new('a'), |_| ());
    let huge = vec![0_u8; (24 << 20) + 1];
    let long = format!("/{}", "a".repeat(5000));
    let cases: &[Case<'_>] = &[
        (404, "GET", "/missing", &[], b""),
        (404, "GET", "/../etc/passwd", &[], b""),
        (404, "GET", "/%2e%2e/%2e%2e/etc/passwd", &[], b""),
        (404, "GET", "/api/predict/", &[], b""),
        (404, "GET", "/%00", &[], b""),
        (404, "GET", "/%ff%fe", &[], b""),
        (404, "GET", &long, &[], b""),
        (404, "BREW", "/coffee", &[], b""),
        (405, "GET", "/api/predict", &[], b""),
        (405, "PUT", "/api/corrections", &[], b""),
        (405, "DELETE", "/healthz", &[], b""),
        (405, "POST", "/metrics", &[], b""),
        (404, "GET", "/api", &[], b""),
        (404, "GET", "/api/model/", &[], b""),
        (404, "GET", "//", &[], b""),
        (404, "GET", "/assets/../api/model", &[], b""),
        (405, "PATCH", "/api/model", &[], b""),
        (405, "GET", "/api/model/reload", &[], b""),
        (405, "GET", "/upload", &[], b""),
        (405, "DELETE", "/", &[], b""),
        (415, "POST", "/api/predict", &[], b"x"),
        (415, "POST", "/api/predict", &[("Content-Type", "text/plain")], b"{}"),
        (415, "POST", "/api/predict", &[("Content-Type", "video/mp4")], b"any"),
        (415, "POST", "/api/predict", &[("Content-Type", "multipart/form-data; boundary=x")], b"--x--"),
        (415, "POST", "/api/predict", &[("Content-Type", "\u{e9}")], b"{}"),
        (400, "POST", "/api/predict?seen=maybe", PNG, b"any"),
        (400, "POST", "/api/predict?seen=true&seen=true", PNG, b"any"),
        (400, "POST", "/api/predict?colour=red", PNG, b"any"),
        (413, "POST", "/api/predict", PNG, &huge),
        (413, "POST", "/api/corrections", JSON, &huge),
        (422, "POST", "/api/predict", PNG, b"bad"),
        (415, "POST", "/api/corrections", &[], b"{}"),
        (422, "POST", "/api/corrections", JSON, b"{}"),
        (400, "POST", "/api/corrections", JSON, b"[]"),
        (400, "POST", "/api/corrections", JSON, b"{\"key\""),
    ];
    for (status, method, path, headers, body) in cases {
        let answer = server.send(method, path, headers, body);
        assert!(!answer.problem(*status).is_empty(), "{method} {path}");
    }
    still_answers(&server);
}

/// What is no HTTP is refused by hyper before there is a request that could be answered: it gives a status without a body,
/// which nobody but hyper can add to, and closes the connection.
#[test]
fn what_is_no_http_is_refused() {
    let server = start(Fake::new('a'), |_| ());
    let header = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(5000));
    for bytes in [
        "\r\n\r\nnonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nBad Header: x\r\n\r\n",
        "POST /api/predict HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /api/predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        &header,
        &many,
    ] {
        let status = server.raw(bytes.as_bytes()).status;
        assert!((400..500).contains(&status), "{status} for {}", &bytes[..bytes.len().min(60)]);
    }
    still_answers(&server);
}

#[test]
fn broken_and_endless_chunks_are_refused() {
    let server = start(Fake::new('a'), |_| ());
    let head = "POST /api/predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n";
    server.raw(format!("{head}zz\r\n").as_bytes()).problem(400);
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    server.raw([head, &chunk.repeat(400), "0\r\n\r\n"].concat().as_bytes()).problem(413);
    still_answers(&server);
}

fn still_answers(server: &Running) {
    assert_eq!(server.picture(b"any").status, 200);
    assert!(server.metric("panics_total{in=\"handler\"}").abs() < 0.5);
    assert!(server.metric("panics_total{in=\"reader\"}").abs() < 0.5);
}
