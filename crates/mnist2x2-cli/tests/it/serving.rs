//! The server as a program: killed, starved, stopped.

/// Under load and ill will.
mod load;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mnist2x2::corrections::Store;
use mnist2x2_load::{Client, get, pictures, post};
use serde_json::{Value, json};

use crate::server::{Server, ask, stress_minutes, within};
use crate::support::Bench;

const CLIENTS: usize = 16;
/// Corrections and kills of every day, and in 20 minutes.
const POSTS_AND_KILLS: [usize; 2] = [300, 5];
const MANY_POSTS_AND_KILLS: [f64; 2] = [10_000.0, 100.0];
/// The time to stop in.
const STOPPED: Duration = Duration::from_secs(10);

/// Starts the program with at most so many files and sockets.
fn start(bench: &Bench, descriptors: usize) -> Server {
    Server::start_after(bench, &format!("ulimit -n {descriptors}"), "--store store")
}

fn key(number: usize) -> String {
    format!("post-{number}")
}

fn correction(number: usize, points: &Value) -> Vec<u8> {
    let strokes = json!({ "cells": [[points], [], [], []], "width": 9, "height": 9 });
    let correction = json!({ "key": key(number), "model": "a".repeat(64), "read": "1234", "right": "1235",
        "strokes": strokes });
    post("/api/corrections", "application/json", correction.to_string().as_bytes())
}

fn drawing(points: &Value) -> Vec<u8> {
    let drawing = json!({ "cells": [[points], [], [], []], "width": 9, "height": 9 });
    post("/api/predict", "application/json", drawing.to_string().as_bytes())
}

/// Sends a correction until it is acknowledged, and gives how often that was.
fn keep(number: usize, address: &Mutex<SocketAddr>, client: &mut Option<Client>) -> usize {
    let request = correction(number, &json!([[1, 2], [3, 4]]));
    for tries in 1.. {
        if client.is_none() {
            *client = Client::connect(*address.lock().unwrap()).ok();
        }
        match client.as_mut().and_then(|client| client.send(&request).ok()) {
            Some(answer) if matches!(answer.status, 200 | 201) => return tries,
            Some(_) => {}
            None => *client = None,
        }
        thread::sleep(Duration::from_millis(5));
    }
    unreachable!("it is tried for ever")
}

#[test]
fn a_correction_that_was_acknowledged_is_there_once_whenever_the_server_is_killed() {
    let many = |minutes: f64| MANY_POSTS_AND_KILLS.map(|count| (count * minutes / 20.0).ceil() as usize);
    let [posts, kills] = stress_minutes().map_or(POSTS_AND_KILLS, many);
    let bench = Bench::new();
    let mut server = start(&bench, 1024);
    let (address, next) = (Mutex::new(server.address), AtomicUsize::new(0));
    let (sent, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = None;
                while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&n| n < posts) {
                    sent.fetch_add(keep(number, &address, &mut client), Ordering::Relaxed);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for kill in 1..=kills {
            // Spread over all posts, at any point of one.
            while done.load(Ordering::Relaxed) < kill * posts / (kills + 1) {
                thread::sleep(Duration::from_micros(700));
            }
            server.kill();
            server = start(&bench, 1024);
            *address.lock().unwrap() = server.address;
        }
    });
    drop(server);
    let store = Store::open(&bench.path("store")).unwrap();
    store.check().unwrap();
    for number in 0..posts {
        assert!(store.get(&key(number)).unwrap().is_some(), "{number} was acknowledged");
    }
    assert_eq!(store.count().unwrap(), posts as u64, "each once");
    println!(
        "promise: an acknowledged correction is there exactly once, whenever the server is killed | \
         {posts} acknowledged after {} posts and {kills} kills: {posts} there",
        sent.into_inner()
    );
}

