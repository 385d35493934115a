//! The end, while there is much to do.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::{Line, Program};
use crate::load::{Body, Client, requests};

/// Requests that have been accepted when it is told to stop.
const ACCEPTED: usize = 64;
/// Within which it must have ended.
const END: Duration = Duration::from_secs(10);

/// Told to stop, it answers what it has accepted, and ends even with a client that is stuck.
pub(super) fn under_load(binary: &Path) -> Result<Line> {
    let folder = tempfile::tempdir()?;
    let mut program = Program::start(binary, &folder.path().join("store"))?;
    let requests = requests(Body::Png)?;
    let mut stuck = TcpStream::connect(program.address)?;
    stuck.write_all(b"POST /api/predict HTTP/1.1\r\nHost: local")?;
    let mut clients =
        (0..ACCEPTED).map(|_| Client::connect(program.address)).collect::<Result<Vec<_>, _>>()?;
    for (client, request) in clients.iter_mut().zip(requests.iter().cycle()) {
        client.write(request)?;
    }
    // Long enough to be accepted, too short to be read.
    thread::sleep(Duration::from_millis(20));
    let answers = thread::spawn(move || {
        clients.iter_mut().filter_map(|client| client.receive().ok().map(|answer| answer.status)).collect()
    });
    let (status, time) = program.stop(2 * END)?;
    let answers: Vec<u16> = answers.join().expect("a client does not panic");
    let ended_well = status.is_some_and(|status| status.success());
    let is_answer = |status: &&u16| matches!(status, 200 | 503);
    let answered = answers.iter().filter(is_answer).count();
    Ok(Line {
        promise: "told to stop under load, it answers what it accepted and ends within 10 s".into(),
        measured: format!(
            "{answered} of {ACCEPTED} answered, ended {} after {:.1} s",
            if ended_well { "well" } else { "badly" },
            time.as_secs_f64()
        ),
        met: answered == ACCEPTED && ended_well && time <= END,
    })
}
