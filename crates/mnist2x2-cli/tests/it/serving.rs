//! The server as a program: killed, starved, loaded and stopped.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mnist2x2::corrections::Store;
use mnist2x2::random::Random;
use serde_json::json;

use crate::support::Bench;

const CLIENTS: usize = 16;
const POSTS: usize = 300;
const KILLS: u64 = 5;
/// Ten times what is promised for an idle machine.
const STOPPED: Duration = Duration::from_secs(100);

struct Server {
    child: Child,
    address: SocketAddr,
}

/// Starts the program with at most so many files and sockets.
fn start(bench: &Bench, descriptors: usize) -> Server {
    start_after(bench, &format!("ulimit -n {descriptors}"))
}

/// Starts the program in a shell that has done this.
fn start_after(bench: &Bench, limits: &str) -> Server {
    let program = env!("CARGO_BIN_EXE_mnist2x2");
    let line = format!("{limits}; exec '{program}' serve --addr 127.0.0.1:0 --store store");
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(bench.path("")).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    let address = said.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    Server { child, address: address.parse().unwrap_or_else(|_| panic!("{said}")) }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Sends a request on a connection of its own and gives the status of the answer.
fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::other("no answer"))
}

fn key(number: usize) -> String {
    format!("post-{number}")
}

/// Sends a correction until it is acknowledged.
fn keep(number: usize, address: &Mutex<SocketAddr>) {
    let strokes = json!({ "cells": [[[[1, 2], [3, 4]]], [], [], []], "width": 9, "height": 9 });
    let correction = json!({ "key": key(number), "model": "a".repeat(64), "read": "1234", "right": "1235",
        "strokes": strokes });
    let post = || {
        ask(*address.lock().unwrap(), "POST", "/api/corrections", &correction.to_string()).unwrap_or_default()
    };
    while !matches!(post(), 200 | 201) {
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_correction_that_was_acknowledged_is_there_once_whenever_the_server_is_killed() {
    let bench = Bench::new();
    let mut server = start(&bench, 1024);
    let (address, next) = (Mutex::new(server.address), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&n| n < POSTS) {
                    keep(number, &address);
                }
            });
        }
        for kill in 0..KILLS {
            let millis = Random::keyed(1, "kill", 0, kill).below(150);
            thread::sleep(Duration::from_millis(millis.into()));
            server.child.kill().unwrap();
            server.child.wait().unwrap();
            server = start(&bench, 1024);
            *address.lock().unwrap() = server.address;
        }
    });
    drop(server);
    let store = Store::open(&bench.path("store")).unwrap();
    store.check().unwrap();
    for number in 0..POSTS {
        assert!(store.get(&key(number)).unwrap().is_some(), "{number} was acknowledged");
    }
    assert_eq!(store.count().unwrap(), POSTS as u64, "each once");
}

#[test]
fn a_store_that_cannot_grow_takes_no_more_and_loses_nothing() {
    let bench = Bench::new();
    // What would make a file larger than this fails, as on a full disk.
    let server = start_after(&bench, "trap '' XFSZ; ulimit -f 300");
    let points: Vec<[i32; 2]> = (0..2000).map(|n| [n % 9, n % 7]).collect();
    let strokes = json!({ "cells": [[points], [], [], []], "width": 9, "height": 9 });
    let post = |number: usize| {
        let correction = json!({ "key": key(number), "model": "a".repeat(64), "read": "1234", "right": "1235",
            "strokes": strokes });
        ask(server.address, "POST", "/api/corrections", &correction.to_string()).unwrap()
    };
    let kept = (0..1000).take_while(|&number| post(number) == 201).count();
    assert!((1..1000).contains(&kept), "{kept} kept");
    assert_eq!(post(kept), 503);
    assert_eq!(ask(server.address, "POST", "/api/predict", &strokes.to_string()).unwrap(), 200);
    assert_eq!(ask(server.address, "GET", "/readyz", "").unwrap(), 200);
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
    assert_ne!(ask(server.address, "GET", "/healthz", "").unwrap_or(503), 200);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    drop(held);
    while ask(server.address, "GET", "/healthz", "").unwrap_or_default() != 200 {
        assert!(begin.elapsed() < Duration::from_secs(30), "it does not recover");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_stop_under_load_ends_well_and_in_time_even_with_a_stuck_client() {
    let bench = Bench::new();
    let mut server = start(&bench, 1024);
    let address = server.address;
    let mut stuck = TcpStream::connect(address).unwrap();
    stuck.write_all(b"POST /api/predict HTTP/1.1\r\nHost: local").unwrap();
    let drawing = json!({ "cells": [[[[1, 2], [3, 4]]], [], [], []], "width": 9, "height": 9 }).to_string();
    thread::scope(|scope| {
        for _ in 0..8 {
            // Until the server has gone. So few may wait in any case: what is answered is read, and never refused.
            scope.spawn(|| {
                while let Ok(status) = ask(address, "POST", "/api/predict", &drawing) {
                    assert_eq!(status, 200);
                }
            });
        }
        thread::sleep(Duration::from_millis(300));
        let begin = Instant::now();
        Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap();
        let status = server.child.wait().unwrap();
        assert!(status.success() && begin.elapsed() < STOPPED, "{status} after {:?}", begin.elapsed());
    });
}

/// Kilobytes of memory, files and sockets of a process.
#[cfg(target_os = "linux")]
fn held(server: &Server) -> (u64, usize) {
    let folder = std::path::PathBuf::from(format!("/proc/{}", server.child.id()));
    let status = std::fs::read_to_string(folder.join("status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let memory = memory.split_whitespace().next().unwrap().parse().unwrap();
    (memory, std::fs::read_dir(folder.join("fd")).unwrap().count())
}

#[cfg(target_os = "linux")]
#[test]
fn load_leaves_neither_memory_nor_descriptors_behind() {
    let bench = Bench::new();
    let server = start(&bench, 1024);
    let drawing = json!({ "cells": [[[[1, 2], [3, 4]]], [], [], []], "width": 9, "height": 9 }).to_string();
    let load = || {
        thread::scope(|scope| {
            for _ in 0..8 {
                let read = || ask(server.address, "POST", "/api/predict", &drawing).unwrap();
                scope.spawn(move || (0..60).for_each(|_| assert_eq!(read(), 200)));
            }
        });
        thread::sleep(Duration::from_millis(200));
        held(&server)
    };
    let (before, after) = (load(), load());
    assert!(after.0 <= before.0 + 200_000, "{before:?} and then {after:?}");
    assert!(after.1 <= before.1, "{before:?} and then {after:?}");
}
