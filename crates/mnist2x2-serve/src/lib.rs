//! An HTTP server for a model that reads drawings and pictures of digits.
//!
//! A model is a [`Reader`]: it gets a batch of [`Input`] and gives an [`Answer`] for each. [`Settings`] and [`Limits`]
//! say how the server is set up, and [`Server`] runs it. The example `counting_reader` serves a reader of its own.
//!
//! The server bounds everything that a client could make grow: connections, the time to send a header or a body and
//! to take an answer, the bytes of one body and of all together, and the queue before the model. Under overload it
//! answers at once with the status 503 and the header `Retry-After`. When it stops, it answers what it has accepted.
#![forbid(unsafe_code)]

// Errors, and pages.
mod problem;
mod error;
mod assets;
mod html;

// The model: its interface, and the trained one.
mod reader;
mod recognizer;

// What requests are answered from.
mod settings;
mod metrics;
mod batcher;
mod store;

// What every request passes through.
mod body;
mod auth;
mod state;
mod middleware;

// The paths, and the connections.
mod routes;
mod server;

pub use error::Error;
pub use mnist2x2_infer::api::{
    Answer, Drawing, InputImage, MAX_POINTS, MAX_STROKES, ModelInfo, ReadOptions, Stroke,
};
pub use reader::{Content, Input, Reader};
pub use recognizer::RecognizerReader;
pub use server::{Server, Stopper};
pub use settings::{Limits, Settings};
