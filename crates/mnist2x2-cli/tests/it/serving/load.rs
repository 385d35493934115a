//! The server as a program under load and ill will.
//!
//! `cargo xtask stress` runs these tests for longer, and one at a time; then they hold the server to what is promised of
//! a machine that does nothing else. Beside other tests they allow it ten times as long.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mnist2x2_load::{Client, Load, Outcome, get, pictures, post, strokes};

use crate::server::{Server, stress_minutes, within};
use crate::support::Bench;

/// Memory that the program may keep after much to do, alone and beside other tests.
const MAX_GROWTH: u64 = 20 << 20;
const MAX_GROWTH_OF_EVERY_DAY: u64 = 200 << 20;
/// The share of a load that must have been answered for it to count as that load.
const ANSWERED: f64 = 0.95;
/// Under overload: an answer to what is accepted, the refusal of the rest, and word of the server's health.
const ACCEPTED: Duration = Duration::from_millis(250);
const REFUSED: Duration = Duration::from_millis(250);
const HEALTHY: Duration = Duration::from_millis(100);
/// After it, the time until all is as before, and what a reading takes then.
const NORMAL: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_millis(50);
/// When a client that sends a byte a second is cut, how much later it may notice, and how long others may wait meanwhile.
const CUT: Duration = Duration::from_secs(10);
const NOTICED: Duration = Duration::from_secs(2);
const UNHINDERED: Duration = Duration::from_millis(200);

fn start(bench: &Bench) -> Server {
    Server::start(bench, "--store store")
}

/// So many seconds of every day, or this share of the minutes that there are.
fn duration(seconds: f64, share: f64) -> Duration {
    Duration::from_secs_f64(stress_minutes().map_or(seconds, |minutes| 60.0 * minutes * share))
}

fn max_growth() -> u64 {
    if stress_minutes().is_some() { MAX_GROWTH } else { MAX_GROWTH_OF_EVERY_DAY }
}

fn millis(time: Duration) -> String {
    format!("{:.0} ms", 1e3 * time.as_secs_f64())
}

/// Demands that nothing failed. Beside other tests the model may have had no time to read.
fn assert_answered(outcome: &Outcome) {
    let is_fault = |error: &&String| stress_minutes().is_some() || !error.starts_with("504");
    assert_eq!(outcome.errors.iter().find(is_fault), None, "{outcome}");
}

/// Requests answered in a second when as many are sent as are answered. It also brings memory to where it stays.
fn capacity(address: SocketAddr, requests: &[Vec<u8>]) -> f64 {
    let seconds = if stress_minutes().is_some() { 5.0 } else { 0.5 };
    let outcome = Load { duration: Duration::from_secs_f64(seconds), ..Load::new(address, requests) }.run();
    assert_answered(&outcome);
    outcome.rate().max(1.0)
}

#[test]
fn under_load_nothing_fails_and_neither_memory_nor_descriptors_are_lost() {
    let bench = Bench::new();
    let server = start(&bench);
    let requests = strokes();
    let capacity = capacity(server.address, &requests);
    let (rate, before) = (0.7 * capacity, server.held());
    let duration = duration(0.5, 0.5);
    let outcome = Load { rate: Some(rate), duration, ..Load::new(server.address, &requests) }.run();
    thread::sleep(Duration::from_secs(1));
    let after = server.held();
    let grown = after.0.saturating_sub(before.0);
    assert_answered(&outcome);
    assert!(grown <= max_growth() && after.1 <= before.1, "{before:?} and then {after:?}");
    if stress_minutes().is_some() {
        // Less than was wanted proves less than is promised: the client had no time to send it, or the server to answer.
        assert!(outcome.refused.count() == 0 && outcome.rate() >= ANSWERED * rate, "{rate:.0}/s: {outcome}");
    }
    println!(
        "promise: under load, no error, memory within 20 MiB, no descriptor lost | 70 % of {capacity:.0}/s: \
         {outcome}; {:.1} MiB more, {} descriptors before, {} after",
        grown as f64 / f64::from(1 << 20),
        before.1,
        after.1
    );
}

