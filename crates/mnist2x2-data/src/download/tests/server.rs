//! As much of an HTTP server as the tests need: one request for each connection, one scripted reply.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::packed_file;

/// What the server was asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) path: String,
    /// First byte of the range, if one was asked for.
    pub(super) start: Option<usize>,
}

impl Request {
    /// Reads a request to the end of its header.
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let mut start = None;
        for line in lines.take_while(|line| !line.is_empty()) {
            if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
                start = range.trim_end_matches('-').parse().ok();
            }
        }
        Some(Self { path, start })
    }
}

/// What the server answers.
pub(super) struct Reply {
    status: u16,
    header: String,
    body: Vec<u8>,
    /// Bytes after which the connection is closed.
    cut: usize,
    /// How long it stays silent before it closes.
    pause: Duration,
}

impl Reply {
    pub(super) fn ok(body: Vec<u8>) -> Self {
        Self { status: 200, header: String::new(), cut: body.len(), body, pause: Duration::ZERO }
    }

    pub(super) fn status(status: u16) -> Self {
        Self { status, ..Self::ok(b"<p>no".to_vec()) }
    }

    pub(super) fn cut(self, cut: usize) -> Self {
        Self { cut, ..self }
    }

    pub(super) fn pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    pub(super) fn header(self, line: &str) -> Self {
        Self { header: format!("{line}\r\n"), ..self }
    }

    /// A client may hang up at any time; that is not the server's failure.
    fn send(&self, mut stream: TcpStream) {
        let Self { status, header, body, cut, pause } = self;
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} -\r\nContent-Length: {length}\r\nConnection: close\r\n{header}\r\n");
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..*cut]));
        if sent.is_ok() {
            thread::sleep(*pause);
        }
    }
}

/// The whole file, whatever range was asked for.
pub(super) fn whole(request: &Request) -> Reply {
    Reply::ok(packed_file(&request.path))
}

/// The range that was asked for, or the whole file.
pub(super) fn part_of(request: &Request) -> Reply {
    let Some(start) = request.start else { return whole(request) };
    let file = packed_file(&request.path);
    let range = format!("Content-Range: bytes {start}-{}/{}", file.len() - 1, file.len());
    Reply { status: 206, ..Reply::ok(file[start..].to_vec()) }.header(&range)
}

/// A server in a thread of its own, which ends with the test program.
pub(super) struct Server {
    pub(super) url: String,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request with what `reply` makes of it.
    pub(super) fn start(reply: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&log);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if let Some(request) = Request::read(&stream) {
                    requests.lock().unwrap().push(request.clone());
                    reply(&request).send(stream);
                }
            }
        });
        Self { url, log }
    }

    /// All requests so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }
}
