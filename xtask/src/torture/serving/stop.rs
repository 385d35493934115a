//! The end, while there is much to do.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Line, Program};
use crate::load::{Body, Client, requests};

/// Clients that send one request after another: as many as may wait at the server in any case, so that none is refused.
const CLIENTS: usize = 32;
/// How long they have done so when it is told to stop.
const BEFORE: Duration = Duration::from_secs(1);
/// Within which it must have ended.
const END: Duration = Duration::from_secs(10);
/// What it says when it answered all that it had accepted: only the client that is stuck is cut.
const LAST_WORDS: &str = "stopped; connections cut: 1";

/// Told to stop, it reads what it has accepted, and ends even with a client that is stuck.
pub(super) fn under_load(binary: &Path) -> Result<Line> {
    let folder = tempfile::tempdir()?;
    let mut program = Program::start(binary, &folder.path().join("store"))?;
    let requests = requests(Body::Png)?;
    let mut stuck = TcpStream::connect(program.address)?;
    stuck.write_all(b"POST /api/predict HTTP/1.1\r\nHost: local")?;
    let address = program.address;
    let (told, ended, answers) = thread::scope(|scope| {
        let requests = requests.iter().cycle().take(CLIENTS);
        let clients: Vec<_> = requests.map(|request| scope.spawn(|| answers(address, request))).collect();
        thread::sleep(BEFORE);
        let (told, ended) = (Instant::now(), program.stop(2 * END));
        let answers = clients.into_iter().flat_map(|client| client.join().expect("a client does not panic"));
        (told, ended, answers.collect::<Vec<_>>())
    });
    let (status, time) = ended?;
    let ended_well = status.is_some_and(|status| status.success());
    let read = answers.iter().filter(|(_, status)| *status == 200).count();
    let after = answers.iter().filter(|(time, _)| *time > told).count();
    let last_words = program.last_words();
    Ok(Line {
        promise: "told to stop under load, it reads what it accepted and ends within 10 s".into(),
        measured: format!(
            "{read} of {} answers are readings, {after} came after the word; ended {} after {:.1} s: {last_words}",
            answers.len(),
            if ended_well { "well" } else { "badly" },
            time.as_secs_f64()
        ),
        met: read == answers.len() && after > 0 && ended_well && time <= END && last_words == LAST_WORDS,
    })
}

/// Sends a request again and again until the server closes; gives when each answer came, and its status.
fn answers(address: SocketAddr, request: &[u8]) -> Vec<(Instant, u16)> {
    let Ok(mut client) = Client::connect(address) else { return Vec::new() };
    let answer = || client.send(request).ok().map(|answer| (Instant::now(), answer.status));
    std::iter::from_fn(answer).collect()
}
