//! The loop that accepts connections, and how it ends.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener as Listener};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{sleep, timeout};

use crate::app::App;
use crate::patient::Patient;
use crate::{Error, Limits, Reader, Settings, api};

/// The most bytes of a request's header.
const MOST_HEADER: usize = 64 << 10;
/// The rest after a connection could not be accepted, for want of file descriptors for example.
const REST: Duration = Duration::from_millis(50);
/// How long work that nobody waits for any more may hold up the end.
const LAST: Duration = Duration::from_secs(1);
/// What a connection beyond the limit is told.
const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A server that listens, and has not begun to answer.
pub struct Server {
    listener: Listener,
    runtime: Runtime,
    app: Arc<App>,
    stop: watch::Sender<bool>,
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
        let address = settings.address;
        let listener = Listener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let listener = listener.map_err(|source| Error::Listen { address, source })?;
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.enable_all().thread_name("serve").build().map_err(Error::Threads)?;
        let app = Arc::new(App::new(settings, reader, Arc::new(reload), Arc::new(report))?);
        Ok(Self { listener, runtime, app, stop: watch::Sender::new(false) })
    }

    /// Where it listens, with the port that the system chose if it was 0.
    ///
    /// # Errors
    /// [`Error::Listen`] if the system does not say.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        let failed = |source| Error::Listen { address: self.app.settings.address, source };
        self.listener.local_addr().map_err(failed)
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Answers requests until it is told to stop; then for [`Limits::drain`] at most those that it has accepted.
    /// Gives the number of connections that were open even then, and were cut.
    ///
    /// # Errors
    /// [`Error::Listen`] if the system withdraws the address.
    pub fn run(self) -> Result<usize, Error> {
        let Self { listener, runtime, app, stop } = self;
        let address = app.settings.address;
        let cut = runtime.block_on(async {
            let accepted = accept(listener, &app, &stop).await;
            accepted.map_err(|source| Error::Listen { address, source })?;
            app.stopping.store(true, Ordering::Relaxed);
            Ok(drain(&app).await)
        });
        runtime.shutdown_timeout(LAST);
        cut
    }
}

/// Accepts connections until it is told to stop; then the address is free.
async fn accept(listener: Listener, app: &Arc<App>, stop: &watch::Sender<bool>) -> io::Result<()> {
    let accepting = TcpListener::from_std(listener.try_clone()?)?;
    // A file descriptor to give up when there are no more: whoever waits can then be refused, and would hang otherwise.
    let mut spare = listener.try_clone().ok();
    let router = api::router(Arc::clone(app));
    let mut stopped = stop.subscribe();
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|&stop| stop) => return Ok(()),
            accepted = accepting.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            drop(spare.take());
            match timeout(REST, accepting.accept()).await {
                Ok(Ok((stream, _))) => turn_away(stream, app),
                Ok(Err(_)) => sleep(REST).await,
                Err(_) => {}
            }
            spare = listener.try_clone().ok();
            continue;
        };
        if let Ok(place) = Arc::clone(&app.connections).try_acquire_owned() {
            let limits = app.settings.limits;
            tokio::spawn(serve(stream, router.clone(), limits, stop.subscribe(), place));
        } else {
            turn_away(stream, app);
        }
    }
}

/// Answers the requests of one connection, which keeps its place until it ends.
async fn serve(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    // Answers are written whole; waiting to fill a packet would only delay them. It is a wish: it may fail.
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(Patient::new(stream, limits.stall));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header).max_buf_size(MOST_HEADER);
    let mut connection = pin!(builder.serve_connection(stream, TowerToHyperService::new(router)));
    // How a connection ends, in an error or not, concerns its client alone.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|&stop| stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Tells a client that there is no place, as far as that goes without waiting for it.
fn turn_away(stream: TcpStream, app: &App) {
    app.metrics.shed_connections.add(1);
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write_all(REFUSAL);
    }
}

/// Waits until every connection has ended, at most as long as the limit says; gives how many have not.
async fn drain(app: &App) -> usize {
    let limits = app.settings.limits;
    // Who has all places knows that nobody else has one.
    let _ = timeout(limits.drain, app.connections.acquire_many(limits.connections as u32)).await;
    limits.connections - app.connections.available_permits()
}
