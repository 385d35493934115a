//! A clock that stands still while others have the processor, so that a busy machine looks no slower than an idle one.

use std::fs;
use std::time::{Duration, Instant};

/// The longest that reading anything may take.
pub(crate) const MOST_TIME: Duration = Duration::from_secs(1);

/// The processor time of this thread, or wall time where the system does not tell (it is Linux that does).
pub(crate) struct Clock {
    processor: Option<Duration>,
    wall: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { processor: processor_time(), wall: Instant::now() }
    }

    /// The time since the start.
    pub(crate) fn time(&self) -> Duration {
        let since = |start| processor_time()?.checked_sub(start);
        self.processor.and_then(since).unwrap_or_else(|| self.wall.elapsed())
    }
}

fn processor_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}
