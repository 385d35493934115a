//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;

use crate::keeper::Keeper;
use crate::metrics::Metrics;
use crate::worker::Worker;
use crate::{Error, Reader, Settings};

/// Where a reader comes from when the server is told to load the one of this name, or its own anew.
pub(crate) type Reload = dyn Fn(Option<&str>) -> Result<Arc<dyn Reader>, Error> + Send + Sync;
/// Where lines for the operator go.
pub(crate) type Report = dyn Fn(&str) + Send + Sync;

/// What all requests share.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) worker: Worker,
    pub(crate) keeper: Option<Arc<Keeper>>,
    pub(crate) reload: Arc<Reload>,
    /// Held while a model is loaded.
    pub(crate) loading: Arc<tokio::sync::Mutex<()>>,
    pub(crate) report: Arc<Report>,
    /// A permit for each connection that may be opened.
    pub(crate) connections: Arc<Semaphore>,
    /// A permit for each byte that bodies may take.
    pub(crate) bytes: Arc<Semaphore>,
    pub(crate) stopping: AtomicBool,
    started: u64,
    requests: AtomicU64,
}

impl App {
    pub(crate) fn new(
        settings: Settings,
        reader: Arc<dyn Reader>,
        reload: Arc<Reload>,
        report: Arc<Report>,
    ) -> Result<Self, Error> {
        let metrics = Arc::new(Metrics::new());
        let limits = settings.limits;
        let store = settings.store.clone();
        Ok(Self {
            worker: Worker::start(reader, &limits, Arc::clone(&metrics))?,
            keeper: store.map(|path| Arc::new(Keeper::open(path, Arc::clone(&report)))),
            settings,
            metrics,
            reload,
            loading: Arc::default(),
            report,
            connections: Arc::new(Semaphore::new(limits.connections)),
            bytes: Arc::new(Semaphore::new(limits.all_bytes)),
            stopping: AtomicBool::new(false),
            started: now(),
            requests: AtomicU64::new(0),
        })
    }

    /// A name for a request that no other has, in this process or an earlier one.
    pub(crate) fn request_id(&self) -> String {
        format!("{:x}-{:x}", self.started, self.requests.fetch_add(1, Ordering::Relaxed))
    }
}

/// Milliseconds since the beginning of 1970, UTC.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
