//! What comes over the network, to a server that runs in this process, and good requests.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{panic, thread};

use flate2::Compression;
use flate2::write::GzEncoder;
use mnist2x2_infer::{CellReading, Reading};
use mnist2x2_serve::{Answer, Error, Input, ModelInfo, Reader, Server, Settings};

/// Longer than any answer takes; whoever waits so long has found a hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the server calls its threads.
const SERVER_THREADS: [&str; 2] = ["serve", "reader"];

/// Whether one of them panicked: the server itself answers what panics with a status.
static HAS_PANICKED: AtomicBool = AtomicBool::new(false);

/// A model that reads everything the same way; the readers of pictures have targets of their own.
struct Same(ModelInfo);

impl Reader for Same {
    fn model(&self) -> &ModelInfo {
        &self.0
    }

    fn read(&self, batch: &[Input]) -> Vec<Result<Answer, Error>> {
        let reading = Reading::new(vec![CellReading::new(None, 1.0); 4], 1.0, vec![]);
        batch.iter().map(|_| Ok(reading.clone().into())).collect()
    }
}

/// The address of the server, which runs as long as the process does.
fn server() -> SocketAddr {
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    *SERVER.get_or_init(|| {
        let earlier = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // Threads of tests have the tests' names, and their panics are seen without this.
            let is_ours = thread::current().name().is_some_and(|name| SERVER_THREADS.contains(&name));
            HAS_PANICKED.fetch_or(is_ours, Ordering::Relaxed);
            earlier(panic);
        }));
        let info = ModelInfo::new("0".repeat(64), "none", 2, 2);
        let mut settings = Settings::default();
        settings.address = ([127, 0, 0, 1], 0).into();
        let none = |_: Option<&str>| Err(Error::Model("there is no other".into()));
        let server = Server::bind(settings, Arc::new(Same(info)), none, |_| ()).expect("a port is free");
        let address = server.address();
        thread::spawn(|| server.run());
        address
    })
}

/// All that a client sends over a connection.
pub(crate) fn request(bytes: &[u8]) {
    let mut stream = TcpStream::connect(server()).expect("the server takes connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time is a time");
    // A server that has heard enough may close before all is sent.
    let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    assert!(
        !end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock),
        "no answer in {PATIENCE:?}"
    );
    let is_fault = answer.starts_with(b"HTTP/1.1 5") && !answer.starts_with(b"HTTP/1.1 503");
    assert!(!is_fault, "the server is at fault: {}", String::from_utf8_lossy(&answer));
    assert!(!HAS_PANICKED.load(Ordering::Relaxed), "the server panicked");
}

pub(crate) fn request_seeds() -> Vec<Vec<u8>> {
    let drawing = String::from_utf8(body_seeds().swap_remove(0)).expect("it is text");
    let post = |headers: &str, body: &str| {
        format!("POST /api/predict?seen=true HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}")
    };
    let length = drawing.len();
    let whole = post(
        &format!("Connection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"),
        &drawing,
    );
    let chunked = "Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n";
    let chunks = post(chunked, "4\r\n\u{7f}PNG\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n");
    let get =
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\nGET /api/model HTTP/1.0\r\n\r\n"
            .to_owned();
    let form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.png\"\r\n\r\n\u{7f}PNG\r\n--b--\r\n";
    let form = post(
        &format!("Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n", form.len()),
        form,
    );
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(drawing.as_bytes()).expect("memory takes all");
    let packed = encoder.finish().expect("memory takes all");
    let headers = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    let gzip = post(&format!("{headers}Content-Length: {}\r\n", packed.len()), "");
    let gzip = [gzip.as_bytes(), &packed].concat();
    [whole, chunks, get, form].map(String::into_bytes).into_iter().chain([gzip]).collect()
}

/// The body of a drawing to be read.
pub(crate) fn body(bytes: &[u8]) {
    let length = bytes.len();
    let head = format!(
        "POST /api/predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    request(&[head.as_bytes(), bytes].concat());
}

pub(crate) fn body_seeds() -> Vec<Vec<u8>> {
    let text = r#"{"cells": [[[[1, 2.5], [-30, 9]]], [], [[], [[5, 5]]], [[[1, 1], [9, 9]]]], "width": 30, "height": 40}"#;
    vec![text.into()]
}
