//! Corrections as JSON Lines, sent as fast as they are taken.

use std::io::{self, BufWriter, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;

use crate::keeper::Keeper;
use crate::problem::Problem;

/// Bytes that are sent at a time.
const CHUNK: usize = 64 << 10;
/// Chunks that wait to be sent; then reading the store waits.
const WAITING: usize = 2;

/// A body of lines. If the store fails half-way it breaks off, which clients notice.
pub(super) struct Lines {
    chunks: Receiver<io::Result<Bytes>>,
    first: Option<io::Result<Bytes>>,
}

impl Lines {
    /// Starts to read the store, on a thread of its own.
    pub(super) async fn of(keeper: Arc<Keeper>) -> Result<Self, Problem> {
        let busy = |_| Problem::busy("enough exports are running; try again when one has ended");
        let permit = Arc::clone(&keeper.exports).try_acquire_owned().map_err(busy)?;
        let (sender, mut chunks) = channel(WAITING);
        let export = spawn_blocking(move || {
            let _permit = permit;
            let out = BufWriter::with_capacity(CHUNK, Chunks(sender.clone()));
            let outcome = keeper.look(|store| match store.export(out) {
                // Whoever took the lines went away: no fault of the store's.
                Err(mnist2x2_corrections::Error::Stream(_)) => Ok(()),
                outcome => outcome.map(|_| ()),
            });
            if let Err(error) = &outcome {
                let _ = sender.blocking_send(Err(io::Error::other(error.to_string())));
            }
            outcome
        });
        // A store that fails at once is a problem and no broken body.
        match chunks.recv().await {
            Some(Err(_)) => {
                let outcome = export.await.map_err(|_| Problem::internal())?;
                Err(outcome.map_or_else(|error| Problem::from(&error), |()| Problem::internal()))
            }
            first => Ok(Self { chunks, first }),
        }
    }
}

impl Body for Lines {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let next = match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => self.chunks.poll_recv(context),
        };
        next.map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}

/// A writer whose bytes go to the one who answers.
struct Chunks(Sender<io::Result<Bytes>>);

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
