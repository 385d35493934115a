//! How a server is set up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens; with port 0 the system chooses one.
    pub address: SocketAddr,
    /// What export and reload ask for, as `Authorization: Bearer TOKEN`. Without one they are open to this machine on a
    /// loopback address, and closed on every other.
    pub token: Option<String>,
    /// Names by which browsers know the server, as behind a proxy. On a loopback address, requests that change
    /// something under other names than the machine's own are refused: a page elsewhere may have pointed its own name
    /// at this machine.
    pub hosts: Vec<String>,
    /// The file of corrections; without one none are kept.
    pub store: Option<PathBuf>,
    /// What is allowed.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7860),
            token: None,
            hosts: Vec::new(),
            store: None,
            limits: Limits::default(),
        }
    }
}

impl Settings {
    /// Whether only this machine can reach the server.
    pub(crate) fn is_local(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }
}

/// What a server allows its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// The time to send a request's header, counted from the end of the answer before it.
    pub header: Duration,
    /// The time to send a request's body.
    pub body: Duration,
    /// The time a client may take none of an answer.
    pub stall: Duration,
    /// The time to be read by the model, or to be written to the store.
    pub answer: Duration,
    /// The time to stop in, for connections that are open.
    pub drain: Duration,
    /// The bytes of one body.
    pub body_bytes: usize,
    /// The bytes of all bodies at a time.
    pub all_bytes: usize,
    /// Inputs that wait for the model.
    pub queue: usize,
    /// How long what waits may take the model, as far as the last batches tell; [`Limits::batch`] inputs may wait in any
    /// case.
    pub wait: Duration,
    /// Inputs that the model reads at a time.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Most systems let a program have 1,024 files and sockets open, and the server needs a few itself.
            connections: 900,
            header: Duration::from_secs(10),
            body: Duration::from_secs(10),
            stall: Duration::from_secs(10),
            answer: Duration::from_secs(5),
            drain: Duration::from_secs(8),
            body_bytes: 2 << 20,
            all_bytes: 128 << 20,
            queue: 256,
            wait: Duration::from_millis(100),
            batch: 32,
        }
    }
}
