//! What reading may cost: processor time of the thread that reads, and what it allocates.
//!
//! The clock stands still while others have the processor, so that a busy machine looks no slower than an idle one. The
//! allocator counts how much each thread holds, and the largest piece that any asked for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The longest that reading anything may take: far more than the largest picture costs on a slow machine, far less than work
/// without end.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(20);
/// The most that reading anything may take.
pub(crate) const MAX_MEMORY: usize = 256 << 20;

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

thread_local! {
    /// Bytes that this thread has asked for and not given back, and the most there were.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// The largest piece that any thread asked for.
static LARGEST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

fn count(change: isize) {
    // A thread that ends frees its last pieces when its counter is gone.
    let _ = HELD.try_with(|held| {
        let now = held.get().0 + change;
        held.set((now, held.get().1.max(now)));
    });
}

fn ask(bytes: usize) {
    LARGEST.fetch_max(bytes, Ordering::Relaxed);
    count(bytes as isize);
}

/// SAFETY: every call is handed to the system's allocator as it is; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ask(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ask(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.fetch_max(size, Ordering::Relaxed);
        count(size as isize - layout.size() as isize);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// The most bytes that this thread held more than before while `work` was done.
pub(crate) fn most_held(work: impl FnOnce()) -> usize {
    HELD.set((0, 0));
    work();
    HELD.get().1 as usize
}

/// The largest piece that any thread ever asked for.
pub(crate) fn largest_piece() -> usize {
    LARGEST.load(Ordering::Relaxed)
}
