//! How a server is set up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Where lines for the operator go.
pub(crate) type Report = dyn Fn(&str) + Send + Sync;

/// How a server is set up. Start from [`Settings::default`] and change what is to be different.
#[derive(Clone, Debug)]
#[non_exhaustive]
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
    /// Origins whose pages may use the API, such as `https://digits.example`; `*` stands for all. What the token guards
    /// stays closed to them unless there is one.
    pub allow_origins: Vec<String>,
    /// The file of corrections; without one none are kept.
    pub store: Option<PathBuf>,
    /// What clients are allowed.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7860),
            token: None,
            hosts: Vec::new(),
            allow_origins: Vec::new(),
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

    /// Whether pages of this origin may use the API, though it is not the server's own.
    pub(crate) fn allows(&self, origin: &str) -> bool {
        self.allow_origins.iter().any(|allowed| allowed == "*" || allowed == origin)
    }
}

/// What a server allows its clients. Start from [`Limits::default`] and change what is to be different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at a time.
    pub max_connections: usize,
    /// The time to send a request's header, counted from the end of the answer before it.
    pub header_timeout: Duration,
    /// The time to send a request's body.
    pub body_timeout: Duration,
    /// The time in which a client must take at least some of an answer.
    pub write_timeout: Duration,
    /// The time to be read by the model, or to be written to the store.
    pub answer_timeout: Duration,
    /// The time that open connections have to end when the server stops.
    pub drain_timeout: Duration,
    /// The bytes of one body.
    pub max_body_bytes: usize,
    /// The bytes of all bodies at a time.
    pub max_total_body_bytes: usize,
    /// Inputs that wait for the model.
    pub max_queue: usize,
    /// How long an input may wait for the model, judged by the last batches.
    pub max_wait: Duration,
    /// Inputs that may wait for the model in any case, however long that takes.
    pub min_queue: usize,
    /// Inputs that the model reads at a time.
    pub max_batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Most systems let a program have 1,024 files and sockets open, and the server needs a few itself.
            max_connections: 900,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(8),
            // A large telephone's photograph.
            max_body_bytes: 24 << 20,
            max_total_body_bytes: 128 << 20,
            max_queue: 256,
            max_wait: Duration::from_millis(100),
            min_queue: 8,
            max_batch: 32,
        }
    }
}
