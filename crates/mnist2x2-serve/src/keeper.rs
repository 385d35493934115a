//! The store of corrections as the server uses it: it may fail and come back, and readings go on meanwhile.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mnist2x2_corrections::{Error, Store};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;

use crate::app::Report;
use crate::problem::Problem;

/// How long the store waits for other programs that write: short, because those who post wait as well.
const WAIT: Duration = Duration::from_secs(1);
/// How long the question whether the store works may take.
const PROBE: Duration = Duration::from_millis(50);
/// Exports at a time; each holds a thread.
const EXPORTS: usize = 2;

/// The store, if it can be had, and what is wrong with it.
pub(crate) struct Keeper {
    path: PathBuf,
    store: Mutex<Option<Arc<Store>>>,
    trouble: Mutex<Option<&'static str>>,
    /// Who writes: the others wait for their turn without holding a thread.
    turn: Arc<tokio::sync::Mutex<()>>,
    pub(crate) exports: Arc<Semaphore>,
    report: Arc<Report>,
}

impl Keeper {
    /// Tries to open the store, and reports if it cannot be opened.
    pub(crate) fn open(path: PathBuf, report: Arc<Report>) -> Self {
        let (store, trouble) = (Mutex::new(None), Mutex::new(None));
        let (turn, exports) = (Arc::default(), Arc::new(Semaphore::new(EXPORTS)));
        let keeper = Self { path, store, trouble, turn, exports, report };
        // The error has been reported and stays as the trouble.
        let _ = keeper.with(|_| Ok(()));
        keeper
    }

    /// What is wrong with the store, in a word. If something was, it is tried anew.
    pub(crate) async fn trouble(self: &Arc<Self>) -> Option<&'static str> {
        if lock(&self.trouble).is_some()
            && let Ok(turn) = Arc::clone(&self.turn).try_lock_owned()
        {
            let keeper = Arc::clone(self);
            let probe = spawn_blocking(move || {
                let _turn = turn;
                keeper.with(Store::probe)
            });
            // If it takes longer, its outcome is for the next who asks.
            let _ = timeout(PROBE, probe).await;
        }
        *lock(&self.trouble)
    }

    /// Writes to the store when it is this one's turn.
    pub(crate) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        limit: Duration,
        work: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let late = |_| Problem::busy("the store of corrections is busy; send it again with the same key");
        let keeper = Arc::clone(self);
        let done = async {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            // The turn goes along: it lasts until the work is done, even if nobody waits for it any more.
            spawn_blocking(move || {
                let _turn = turn;
                keeper.with(work)
            })
            .await
        };
        flatten(timeout(limit, done).await.map_err(late)?)
    }

    /// Reads from the store. It blocks. That this works is no sign that writing does.
    pub(crate) fn look<T>(&self, work: impl FnOnce(&Store) -> Result<T, Error>) -> Result<T, Error> {
        self.store().and_then(|store| work(&store)).inspect_err(|error| self.note(Some(error)))
    }

    /// Writes to the store, which is opened if it is not, and notes whether it works. It blocks.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Store) -> Result<T, Error>) -> Result<T, Error> {
        let outcome = self.store().and_then(|store| work(&store));
        match &outcome {
            Err(error) if !error.is_of_the_correction() => self.note(Some(error)),
            _ => self.note(None),
        }
        outcome
    }

    fn store(&self) -> Result<Arc<Store>, Error> {
        let mut store = lock(&self.store);
        if let Some(store) = &*store {
            return Ok(Arc::clone(store));
        }
        let opened = Arc::new(Store::open_waiting(&self.path, WAIT)?);
        *store = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Notes an error, or that there is none; and reports what was not so before.
    fn note(&self, error: Option<&Error>) {
        let now = error.map(kind);
        let before = std::mem::replace(&mut *lock(&self.trouble), now);
        match error {
            Some(error) if before != now => {
                (self.report)(&format!("no corrections are kept: {}", chain(error)));
            }
            None if before.is_some() => (self.report)("corrections are kept again"),
            _ => {}
        }
    }
}

/// The outcome of work on another thread.
fn flatten<T>(outcome: Result<Result<T, Error>, JoinError>) -> Result<T, Problem> {
    outcome.map_err(|_| Problem::internal())?.map_err(|error| Problem::from(&error))
}

/// What is wrong with the store, in a word: strangers need not know where it is.
pub(crate) fn kind(error: &Error) -> &'static str {
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
fn chain(error: &Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
