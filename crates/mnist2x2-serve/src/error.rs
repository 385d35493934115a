//! What can go wrong in this crate.

use std::net::SocketAddr;

use axum::http::StatusCode;

use crate::problem::Problem;

/// An error of the serve crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A drawing or picture that no model could read. The client is told why.
    #[error("{0}")]
    Input(String),
    /// A model that cannot be loaded or run.
    #[error("{0}")]
    Model(String),
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}; name an address of this machine with a free port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Threads that cannot be started.
    #[error("cannot start the server's threads")]
    Threads(#[source] std::io::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Input(detail) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
            _ => Self::internal(),
        }
    }
}
