//! The threads that shards run on, and the processes that share them out.

use mnist2x2_kernels::keep_freed_memory;
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::{Error, Group};

/// Values that one thread works on at a time: few enough to stay in its cache with what is read beside them.
pub(crate) const STRETCH: usize = 1 << 14;

/// A fixed number of threads, in a [`Group`] of processes. What they compute does not depend on how many they are.
#[derive(Debug)]
pub struct Workers {
    pool: ThreadPool,
    group: Group,
}

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
        let pool = pool.map_err(|source| Error::Threads { threads, source })?;
        Ok(Self { pool, group: Group::alone() })
    }

    /// The same threads, in a process that shares training with the others of `group`.
    #[must_use]
    pub fn in_group(self, group: Group) -> Self {
        Self { group, ..self }
    }

    /// The processes that share training.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// How many threads there are.
    pub fn count(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `job`, whose parallel iterators then use these threads.
    pub(crate) fn run<R: Send>(&self, job: impl FnOnce() -> R + Send) -> R {
        self.pool.install(job)
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

pub(crate) fn are_finite(values: &[f32]) -> bool {
    all(values, f32::is_finite)
}

/// Whether `holds` of all values; several are looked at in one instruction, because no single one ends the search.
pub(crate) fn all(values: &[f32], holds: impl Fn(f32) -> bool) -> bool {
    values.chunks(STRETCH).all(|stretch| stretch.iter().fold(true, |all, &value| all & holds(value)))
}
