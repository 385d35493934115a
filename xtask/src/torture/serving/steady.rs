//! Much to do for a long time, and more than can be done.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{Line, MOST_GROWTH, Program, millis};
use crate::load::{Body, Client, Load, post, requests};

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// How long the capacity is measured, which also brings memory to where it stays.
const MEASURED: Duration = Duration::from_secs(5);
/// The share of a load that must have been answered for it to count as that load.
const SENT: f64 = 0.95;
/// Within what time is promised: an answer to what is accepted, the refusal of the rest, and word of the server's health.
const ACCEPTED: Duration = Duration::from_millis(250);
const AT_ONCE: Duration = Duration::from_millis(250);
const HEALTHY: Duration = Duration::from_millis(100);
/// After an overload, the time until all is as before, and what a reading takes then.
const NORMAL: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_millis(50);

/// 70 % of what it can do, for a long time.
pub(super) fn load(binary: &Path, time: Duration) -> Result<Line> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(binary, &folder.path().join("store"))?;
    let requests = requests(Body::Strokes)?;
    let capacity = capacity(program.address, &requests)?;
    let before = (program.memory(), program.descriptors());
    let rate = 0.7 * capacity;
    let outcome = Load { rate: Some(rate), duration: time, ..Load::new(program.address, &requests) }.run();
    thread::sleep(Duration::from_secs(1));
    let after = (program.memory(), program.descriptors());
    let grown = after.0.saturating_sub(before.0);
    Ok(Line {
        promise: "under load, no error, memory within 20 MiB, no descriptor lost".into(),
        measured: format!(
            "70 % of {capacity:.0}/s: {outcome}; {:.1} MiB more, {} descriptors before, {} after",
            grown as f64 / f64::from(1 << 20),
            before.1,
            after.1
        ),
        // Less than was wanted proves less than is promised: the client had no time to send it, or the server to answer.
        met: outcome.errors.is_empty()
            && outcome.refused.count() == 0
            && outcome.rate() >= SENT * rate
            && grown <= MOST_GROWTH
            && after.1 <= before.1,
    })
}

/// Requests answered in a second when as many are sent as are answered.
fn capacity(address: SocketAddr, requests: &[Vec<u8>]) -> Result<f64> {
    let outcome = Load { duration: MEASURED, ..Load::new(address, requests) }.run();
    match outcome.errors.first() {
        Some(error) => bail!("the server fails under an ordinary load: {error}"),
        None => Ok(outcome.rate()),
    }
}

/// Ten times what it can do.
pub(super) fn overload(binary: &Path, time: Duration) -> Result<Line> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(binary, &folder.path().join("store"))?;
    // Pictures, because no client on the same machine can send ten times the strokes.
    let requests = requests(Body::Png)?;
    let rate = 10.0 * capacity(program.address, &requests)?;
    let burst = Load {
        connections: 512,
        duration: time.max(MEASURED),
        rate: Some(rate),
        ..Load::new(program.address, &requests)
    };
    let over = AtomicBool::new(false);
    let (outcome, health) = thread::scope(|scope| {
        let health = scope.spawn(|| slowest_health(program.address, &over));
        let outcome = burst.run();
        over.store(true, Ordering::Relaxed);
        (outcome, health.join().expect("a client does not panic"))
    });
    let (health, normal) = (health?, until_normal(program.address, &requests[0])?);
    let offered = (outcome.answered.count() + outcome.refused.count()) as f64 / outcome.time.as_secs_f64();
    let kept = [
        outcome.errors.is_empty() && outcome.refused.count() > 0,
        outcome.answered.quantile(0.99) <= ACCEPTED,
        outcome.refused.quantile(0.99) <= AT_ONCE,
        health <= HEALTHY && normal <= NORMAL,
    ];
    Ok(Line {
        promise:
            "at ten times the capacity: accepted p99 250 ms, the rest 503, health 100 ms, normal after 2 s"
                .into(),
        measured: format!(
            "{rate:.0}/s wanted, {offered:.0}/s sent: {outcome}; health {}, normal after {}",
            millis(health),
            millis(normal)
        ),
        met: kept == [true; 4],
    })
}

/// The slowest answer about its health until it is over.
fn slowest_health(address: SocketAddr, over: &AtomicBool) -> Result<Duration> {
    let (mut client, mut slowest) = (Client::connect(address)?, Duration::ZERO);
    while !over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        let status = client.send(HEALTH)?.status;
        if status != 200 {
            bail!("/healthz answers {status}");
        }
        slowest = slowest.max(begin.elapsed());
        thread::sleep(Duration::from_millis(20));
    }
    Ok(slowest)
}

/// The time until a picture is read as quickly as ever.
fn until_normal(address: SocketAddr, request: &[u8]) -> Result<Duration> {
    let (begin, mut client) = (Instant::now(), Client::connect(address)?);
    loop {
        let sent = Instant::now();
        let status = client.send(request)?.status;
        if (status == 200 && sent.elapsed() <= SOON) || begin.elapsed() > 5 * NORMAL {
            return Ok(begin.elapsed());
        }
    }
}

/// Requests that are wrong, over and over.
pub(super) fn bad_requests(binary: &Path, rounds: usize) -> Result<Line> {
    let folder = tempfile::tempdir()?;
    let program = Program::start(binary, &folder.path().join("store"))?;
    let bad = [
        post("/api/predict", "image/png", b"no picture"),
        post("/api/predict", "image/png", &png_bomb()?),
        post("/api/predict", "text/plain", b"{}"),
        post("/api/predict", "application/json", &b"[".repeat(100_000)),
        post("/api/predict", "application/json", b"{\"cells\": [], \"width\": 1, \"height\": 1}"),
        post("/api/corrections", "application/json", b"{\"key\": \"a b\"}"),
        post("/api/nothing", "application/json", b"{}"),
    ];
    let mut client = Client::connect(program.address)?;
    let mut wrong = 0;
    let mut before = 0;
    for round in 0..rounds {
        for request in &bad {
            let answer = client.send(request)?;
            let is_problem = answer.header("content-type") == Some("application/problem+json");
            wrong += usize::from(!(400..500).contains(&answer.status) || !is_problem);
        }
        if round == rounds / 10 {
            before = program.memory();
        }
    }
    let grown = program.memory().saturating_sub(before);
    Ok(Line {
        promise: "bad requests get a 4xx and a problem, and cost no memory".into(),
        measured: format!(
            "{} sent, {wrong} answered otherwise, {} KiB more",
            rounds * bad.len(),
            grown >> 10
        ),
        met: wrong == 0 && grown <= MOST_GROWTH,
    })
}

/// A small file that claims to be a picture of 30,000 x 30,000 pixels.
fn png_bomb() -> Result<Vec<u8>> {
    let picture = image::GrayImage::new(1, 1);
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png)?;
    let mut bytes = bytes.into_inner();
    bytes[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    Ok(bytes)
}
