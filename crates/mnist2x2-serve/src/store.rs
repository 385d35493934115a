//! The store of corrections as the server uses it: it may fail and recover, and readings go on meanwhile.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::StatusCode;
use mnist2x2_corrections::{Error, Store};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::problem::Problem;
use crate::settings::Report;

/// How long the store waits for other programs that write: short, because the clients wait as well.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// How long it may take to find out whether the store works.
const PROBE_TIMEOUT: Duration = Duration::from_millis(50);
/// Exports at a time; each holds a thread.
const MAX_EXPORTS: usize = 2;

/// The store, opened when it is needed, and its last error.
pub(crate) struct StoreHandle {
    path: PathBuf,
    store: OnceLock<Store>,
    last_error: watch::Sender<Option<&'static str>>,
    /// Held by the request that writes: the others wait for their turn without holding a thread.
    writing: Arc<Mutex<()>>,
    pub(crate) exports: Arc<Semaphore>,
    report: Arc<Report>,
}

impl StoreHandle {
    /// Tries to open the store, and reports if it cannot be opened.
    pub(crate) fn open(path: PathBuf, report: Arc<Report>) -> Self {
        let (store, last_error) = (OnceLock::new(), watch::Sender::new(None));
        let (writing, exports) = (Arc::default(), Arc::new(Semaphore::new(MAX_EXPORTS)));
        let handle = Self { path, store, last_error, writing, exports, report };
        // The error has been reported and stays as the last error.
        let _ = handle.write_blocking(|_| Ok(()));
        handle
    }

    /// What is wrong with the store, in a word. If something was, it is tried anew.
    pub(crate) async fn last_error(self: &Arc<Self>) -> Option<&'static str> {
        if self.last_error.borrow().is_some()
            && let Ok(writing) = Arc::clone(&self.writing).try_lock_owned()
        {
            // If it takes longer, its outcome is for the next request that asks.
            let _ = timeout(PROBE_TIMEOUT, self.spawn_write(writing, Store::probe)).await;
        }
        *self.last_error.borrow()
    }

    /// Writes to the store when it is this one's turn, within `limit`.
    pub(crate) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        limit: Duration,
        work: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let late = |_| Problem::busy("the store of corrections is busy; send it again with the same key");
        let done = async {
            let writing = Arc::clone(&self.writing).lock_owned().await;
            self.spawn_write(writing, work).await
        };
        let outcome = timeout(limit, done).await.map_err(late)?;
        Ok(outcome.map_err(|_| Problem::internal())??)
    }

    /// Writes on another thread, which holds the lock until the work is done, even if nobody waits for it any more.
    fn spawn_write<T: Send + 'static>(
        self: &Arc<Self>,
        writing: OwnedMutexGuard<()>,
        work: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> JoinHandle<Result<T, Error>> {
        let handle = Arc::clone(self);
        spawn_blocking(move || {
            let _writing = writing;
            handle.write_blocking(work)
        })
    }

    /// Reads from the store. It blocks. That this works is no sign that writing does.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Store) -> Result<T, Error>) -> Result<T, Error> {
        self.store().and_then(work).inspect_err(|error| self.note(Some(error)))
    }

    /// Writes to the store, which is opened if it is not, and notes whether it works. It blocks.
    fn write_blocking<T>(&self, work: impl FnOnce(&Store) -> Result<T, Error>) -> Result<T, Error> {
        let outcome = self.store().and_then(work);
        self.note(outcome.as_ref().err().filter(|error| !error.is_of_the_correction()));
        outcome
    }

    fn store(&self) -> Result<&Store, Error> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let opened = Store::open_waiting(&self.path, BUSY_TIMEOUT)?;
        Ok(self.store.get_or_init(|| opened))
    }

    /// Notes an error, or that there is none; and reports it if that is new.
    fn note(&self, error: Option<&Error>) {
        let now = error.map(describe);
        let before = self.last_error.send_replace(now);
        match error {
            Some(error) if before != now => {
                (self.report)(&format!("no corrections are kept: {}", with_causes(error)));
            }
            None if before.is_some() => (self.report)("corrections are kept again"),
            _ => {}
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Conflict { .. } => StatusCode::CONFLICT,
            error if error.is_of_the_correction() => StatusCode::UNPROCESSABLE_ENTITY,
            error => {
                let state = describe(error);
                return Self::busy(format!("no corrections are kept: the store is {state}; readings go on"));
            }
        };
        Self::new(status, error.to_string())
    }
}

/// What is wrong with the store, in a word: clients need not know where it is.
fn describe(error: &Error) -> &'static str {
    match error {
        Error::Newer { .. } => "of a newer version",
        Error::Foreign { .. } | Error::NotADatabase { .. } => "no store",
        Error::Corrupt { .. } => "damaged",
        Error::Locked { .. } => "locked",
        Error::Full { .. } => "full",
        Error::ReadOnly { .. } => "read-only",
        Error::Moved { .. } => "gone",
        _ => "out of reach",
    }
}

/// An error with its causes, in one line.
fn with_causes(error: &Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
