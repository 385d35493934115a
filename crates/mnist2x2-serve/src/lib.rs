//! An HTTP server for a model that reads drawings and pictures of digits.
//!
//! Reading order: what reads ([`Reader`]) and what it is given ([`Input`], [`Drawing`]); how the server is set up
//! ([`Settings`], [`Limits`]); the one thread that reads in batches, the store of corrections and the figures; what
//! every request passes through; the drawing page and what is answered under which path; and the loop that accepts connections
//! ([`Server`]).
//!
//! The server bounds everything that a stranger could make grow: connections, the time to send a header or a body and
//! to take an answer, the bytes of one body and of all together, and the queue before the model. What does not fit is
//! refused at once with the status 503 and the header `Retry-After`. When it stops, it answers what it has accepted.
#![forbid(unsafe_code)]

mod error;

// What reads, and what is read.
mod drawing;
mod reader;
mod recognizer;

mod settings;

// What requests are answered from.
mod metrics;
mod worker;
mod keeper;
mod app;

// What every request passes through.
mod problem;
mod envelope;
mod body;
mod guard;

mod page;
mod api;

// Connections.
mod patient;
mod server;

pub use drawing::{Drawing, MOST_POINTS, MOST_STROKES, Stroke};
pub use error::Error;
pub use reader::{Answer, Input, ModelInfo, Reader, Seen, Wanted};
pub use recognizer::RecognizerReader;
pub use server::{Server, Stopper};
pub use settings::{Limits, Settings};
