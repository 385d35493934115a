//! A client that costs little: one connection, requests written beforehand, and no more of HTTP than it needs.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use httparse::Status;

/// How long an answer may take before it counts as none.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most fields, and the most bytes, of an answer's header.
const MAX_FIELDS: usize = 32;
const MAX_HEADER: usize = 16 << 10;

/// A request without a body.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into()
}

/// A request with a body.
pub fn post(path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Such as 200.
    pub status: u16,
    fields: Vec<(String, String)>,
    /// What follows the header.
    pub body: Vec<u8>,
}

impl Client {
    /// Connects, within 20 seconds.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, bytes: Vec::new() })
    }

    /// Sends a request and waits for its answer, 20 seconds for each piece of it.
    ///
    /// # Errors
    /// The connection breaks, the answer takes too long, or it is no HTTP/1.1 with a length.
    pub fn send(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request)?;
        self.bytes.clear();
        loop {
            let mut buffer = [0; 8192];
            let count = self.stream.read(&mut buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.bytes.extend_from_slice(&buffer[..count]);
            if let Some(answer) = Answer::parse(&self.bytes)? {
                return Ok(answer);
            }
        }
    }
}

impl Answer {
    /// The answer in `bytes`; `None` if it is not whole yet.
    fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let Status::Complete(begin) = head.parse(bytes).map_err(io::Error::other)? else {
            let is_endless = bytes.len() > MAX_HEADER;
            return if is_endless {
                Err(io::Error::other("the answer's header does not end"))
            } else {
                Ok(None)
            };
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields =
            head.headers.iter().map(|field| (field.name.to_lowercase(), text(field.value))).collect();
        let mut answer = Self { status: head.code.unwrap_or_default(), fields, body: Vec::new() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok());
        let length: usize = length.ok_or_else(|| io::Error::other("the answer has no length"))?;
        let Some(body) = bytes[begin..].get(..length) else { return Ok(None) };
        answer.body = body.to_vec();
        Ok(Some(answer))
    }

    /// The value of a field of its header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn answers_are_told_apart_by_their_length() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for (question, answer) in [
                (&b"one"[..], &b"HTTP/1.1 200 OK\r\nContent-LENGTH: 5\r\n\r\nfirst"[..]),
                (b"two", b"HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"),
            ] {
                let mut asked = [0; 3];
                stream.read_exact(&mut asked).unwrap();
                assert_eq!(asked, question);
                let (begin, rest) = answer.split_at(30);
                stream.write_all(begin).unwrap();
                thread::sleep(Duration::from_millis(20));
                stream.write_all(rest).unwrap();
            }
        });
        let mut client = Client::connect(address).unwrap();
        let first = client.send(b"one").unwrap();
        assert_eq!((first.status, &first.body[..]), (200, &b"first"[..]));
        let second = client.send(b"two").unwrap();
        assert_eq!(
            (second.status, second.header("retry-after"), &second.body[..]),
            (503, Some("1"), &b""[..])
        );
        server.join().unwrap();
        assert!(client.send(b"more").is_err());
    }
}
