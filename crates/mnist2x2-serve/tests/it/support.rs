//! Servers with false readers, and a client that sends any bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mnist2x2_infer::{Alternative, CellReading, Reading};
use mnist2x2_serve::{
    Answer, Content, Error, Input, InputImage, ModelInfo, ReadOptions, Reader, Server, Settings, Stopper,
};
use serde_json::Value;

/// A reader that answers with the number of strokes in each cell, or the first digits of a picture's bytes.
///
/// A picture that begins with "panic", "slow" or "bad" has it do what it says.
pub(crate) struct Fake {
    pub(crate) info: ModelInfo,
    /// How long a batch takes.
    pub(crate) time: Duration,
    pub(crate) batches: Arc<Mutex<Vec<usize>>>,
}

impl Fake {
    pub(crate) fn new(digest: char) -> Self {
        let info = ModelInfo::new(digest.to_string().repeat(64), "a test", 2, 2);
        Self { info, time: Duration::ZERO, batches: Arc::default() }
    }
}

impl Reader for Fake {
    fn model(&self) -> &ModelInfo {
        &self.info
    }

    fn read(&self, batch: &[Input]) -> Vec<Result<Answer, Error>> {
        self.batches.lock().unwrap().push(batch.len());
        thread::sleep(self.time);
        batch.iter().map(read).collect()
    }
}

fn read(input: &Input) -> Result<Answer, Error> {
    match &input.content {
        Content::Drawing(drawing) => {
            let digits = drawing.cells.iter().map(|cell| char::from(b'0' + cell.len() as u8));
            Ok(answer(digits, input.options))
        }
        Content::Picture(bytes) if bytes.starts_with(b"panic") => panic!("as the test wants"),
        Content::Picture(bytes) if bytes.starts_with(b"bad") => Err(Error::Input("no picture".into())),
        Content::Picture(bytes) => {
            let slow = bytes.starts_with(b"slow");
            thread::sleep(Duration::from_millis(if slow { 300 } else { 0 }));
            Ok(answer("12_4".chars(), input.options))
        }
        _ => unreachable!("the tests send nothing else"),
    }
}

fn answer(digits: impl Iterator<Item = char>, options: ReadOptions) -> Answer {
    let cell = |digit: char| CellReading::new(digit.to_digit(10).map(|d| d as u8), 0.5);
    let cells = digits.map(cell).collect();
    let alternatives = vec![Alternative::new("____", 0.125)];
    let mut answer = Answer::from(Reading::new(cells, 0.25, alternatives));
    let image = InputImage { width: 2, height: 1, pixels: vec![0, 255] };
    answer.image = options.image.then_some(image);
    answer.attention = options.attention.then(|| vec![vec![0.75, 0.25]]);
    answer
}

/// A server that runs; it is stopped when it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) reports: Arc<Mutex<Vec<String>>>,
    pub(crate) stopper: Stopper,
    thread: Option<JoinHandle<usize>>,
}

/// A server on a free port of this machine, with a store, after `change`.
pub(crate) fn start(reader: impl Reader + 'static, change: impl FnOnce(&mut Settings)) -> Running {
    start_with(reader, |_| Err(Error::Model("there is no other".into())), change)
}

/// The same, with what gives the next reader.
pub(crate) fn start_with(
    reader: impl Reader + 'static,
    reload: impl Fn(Option<&str>) -> Result<Arc<dyn Reader>, Error> + Send + Sync + 'static,
    change: impl FnOnce(&mut Settings),
) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.address = "127.0.0.1:0".parse().unwrap();
    settings.store = Some(folder.path().join("store"));
    change(&mut settings);
    let reports = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&reports);
    let report = move |line: &str| lines.lock().unwrap().push(line.to_owned());
    let server = Server::bind(settings, Arc::new(reader), reload, report).unwrap();
    let (address, stopper) = (server.address(), server.stopper());
    let thread = Some(thread::spawn(move || server.run()));
    Running { address, folder, reports, stopper, thread }
}

impl Running {
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Waits for the end, and gives the connections that had to be cut.
    pub(crate) fn join(&mut self) -> usize {
        self.thread.take().unwrap().join().unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends bytes as they are and gives the answer.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Response {
        let mut stream = self.connect();
        // A server that has heard enough may close before all is sent.
        let _ = stream.write_all(bytes);
        receive(stream)
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        self.raw(&request(method, path, headers, body))
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn picture(&self, bytes: &[u8]) -> Response {
        self.send("POST", "/api/predict", &[("Content-Type", "image/png")], bytes)
    }

    pub(crate) fn json(&self, path: &str, body: &Value) -> Response {
        self.send("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// The value of a line of the figures.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("mnist2x2_{name} ")));
        line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A request after whose answer the connection is closed.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let headers: String = headers.iter().flat_map(|&(name, value)| [name, ": ", value, "\r\n"]).collect();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Reads an answer until the server closes; status 0 if there was none.
pub(crate) fn receive(mut stream: TcpStream) -> Response {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body = bytes.split_off((end + 4).min(bytes.len()));
    let body = if head.contains("transfer-encoding: chunked") { unchunked(&body) } else { body };
    Response { status, head, body }
}

/// The data of a chunked body, which must end as it should.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").expect("a chunk's size");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            return data;
        }
        data.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Demands a problem of this status and gives its detail.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{} {}", self.head, self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.head);
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        problem["detail"].as_str().unwrap().to_owned()
    }
}
