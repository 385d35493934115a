//! Many clients that want little, and take for ever.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Line, Program, millis};
use crate::load::{Body, Client, Load, post, requests};

/// Connections that send a byte of a header, or of a body, every second.
const SLOW_HEADERS: usize = 500;
const SLOW_BODIES: usize = 100;
/// When they are to be cut, and how much later than that they may notice.
const CUT: Duration = Duration::from_secs(10);
const NOTICED: Duration = Duration::from_secs(2);
/// The longest that another client may wait meanwhile.
const UNHINDERED: Duration = Duration::from_millis(200);
/// More connections than are allowed; and how soon those beyond are to be refused.
const CROWD: usize = 1_000;
const REFUSED: Duration = Duration::from_secs(1);

/// Clients that send a byte a second are cut, and others do not notice them.
pub(super) fn slow(binary: &Path) -> Result<Line> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(binary, &folder.path().join("store"))?;
    let body = post("/api/predict", "image/png", &[b'x'; 1000]);
    let begun = &body[..body.len() - 900];
    let begins = std::iter::repeat_n(&b"GET / HTTP/1.1\r\nX: "[..], SLOW_HEADERS);
    let begins = begins.chain(std::iter::repeat_n(begun, SLOW_BODIES));
    let streams = begins.map(|begin| opened(program.address, begin)).collect::<Result<Vec<_>>>()?;
    let requests = requests(Body::Strokes)?;
    let (cut, outcome) = thread::scope(|scope| {
        let slow = scope.spawn(|| time_to_cut(streams));
        let other =
            Load { connections: 1, duration: CUT, rate: Some(50.0), ..Load::new(program.address, &requests) };
        let outcome = other.run();
        (slow.join().expect("a client does not panic"), outcome)
    });
    let longest = outcome.answered.longest();
    Ok(Line {
        promise: "who sends a byte a second is cut after 10 s, and others wait at most 200 ms".into(),
        measured: format!(
            "{} slow clients, the last cut after {:.1} s; another waited {} at most",
            SLOW_HEADERS + SLOW_BODIES,
            cut.as_secs_f64(),
            millis(longest)
        ),
        met: cut <= CUT + NOTICED && longest <= UNHINDERED && outcome.errors.is_empty(),
    })
}

/// A connection on which this much has been sent.
fn opened(address: SocketAddr, begin: &[u8]) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(begin)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Sends a byte a second on each, and gives the time until the last has been cut.
fn time_to_cut(mut streams: Vec<TcpStream>) -> Duration {
    let begin = Instant::now();
    while !streams.is_empty() && begin.elapsed() < 2 * CUT {
        streams.retain_mut(|stream| {
            // An answer may come before the end.
            while matches!(stream.read(&mut [0; 512]), Ok(1..)) {}
            let is_closed = match stream.read(&mut [0]) {
                Ok(count) => count == 0,
                Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
            };
            !is_closed && stream.write_all(b"x").is_ok()
        });
        thread::sleep(Duration::from_secs(1));
    }
    begin.elapsed()
}

/// Connections beyond the allowed ones are refused, and not hung.
pub(super) fn too_many(binary: &Path) -> Result<Line> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(binary, &folder.path().join("store"))?;
    let mut longest = Duration::ZERO;
    let (mut held, mut refused) = (Vec::new(), 0);
    for _ in 0..CROWD {
        let mut client = Client::connect(program.address)?;
        let begin = Instant::now();
        let status =
            client.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").map(|answer| answer.status);
        longest = longest.max(begin.elapsed());
        match status {
            Ok(200) => held.push(client),
            // The refusal may be lost where it crosses what was sent.
            Ok(_) | Err(_) => refused += 1,
        }
    }
    let allowed = held.len();
    drop(held);
    thread::sleep(Duration::from_millis(500));
    let again = Client::connect(program.address)?
        .send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .is_ok_and(|answer| answer.status == 200);
    Ok(Line {
        promise: "connections beyond the allowed ones are refused at once".into(),
        measured: format!("{allowed} held, {refused} refused, the slowest in {}", millis(longest)),
        met: refused > 0 && longest <= REFUSED && again,
    })
}