#[test]
fn at_ten_times_the_capacity_what_is_accepted_is_answered_soon_and_the_rest_refused_at_once() {
    let bench = Bench::new();
    let server = start(&bench);
    // Pictures, because no client on the same machine can send ten times the strokes.
    let requests = pictures();
    let rate = 10.0 * capacity(server.address, &requests);
    let connections = if stress_minutes().is_some() { 512 } else { 64 };
    let (duration, rate) = (duration(0.5, 0.05).max(Duration::from_millis(500)), Some(rate));
    let burst = Load { address: server.address, requests: &requests, connections, duration, rate };
    let over = AtomicBool::new(false);
    let (outcome, health) = thread::scope(|scope| {
        let health = scope.spawn(|| slowest_health(server.address, &over));
        let outcome = burst.run();
        over.store(true, Ordering::Relaxed);
        (outcome, health.join().unwrap())
    });
    let normal = until_normal(server.address, &requests[0]);
    let [accepted, refused] = [&outcome.answered, &outcome.refused].map(|times| times.quantile(0.99));
    assert_answered(&outcome);
    assert!(accepted <= within(ACCEPTED) && refused <= within(REFUSED), "{outcome}");
    assert!(
        health <= within(HEALTHY) && normal <= within(NORMAL),
        "health {health:?}, normal after {normal:?}"
    );
    assert!(outcome.refused.count() > 0 || stress_minutes().is_none(), "{outcome}");
    let offered = (outcome.answered.count() + outcome.refused.count()) as f64 / outcome.time.as_secs_f64();
    println!(
        "promise: at ten times the capacity: accepted p99 250 ms, the rest 503, health 100 ms, normal after 2 s | \
         {:.0}/s wanted, {offered:.0}/s sent: {outcome}; health {}, normal after {}",
        rate.unwrap_or_default(),
        millis(health),
        millis(normal)
    );
}

/// The slowest answer about its health until it is over.
fn slowest_health(address: SocketAddr, over: &AtomicBool) -> Duration {
    let (mut client, mut slowest) = (Client::connect(address).unwrap(), Duration::ZERO);
    while !over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        assert_eq!(client.send(&get("/healthz")).unwrap().status, 200);
        slowest = slowest.max(begin.elapsed());
        thread::sleep(Duration::from_millis(20));
    }
    slowest
}

/// The time until a picture is read as quickly as ever.
fn until_normal(address: SocketAddr, request: &[u8]) -> Duration {
    let (begin, mut client) = (Instant::now(), Client::connect(address).unwrap());
    loop {
        let sent = Instant::now();
        let status = client.send(request).unwrap().status;
        if (status == 200 && sent.elapsed() <= within(SOON)) || begin.elapsed() > within(NORMAL) {
            return begin.elapsed();
        }
    }
}

