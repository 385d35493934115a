//! The one thread that reads: it takes what waits, as one batch, and answers each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::metrics::Metrics;
use crate::{Answer, Error, Input, Limits, Reader};

/// Batches after which one counts about a third of what it did for the pace.
const MEMORY: u64 = 4;

/// An answer and the digest of the model that gave it.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    pub(crate) model: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Too many wait already.
    Full,
    /// It took too long.
    Late,
    /// The reader panicked on this input.
    Panicked,
    /// The reader's own error.
    Reader(Error),
}

/// An input that waits, and where its answer goes. If nobody waits for that any more, it is not read.
struct Job {
    input: Input,
    answer: oneshot::Sender<Result<Answered, Failure>>,
}

/// What the thread and those who wait for it share.
struct Shared {
    reader: RwLock<Arc<dyn Reader>>,
    waiting: AtomicUsize,
    /// Nanoseconds that an input takes, a mean in which older batches count less and less.
    pace: AtomicU64,
    metrics: Arc<Metrics>,
}

/// The thread that reads, from outside.
pub(crate) struct Worker {
    queue: SyncSender<Job>,
    shared: Arc<Shared>,
    limits: Limits,
}

impl Worker {
    /// Starts the thread. It ends when the worker is dropped and every input that waits has been read.
    pub(crate) fn start(
        reader: Arc<dyn Reader>,
        limits: &Limits,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Error> {
        let (queue, jobs) = sync_channel(limits.queue);
        let (reader, waiting, pace) = (RwLock::new(reader), AtomicUsize::new(0), AtomicU64::new(0));
        let shared = Arc::new(Shared { reader, waiting, pace, metrics });
        let (its, limits) = (Arc::clone(&shared), *limits);
        let thread = std::thread::Builder::new().name("reader".into());
        thread.spawn(move || its.work(&jobs, &limits)).map_err(Error::Threads)?;
        Ok(Self { queue, shared, limits })
    }

    /// Has an input read, with what else waits.
    pub(crate) async fn read(&self, input: Input) -> Result<Answered, Failure> {
        let (answer, answered) = oneshot::channel();
        // Counted before it is sent: the thread may take it before this one goes on.
        let before = self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = if self.is_too_long(before) {
            Err(Failure::Full)
        } else {
            self.queue.try_send(Job { input, answer }).map_err(|error| match error {
                TrySendError::Full(_) => Failure::Full,
                TrySendError::Disconnected(_) => Failure::Panicked,
            })
        };
        sent.inspect_err(|failure| {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            self.shared.metrics.shed_queue.add(matches!(failure, Failure::Full).into());
        })?;
        let outcome = tokio::time::timeout(self.limits.answer, answered).await.map_err(|_| Failure::Late)?;
        outcome.unwrap_or(Err(Failure::Panicked))
    }

    /// Whether one more would wait too long behind so many others.
    fn is_too_long(&self, others: usize) -> bool {
        let time = Duration::from_nanos(self.shared.pace.load(Ordering::Relaxed) * others as u64);
        others >= self.limits.batch && time > self.limits.wait
    }

    /// The reader that reads now.
    pub(crate) fn reader(&self) -> Arc<dyn Reader> {
        self.shared.reader()
    }

    /// Puts another reader in its place, from the next batch on.
    pub(crate) fn replace(&self, reader: Arc<dyn Reader>) {
        *self.shared.reader.write().unwrap_or_else(PoisonError::into_inner) = reader;
    }

    /// How many inputs wait.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn reader(&self) -> Arc<dyn Reader> {
        Arc::clone(&self.reader.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many inputs to read at a time: no more than take half the time that others may wait.
    fn batch(&self, limits: &Limits) -> usize {
        let most = (limits.wait / 2).as_nanos() as u64 / self.pace.load(Ordering::Relaxed).max(1);
        most.clamp(1, limits.batch as u64) as usize
    }

    fn work(&self, jobs: &Receiver<Job>, limits: &Limits) {
        // It waits for the first and never for a second: while a batch is read, the next one gathers by itself.
        while let Ok(first) = jobs.recv() {
            let taken: Vec<Job> =
                std::iter::once(first).chain(jobs.try_iter()).take(self.batch(limits)).collect();
            self.waiting.fetch_sub(taken.len(), Ordering::Relaxed);
            self.answer(taken);
        }
    }

    fn answer(&self, jobs: Vec<Job>) {
        let wanted = jobs.into_iter().filter(|job| !job.answer.is_closed());
        let (inputs, answers): (Vec<_>, Vec<_>) = wanted.map(|job| (job.input, job.answer)).unzip();
        if inputs.is_empty() {
            return;
        }
        let reader = self.reader();
        let begin = Instant::now();
        let outcomes = self.read(&*reader, &inputs);
        let time = begin.elapsed();
        self.metrics.batch(inputs.len(), time);
        // This thread alone writes it.
        let (before, now) = (self.pace.load(Ordering::Relaxed), time.as_nanos() as u64 / inputs.len() as u64);
        self.pace.store(before - before / MEMORY + now / MEMORY, Ordering::Relaxed);
        for (to, outcome) in answers.into_iter().zip(outcomes) {
            // Who has gone away meanwhile needs no answer.
            let _ = to.send(outcome);
        }
    }

    /// An outcome for each input; if the batch panics, each alone, so that the panic costs only those who cause it.
    fn read(&self, reader: &dyn Reader, inputs: &[Input]) -> Vec<Result<Answered, Failure>> {
        if let Some(outcomes) = attempt(reader, inputs) {
            return outcomes.into_iter().map(|outcome| outcome.map_err(Failure::Reader)).collect();
        }
        self.metrics.reader_panics.add(1);
        if inputs.len() == 1 {
            return vec![Err(Failure::Panicked)];
        }
        inputs.chunks(1).flat_map(|input| self.read(reader, input)).collect()
    }
}

/// What the reader answers; nothing if it panics, or does not answer each.
pub(crate) fn attempt(reader: &dyn Reader, inputs: &[Input]) -> Option<Vec<Result<Answered, Error>>> {
    let answered = || {
        let model = &reader.model().digest;
        let outcomes = reader.read(inputs).into_iter();
        let signed = outcomes.map(|outcome| outcome.map(|answer| Answered { answer, model: model.clone() }));
        signed.collect::<Vec<_>>()
    };
    let outcomes = catch_unwind(AssertUnwindSafe(answered)).ok()?;
    (outcomes.len() == inputs.len()).then_some(outcomes)
}