#[test]
fn a_store_that_cannot_grow_takes_no_more_and_loses_nothing() {
    let bench = Bench::new();
    // What would make a file larger than this fails, as on a full disk.
    let server = Server::start_after(&bench, "trap '' XFSZ; ulimit -f 300", "--store store");
    let points = json!((0..2000).map(|n| [n % 9, n % 7]).collect::<Vec<_>>());
    let post = |number: usize| ask(server.address, &correction(number, &points)).unwrap();
    let kept = (0..1000).take_while(|&number| post(number) == 201).count();
    assert!((1..1000).contains(&kept), "{kept} kept");
    assert_eq!(post(kept), 503);
    assert_eq!(ask(server.address, &drawing(&points)).unwrap(), 200);
    assert_eq!(ask(server.address, &get("/readyz")).unwrap(), 200);
    drop(server);
    let store = Store::open(&bench.path("store")).unwrap();
    store.check().unwrap();
    assert!((0..kept).all(|number| store.get(&key(number)).unwrap().is_some()));
}

#[test]
fn connections_for_which_there_are_no_descriptors_are_refused_and_not_hung() {
    let bench = Bench::new();
    let server = start(&bench, 48);
    let held: Vec<_> = (0..60).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    let begin = Instant::now();
    // Refused with a status, or closed before it was heard.
    assert_ne!(ask(server.address, &get("/healthz")).unwrap_or(503), 200);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    drop(held);
    while ask(server.address, &get("/healthz")).unwrap_or_default() != 200 {
        assert!(begin.elapsed() < Duration::from_secs(30), "it does not recover");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_stop_under_load_ends_well_and_in_time_even_with_a_stuck_client() {
    // So few may wait at the server in any case: what is answered is read, and never refused.
    let (clients, before) = (8, if stress_minutes().is_some() { 1000 } else { 300 });
    let bench = Bench::new();
    let mut server = start(&bench, 1024);
    let address = server.address;
    let mut stuck = TcpStream::connect(address).unwrap();
    stuck.write_all(b"POST /api/predict HTTP/1.1\r\nHost: local").unwrap();
    let requests = pictures();
    // Sends one request after another until the server has gone; gives when each was answered.
    let answered = |request: &[u8]| {
        let mut client = Client::connect(address).unwrap();
        let mut times = Vec::new();
        while let Ok(answer) = client.send(request) {
            assert_eq!(answer.status, 200);
            times.push(Instant::now());
        }
        times
    };
    let (begin, time, times) = thread::scope(|scope| {
        let requests = requests.iter().cycle().take(clients);
        let clients: Vec<_> = requests.map(|request| scope.spawn(|| answered(request))).collect();
        thread::sleep(Duration::from_millis(before));
        let begin = Instant::now();
        Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap();
        let status = server.child.wait().unwrap();
        let time = begin.elapsed();
        assert!(status.success() && time < within(STOPPED), "{status} after {time:?}");
        (begin, time, clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>())
    });
    let (after, last_words) = (times.iter().filter(|time| **time > begin).count(), server.last_words());
    if stress_minutes().is_some() {
        assert!(after > 0, "nothing was accepted and not yet answered");
        assert_eq!(last_words, "stopped; connections cut: 1", "only who is stuck is cut");
    }
    println!(
        "promise: told to stop under load, it reads what it accepted and ends within 10 s | {} answers are \
         readings, {after} came after the word; ended after {:.1} s: {last_words}",
        times.len(),
        time.as_secs_f64()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn load_leaves_neither_memory_nor_descriptors_behind() {
    let bench = Bench::new();
    let server = start(&bench, 1024);
    let drawing = drawing(&json!([[1, 2], [3, 4]]));
    let load = || {
        thread::scope(|scope| {
            for _ in 0..8 {
                let read = || ask(server.address, &drawing).unwrap();
                scope.spawn(move || (0..60).for_each(|_| assert_eq!(read(), 200)));
            }
        });
        thread::sleep(Duration::from_millis(200));
        server.held()
    };
    let (before, after) = (load(), load());
    assert!(after.0 <= before.0 + (200_000 << 10), "{before:?} and then {after:?}");
    assert!(after.1 <= before.1, "{before:?} and then {after:?}");
}
