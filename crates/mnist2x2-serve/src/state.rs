//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{Mutex, Semaphore, watch};

use crate::batcher::Batcher;
use crate::body::BodyReceiver;
use crate::metrics::Metrics;
use crate::settings::Report;
use crate::store::StoreHandle;
use crate::{Error, Reader, Settings};

/// Where a reader comes from when the server is told to load the one of this name, or its own anew.
pub(crate) type Reload = dyn Fn(Option<&str>) -> Result<Arc<dyn Reader>, Error> + Send + Sync;

/// What all requests share.
pub(crate) struct AppState {
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) batcher: Batcher,
    pub(crate) store: Option<Arc<StoreHandle>>,
    pub(crate) reload: Box<Reload>,
    /// Held while a model is loaded.
    pub(crate) loading: Arc<Mutex<()>>,
    pub(crate) report: Arc<Report>,
    /// A permit for each connection that may be opened.
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) bodies: BodyReceiver,
    /// Becomes true when the server is to stop.
    pub(crate) stop: watch::Sender<bool>,
    started: u64,
    requests: AtomicU64,
}

impl AppState {
    pub(crate) fn new(
        settings: Settings,
        reader: Arc<dyn Reader>,
        reload: Box<Reload>,
        report: Arc<Report>,
    ) -> Result<Self, Error> {
        let metrics = Arc::new(Metrics::default());
        let limits = settings.limits;
        let store = settings.store.clone();
        Ok(Self {
            bodies: BodyReceiver::new(limits, Arc::clone(&metrics)),
            batcher: Batcher::start(reader, limits, Arc::clone(&metrics))?,
            store: store.map(|path| Arc::new(StoreHandle::open(path, Arc::clone(&report)))),
            settings,
            metrics,
            reload,
            loading: Arc::default(),
            report,
            connections: Arc::new(Semaphore::new(limits.max_connections)),
            stop: watch::Sender::new(false),
            started: now(),
            requests: AtomicU64::new(0),
        })
    }

    /// An id for a request that no other has, in this process or an earlier one.
    pub(crate) fn request_id(&self) -> String {
        format!("{:x}-{:x}", self.started, self.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// How many connections are open.
    pub(crate) fn open_connections(&self) -> usize {
        self.settings.limits.max_connections - self.connections.available_permits()
    }
}

/// Milliseconds since the beginning of 1970, UTC.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