#[test]
fn bad_requests_get_a_problem_and_cost_no_memory() {
    let bench = Bench::new();
    let server = start(&bench);
    let bad = [
        post("/api/predict", "image/png", b"no picture"),
        post("/api/predict", "image/png", &png_bomb()),
        post("/api/predict", "text/plain", b"{}"),
        post("/api/predict", "application/json", &b"[".repeat(100_000)),
        post("/api/predict", "application/json", b"{\"cells\": [], \"width\": 1, \"height\": 1}"),
        post("/api/corrections", "application/json", b"{\"key\": \"a b\"}"),
        post("/api/nothing", "application/json", b"{}"),
    ];
    let rounds = stress_minutes().map_or(20, |minutes| (500.0 * minutes) as usize + 1);
    let mut client = Client::connect(server.address).unwrap();
    let mut before = 0;
    for round in 0..rounds {
        for request in &bad {
            let answer = client.send(request).unwrap();
            assert!((400..500).contains(&answer.status), "{answer:?}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
        if round == rounds / 10 {
            before = server.held().0;
        }
    }
    let grown = server.held().0.saturating_sub(before);
    assert!(grown <= max_growth(), "{grown} bytes more");
    println!(
        "promise: bad requests get a 4xx and a problem, and cost no memory | {} sent, none answered otherwise, \
         {} KiB more",
        rounds * bad.len(),
        grown >> 10
    );
}

/// A small file that claims to be a picture of 30,000 x 30,000 pixels.
fn png_bomb() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(1, 1).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let mut bytes = bytes.into_inner();
    bytes[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    bytes
}

#[test]
fn clients_that_send_a_byte_a_second_are_cut_and_others_do_not_notice() {
    let (headers, bodies) = if stress_minutes().is_some() { (500, 100) } else { (10, 5) };
    let bench = Bench::new();
    let server = start(&bench);
    let body = post("/api/predict", "image/png", &[b'x'; 1000]);
    let begins = std::iter::repeat_n(&b"GET / HTTP/1.1\r\nX: "[..], headers);
    let begins = begins.chain(std::iter::repeat_n(&body[..body.len() - 900], bodies));
    let slow: Vec<TcpStream> = begins.map(|begin| opened(server.address, begin)).collect();
    let requests = strokes();
    let (cut, others) = thread::scope(|scope| {
        let cut = scope.spawn(|| time_to_cut(slow));
        let (connections, duration, rate) = (1, CUT, Some(50.0));
        let others = Load { address: server.address, requests: &requests, connections, duration, rate }.run();
        (cut.join().unwrap(), others)
    });
    let longest = others.answered.longest();
    assert!(cut <= CUT + within(NOTICED), "the last cut after {cut:?}");
    assert_answered(&others);
    assert!(longest <= within(UNHINDERED), "{others}");
    println!(
        "promise: a client that sends a byte a second is cut after 10 s, and others wait at most 200 ms | {} slow \
         clients, the last cut after {:.1} s; another waited {} at most",
        headers + bodies,
        cut.as_secs_f64(),
        millis(longest)
    );
}

/// A connection on which this much has been sent.
fn opened(address: SocketAddr, begin: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(begin).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

/// Sends a byte a second on each, and gives the time until the last has been cut.
fn time_to_cut(mut streams: Vec<TcpStream>) -> Duration {
    let begin = Instant::now();
    while !streams.is_empty() {
        assert!(begin.elapsed() < 4 * CUT, "{} never cut", streams.len());
        streams.retain_mut(|stream| {
            // An answer may come before the end.
            while matches!(stream.read(&mut [0; 512]), Ok(1..)) {}
            let is_closed = match stream.read(&mut [0]) {
                Ok(count) => count == 0,
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            };
            !is_closed && stream.write_all(b"x").is_ok()
        });
        thread::sleep(Duration::from_secs(1));
    }
    begin.elapsed()
}

#[test]
fn connections_beyond_the_allowed_ones_are_refused_at_once() {
    let (descriptors, crowd) = if stress_minutes().is_some() { (1024, 1000) } else { (48, 60) };
    let bench = Bench::new();
    let server = Server::start_after(&bench, &format!("ulimit -n {descriptors}"), "--store store");
    let (mut held, mut refused, mut longest) = (Vec::new(), 0, Duration::ZERO);
    for _ in 0..crowd {
        let mut client = Client::connect(server.address).unwrap();
        let begin = Instant::now();
        let is_answered = client.send(&get("/healthz")).is_ok_and(|answer| answer.status == 200);
        longest = longest.max(begin.elapsed());
        // The refusal may be lost where it crosses what was sent.
        if is_answered { held.push(client) } else { refused += 1 }
    }
    let allowed = held.len();
    drop(held);
    let begin = Instant::now();
    while !Client::connect(server.address)
        .unwrap()
        .send(&get("/healthz"))
        .is_ok_and(|answer| answer.status == 200)
    {
        assert!(begin.elapsed() < within(SOON * 10), "it does not recover");
        thread::sleep(SOON);
    }
    assert!(
        refused > 0 && longest <= within(Duration::from_secs(1)),
        "{refused} refused, one in {longest:?}"
    );
    println!(
        "promise: connections beyond the allowed ones are refused at once | {allowed} held, {refused} refused, the \
         slowest in {}",
        millis(longest)
    );
}
