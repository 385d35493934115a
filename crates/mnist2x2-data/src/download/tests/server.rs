//! As much of an HTTP server as the tests need: one request for each connection, one scripted reply.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::packed_file;

/// What the server was asked.
#[derive(Clone, Debug, Default)]
pub(in crate::download) struct Request {
    pub(in crate::download) path: String,
    /// First byte of the range, if one was asked for.
    pub(in crate::download) start: Option<usize>,
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
pub(in crate::download) struct Reply {
    status: u16,
    header: String,
    body: Vec<u8>,
    /// Bytes after which the connection is closed.
    cut: usize,
    /// How long it stays silent before it closes.
    pause: Duration,
}

impl Reply {
    pub(in crate::download) fn ok(body: Vec<u8>) -> Self {
        Self { status: 200, header: String::new(), cut: body.len(), body, pause: Duration::ZERO }
    }

    pub(in crate::download) fn status(status: u16) -> Self {
        Self { status, ..Self::ok(b"<p>no".to_vec()) }
    }

    pub(in crate::download) fn cut(self, cut: usize) -> Self {
        Self { cut, ..self }
    }

    pub(in crate::download) fn pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    pub(in crate::download) fn header(self, line: &str) -> Self {
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
pub(in crate::download) fn whole(request: &Request) -> Reply {
    Reply::ok(packed_file(&request.path))
}

/// The range that was asked for, or the whole file.
pub(in crate::download) fn part_of(request: &Request) -> Reply {
    let Some(start) = request.start else { return whole(request) };
    let file = packed_file(&request.path);
    let range = format!("Content-Range: bytes {start}-{}/{}", file.len() - 1, file.len());
    Reply { status: 206, ..Reply::ok(file[start..].to_vec()) }.header(&range)
}

/// A server in a thread of its own, which ends with the test program.
pub(in crate::download) struct Server {
    pub(in crate::download) url: String,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request with what `reply` makes of it.
    pub(in crate::download) fn start(reply: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
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
    pub(in crate::download) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }
}
