//! The loop that accepts connections, and how it ends.

use std::io::Write;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutWriter;

use crate::metrics::Event;
use crate::routes;
use crate::state::AppState;
use crate::{Error, Limits, Reader, Settings};

/// The most bytes of a request's header.
const MAX_HEADER: usize = 64 << 10;
/// The pause after a connection could not be accepted, for want of file descriptors for example.
const PAUSE: Duration = Duration::from_millis(50);
/// How long work that nobody waits for any more may hold up the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);
/// The answer on a connection beyond the limit.
const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A server that listens, and has not begun to answer.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    runtime: Runtime,
    state: Arc<AppState>,
}

/// Stops a server, from any thread.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Tells the server to stop: it accepts no more connections, and answers what it has accepted.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Listens as `settings` say, for requests that `reader` will answer.
    ///
    /// `reload` gives the reader that takes its place when `POST /api/model/reload` asks for one by name, or by none for
    /// that of the beginning; what names there are is its own affair, and it must trust none. `report` takes lines for
    /// the operator. A store that cannot be opened is reported, and is no error: readings need none.
    ///
    /// # Errors
    /// [`Error::Listen`] if the address cannot be had, [`Error::Threads`] if no threads can be started.
    pub fn bind(
        settings: Settings,
        reader: Arc<dyn Reader>,
        reload: impl Fn(Option<&str>) -> Result<Arc<dyn Reader>, Error> + Send + Sync + 'static,
        report: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.enable_all().thread_name("serve").build().map_err(Error::Threads)?;
        let address = settings.address;
        let failed = |source| Error::Listen { address, source };
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let state = Arc::new(AppState::new(settings, reader, Box::new(reload), Arc::new(report))?);
        Ok(Self { listener, address, runtime, state })
    }

    /// The address, with the port that the system chose if it was 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.state.stop.clone())
    }

    /// Answers requests until it is told to stop; then for [`Limits::drain_timeout`] at most those that it has accepted.
    /// Gives the number of connections that were open even then, and were cut.
    pub fn run(self) -> usize {
        let Self { listener, runtime, state, .. } = self;
        let cut = runtime.block_on(async {
            accept(listener, &state).await;
            drain(&state).await
        });
        runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
        cut
    }
}

/// Accepts connections until it is told to stop; then the address is free.
async fn accept(listener: TcpListener, state: &Arc<AppState>) {
    // A file descriptor to give up when there are no more: a client that waits can then be refused, and would hang
    // otherwise.
    let mut spare = TcpSocket::new_v4().ok();
    let router = routes::router(Arc::clone(state));
    let mut stopped = state.stop.subscribe();
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|&stop| stop) => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            drop(spare.take());
            match timeout(PAUSE, listener.accept()).await {
                Ok(Ok((stream, _))) => refuse(stream, state),
                Ok(Err(_)) => sleep(PAUSE).await,
                Err(_) => {}
            }
            spare = TcpSocket::new_v4().ok();
            continue;
        };
        if let Ok(permit) = Arc::clone(&state.connections).try_acquire_owned() {
            let (limits, stopped) = (state.settings.limits, state.stop.subscribe());
            tokio::spawn(serve(stream, router.clone(), limits, stopped, permit));
        } else {
            refuse(stream, state);
        }
    }
}

/// Answers the requests of one connection, which keeps its permit until it ends.
async fn serve(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
) {
    // Answers are written whole; waiting to fill a packet would only delay them. It is a wish: it may fail.
    let _ = stream.set_nodelay(true);
    // A client that never reads would hold its connection for ever.
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(limits.write_timeout));
    let stream = TokioIo::new(Box::pin(stream));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(MAX_HEADER);
    let mut connection = pin!(builder.serve_connection(stream, TowerToHyperService::new(router)));
    // How a connection ends, in an error or not, concerns its client alone.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|&stop| stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Tells a client that there are too many connections, as far as that goes without waiting for it.
fn refuse(stream: TcpStream, state: &AppState) {
    state.metrics.count(Event::ShedByConnections);
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write_all(REFUSAL);
    }
}

/// Waits until every connection has ended, at most as long as the limit says; gives how many have not.
async fn drain(state: &AppState) -> usize {
    let limits = state.settings.limits;
    // With all permits in hand, no connection has one.
    let _ =
        timeout(limits.drain_timeout, state.connections.acquire_many(limits.max_connections as u32)).await;
    state.open_connections()
}
