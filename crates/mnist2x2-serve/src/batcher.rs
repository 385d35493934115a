//! The one thread that runs the model: it takes the inputs that wait, as one batch, and answers each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use mnist2x2_infer::api::Prediction;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::metrics::{Event, Metrics};
use crate::problem::Problem;
use crate::{Error, Input, Limits, Reader};

/// A new batch counts for one part in so many of the mean time of an input.
const MEAN_OVER_BATCHES: u64 = 4;

/// An input that waits, and where its answer goes. If nobody waits for that any more, it is not read.
struct Job {
    input: Input,
    reply: oneshot::Sender<Result<Prediction, Problem>>,
}

/// What the thread and those who wait for it share.
struct Shared {
    reader: watch::Sender<Arc<dyn Reader>>,
    /// Nanoseconds that an input takes, an exponential moving average over batches.
    nanos_per_input: AtomicU64,
    limits: Limits,
    metrics: Arc<Metrics>,
}

/// The thread that runs the model, seen from the requests.
pub(crate) struct Batcher {
    queue: mpsc::Sender<Job>,
    shared: Arc<Shared>,
}

impl Batcher {
    /// Starts the thread. It ends when the batcher is dropped and every input that waits has been read.
    pub(crate) fn start(
        reader: Arc<dyn Reader>,
        limits: Limits,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Error> {
        let (queue, mut jobs) = mpsc::channel(limits.max_queue.max(1));
        let (reader, nanos_per_input) = (watch::Sender::new(reader), AtomicU64::new(0));
        let shared = Arc::new(Shared { reader, nanos_per_input, limits, metrics });
        let work = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("reader".into());
        thread.spawn(move || work.run(&mut jobs)).map_err(Error::Threads)?;
        Ok(Self { queue, shared })
    }

    /// Has an input read, in one batch with others that wait.
    pub(crate) async fn read(&self, input: Input) -> Result<Prediction, Problem> {
        let permit = match self.queue.try_reserve() {
            Ok(permit) if !self.is_wait_too_long() => permit,
            Err(TrySendError::Closed(())) => return Err(Problem::internal()),
            Ok(_) | Err(TrySendError::Full(())) => {
                self.shared.metrics.count(Event::ShedByQueue);
                let detail = "too many inputs wait for the model already; try again in a moment";
                return Err(Problem::busy(detail));
            }
        };
        let (reply, answer) = oneshot::channel();
        permit.send(Job { input, reply });
        let late = |_| Problem::new(StatusCode::GATEWAY_TIMEOUT, "the model took too long; try again later");
        let outcome = timeout(self.shared.limits.answer_timeout, answer).await.map_err(late)?;
        outcome.unwrap_or_else(|_| Err(Problem::internal()))
    }

    /// Whether an input that has its permit already would wait too long behind the others.
    fn is_wait_too_long(&self) -> bool {
        let Shared { limits, nanos_per_input, .. } = &*self.shared;
        let others = self.waiting() - 1;
        let wait = Duration::from_nanos(nanos_per_input.load(Ordering::Relaxed) * others as u64);
        others >= limits.min_queue && wait > limits.max_wait
    }

    /// The reader that reads now.
    pub(crate) fn reader(&self) -> Arc<dyn Reader> {
        Arc::clone(&self.shared.reader.borrow())
    }

    /// Puts another reader in its place, from the next batch on.
    pub(crate) fn replace(&self, reader: Arc<dyn Reader>) {
        self.shared.reader.send_replace(reader);
    }

    /// How many inputs wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

impl Shared {
    /// How many inputs to read at a time: no more than take half the time that others may wait.
    fn batch_size(&self) -> usize {
        let half = (self.limits.max_wait / 2).as_nanos() as u64;
        let size = half / self.nanos_per_input.load(Ordering::Relaxed).max(1);
        size.clamp(1, self.limits.max_batch as u64) as usize
    }

    fn run(&self, jobs: &mut mpsc::Receiver<Job>) {
        let mut batch = Vec::new();
        // It waits for the first and never for a second: while a batch is read, the next one gathers by itself.
        while jobs.blocking_recv_many(&mut batch, self.batch_size()) > 0 {
            batch.retain(|job| !job.reply.is_closed());
            if !batch.is_empty() {
                self.answer(std::mem::take(&mut batch));
            }
        }
    }

    fn answer(&self, jobs: Vec<Job>) {
        let (inputs, replies): (Vec<_>, Vec<_>) = jobs.into_iter().map(|job| (job.input, job.reply)).unzip();
        let reader = Arc::clone(&self.reader.borrow());
        let begin = Instant::now();
        let outcomes = self.read(&*reader, &inputs);
        let time = begin.elapsed();
        self.metrics.batch(inputs.len(), time);
        let now = time.as_nanos() as u64 / inputs.len() as u64;
        // This thread alone writes it.
        let before = self.nanos_per_input.load(Ordering::Relaxed);
        let mean = before - before / MEAN_OVER_BATCHES + now / MEAN_OVER_BATCHES;
        self.nanos_per_input.store(mean, Ordering::Relaxed);
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // A client that has gone away meanwhile needs no answer.
            let _ = reply.send(outcome);
        }
    }

    /// An outcome for each input; if the batch panics, each is read alone, so that the panic costs only its own request.
    fn read(&self, reader: &dyn Reader, inputs: &[Input]) -> Vec<Result<Prediction, Problem>> {
        if let Some(outcomes) = catch_read(reader, inputs) {
            return outcomes.into_iter().map(|outcome| outcome.map_err(Problem::from)).collect();
        }
        self.metrics.count(Event::ReaderPanic);
        if inputs.len() == 1 {
            return vec![Err(Problem::internal())];
        }
        inputs.chunks(1).flat_map(|input| self.read(reader, input)).collect()
    }
}

/// The reader's answers; nothing if it panics, or does not answer each.
pub(crate) fn catch_read(reader: &dyn Reader, inputs: &[Input]) -> Option<Vec<Result<Prediction, Error>>> {
    let read = || {
        let model = &reader.model().digest;
        let sign = |answer| Prediction { answer, model: model.clone() };
        reader.read(inputs).into_iter().map(|outcome| outcome.map(sign)).collect::<Vec<_>>()
    };
    catch_unwind(AssertUnwindSafe(read)).ok().filter(|outcomes| outcomes.len() == inputs.len())
}
