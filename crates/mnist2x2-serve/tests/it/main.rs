//! The server over real sockets, with readers that behave and that do not.
#![forbid(unsafe_code)]

mod support;

/// What goes right: readings, the model, figures, the description.
mod answers;

/// The page that people draw on.
mod page;

/// Requests that are wrong: each gets a 4xx that says why, and nothing else suffers.
mod bad_requests;

/// Clients that are slow, many or stuck; readers that panic or hang; the end.
mod pressure;

/// Corrections: kept once, and given back.
mod corrections;

/// Stores that fail while readings go on.
mod degraded;

/// Another model in the place of the first.
mod reload;
