//! A client that costs little: one connection, requests written beforehand, and no more of HTTP than an answer's
//! status and length.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take before it counts as none.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most bytes of an answer's header.
const MOST_HEADER: usize = 16 << 10;

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
}

/// An answer, as it lies in the client's buffer.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    head: &'a str,
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// The value of a field of its header; `name` is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        field(self.head, name)
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, bytes: Vec::new() })
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.write(request)?;
        self.receive()
    }

    /// Sends a request.
    pub(crate) fn write(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)
    }

    /// Waits for the answer to what was sent.
    pub(crate) fn receive(&mut self) -> io::Result<Answer<'_>> {
        self.bytes.clear();
        let end = loop {
            if let Some(end) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if self.bytes.len() > MOST_HEADER {
                return Err(io::Error::other("the answer's header does not end"));
            }
            self.more()?;
        };
        let begin = end + 4;
        let head = text(&self.bytes[..end])?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("the answer has no status"))?;
        let length = field(head, "content-length").and_then(|length| length.parse().ok());
        let length: usize = length.ok_or_else(|| io::Error::other("the answer has no length"))?;
        while self.bytes.len() < begin + length {
            self.more()?;
        }
        Ok(Answer { status, head: text(&self.bytes[..end])?, body: &self.bytes[begin..begin + length] })
    }

    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 8192];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.bytes.extend_from_slice(&buffer[..count]);
        Ok(())
    }
}

fn text(bytes: &[u8]) -> io::Result<&str> {
    std::str::from_utf8(bytes).map_err(io::Error::other)
}

/// The value of a field of a header.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
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
        assert_eq!((first.status, first.body), (200, &b"first"[..]));
        let second = client.send(b"two").unwrap();
        assert_eq!((second.status, second.header("retry-after"), second.body), (503, Some("1"), &b""[..]));
        server.join().unwrap();
        assert!(client.send(b"more").is_err());
    }
}
