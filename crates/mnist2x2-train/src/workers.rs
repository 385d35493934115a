//! The threads that shards run on.

use mnist2x2_kernels::keep_freed_memory;
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::Error;

/// Values that one thread works on at a time: few enough to stay in its cache with what is read beside them.
pub(crate) const STRETCH: usize = 1 << 14;

/// A fixed number of threads. What they compute does not depend on how many they are.
#[derive(Debug)]
pub struct Workers(ThreadPool);

impl Workers {
    /// Starts `threads` threads, or as many as the machine has cores, and has the process keep the memory that it frees; see
    /// [`keep_freed_memory`].
    ///
    /// # Errors
    /// [`Error::Threads`] if the system refuses.
    pub fn new(threads: Option<usize>) -> Result<Self, Error> {
        keep_freed_memory();
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.unwrap_or_else(available);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.map(Self).map_err(|source| Error::Threads { threads, source })
    }

    /// How many threads there are.
    pub fn count(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Runs `job`, whose parallel iterators then use these threads.
    pub(crate) fn run<R: Send>(&self, job: impl FnOnce() -> R + Send) -> R {
        self.0.install(job)
    }

    /// `job` of each item, in the order of the items.
    ///
    /// # Errors
    /// That of the first item, in their order, whose job failed.
    pub(crate) fn map<T: Send, R: Send>(
        &self,
        items: Vec<T>,
        job: impl Fn(T) -> Result<R, Error> + Sync,
    ) -> Result<Vec<R>, Error> {
        let results: Vec<Result<R, Error>> = self.run(|| items.into_par_iter().map(&job).collect());
        results.into_iter().collect()
    }
}
