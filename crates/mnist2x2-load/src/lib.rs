//! Load on a server of drawings: as many requests as it answers, or as many a second as one wants, over connections
//! that are kept.
//!
//! Each connection has a thread of its own: threads that wait for their sockets cost next to nothing.
#![forbid(unsafe_code)]

mod client;
mod drawings;
mod outcome;

pub use client::{Answer, Client, get, post};
pub use drawings::{pictures, strokes};
pub use outcome::{Outcome, Times};

use std::io;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Requests to a server.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// The server.
    pub address: SocketAddr,
    /// What is sent, in turn.
    pub requests: &'a [Vec<u8>],
    /// Connections, each of which waits for an answer before it sends its next request.
    pub connections: usize,
    /// How long requests are sent.
    pub duration: Duration,
    /// Requests a second, all connections together; without it each connection sends when it has been answered.
    pub rate: Option<f64>,
}

impl<'a> Load<'a> {
    /// From 32 connections for a second.
    pub fn new(address: SocketAddr, requests: &'a [Vec<u8>]) -> Self {
        Self { address, requests, connections: 32, duration: Duration::from_secs(1), rate: None }
    }

    /// Sends until the time is over, and waits for the answers to what was sent.
    ///
    /// # Panics
    /// If the system has no thread for each connection.
    #[must_use]
    pub fn run(&self) -> Outcome {
        let ready = &Barrier::new(self.connections);
        thread::scope(|scope| {
            let start = |which| scope.spawn(move || self.connection(which, ready));
            let threads: Vec<_> = (0..self.connections).map(start).collect();
            let outcomes = threads.into_iter().map(|thread| thread.join().expect("a client does not panic"));
            outcomes.reduce(Outcome::and).unwrap_or_default()
        })
    }

    /// What one connection sends; one that breaks is opened anew.
    fn connection(&self, which: usize, ready: &Barrier) -> Outcome {
        let mut outcome = Outcome::default();
        let mut client = Client::connect(self.address);
        ready.wait();
        let begin = Instant::now();
        let mut due = begin + self.pause().mul_f64(which as f64 / self.connections as f64);
        for request in self.requests.iter().cycle().skip(which) {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if begin.elapsed() >= self.duration {
                break;
            }
            // Who is late does not catch up.
            due = (due + self.pause()).max(Instant::now());
            if let Err(error) = send(&mut client, request, &mut outcome) {
                outcome.errors.push(error);
                client = Client::connect(self.address);
            }
        }
        outcome.time = begin.elapsed();
        outcome
    }

    /// From one request of a connection to its next.
    fn pause(&self) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(self.connections as f64 / rate))
    }
}

/// Sends a request and counts its answer.
fn send(client: &mut io::Result<Client>, request: &[u8], outcome: &mut Outcome) -> Result<(), String> {
    let client = client.as_mut().map_err(|error| format!("cannot connect: {error}"))?;
    let begin = Instant::now();
    let answer = client.send(request).map_err(|error| format!("no answer: {error}"))?;
    match answer.status {
        200 => outcome.answered.add(begin.elapsed()),
        503 if answer.header("retry-after").is_some() => outcome.refused.add(begin.elapsed()),
        status => return Err(format!("{status}: {}", String::from_utf8_lossy(&answer.body))),
    }
    Ok(())
}
