//! The threads that shards run on, and the processes that share them out.

use mnist2x2_kernels::{keep_freed_memory, use_large_pages, vectorize};
#[cfg(not(target_family = "wasm"))]
use rayon::{ThreadPool, prelude::*};

use crate::{Error, Group};

/// Values that one thread works on at a time: few enough to stay in its cache with what is read beside them.
pub(crate) const STRETCH: usize = 1 << 14;

/// A fixed number of threads, in a [`Group`] of processes. What they compute does not depend on how many they are.
#[derive(Debug)]
pub struct Workers {
    #[cfg(not(target_family = "wasm"))]
    pool: ThreadPool,
    group: Group,
}

impl Workers {
    /// Starts `threads` threads, or as many as the machine has cores, and has the process keep the memory that it frees, and these
    /// threads and the calling one take theirs from large pages; see [`keep_freed_memory`] and [`use_large_pages`]. In WebAssembly it is the thread that asks, whatever `threads` says.
    ///
    /// # Errors
    /// [`Error::Threads`] if the system refuses.
    #[cfg_attr(target_family = "wasm", expect(unused_variables, reason = "it starts none"))]
    pub fn new(threads: Option<usize>) -> Result<Self, Error> {
        keep_freed_memory();
        use_large_pages();
        #[cfg(not(target_family = "wasm"))]
        let pool = {
            let available = || std::thread::available_parallelism().map_or(1, usize::from);
            let threads = threads.unwrap_or_else(available);
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .start_handler(|_| use_large_pages())
                .build();
            pool.map_err(|source| Error::Threads { threads, source })?
        };
        Ok(Self {
            #[cfg(not(target_family = "wasm"))]
            pool,
            group: Group::alone(),
        })
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
        #[cfg(not(target_family = "wasm"))]
        return self.pool.current_num_threads();
        #[cfg(target_family = "wasm")]
        1
    }

    /// Runs it in one of the threads, where whatever it calls shares these threads and no others.
    pub(crate) fn install<R: Send>(&self, job: impl FnOnce() -> R + Send) -> R {
        #[cfg(not(target_family = "wasm"))]
        return self.pool.install(job);
        #[cfg(target_family = "wasm")]
        job()
    }

    /// Runs both, the second in another thread if one is free.
    pub(crate) fn join<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        #[cfg(not(target_family = "wasm"))]
        return self.pool.join(a, b);
        #[cfg(target_family = "wasm")]
        (a(), b())
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
        #[cfg(not(target_family = "wasm"))]
        let results: Vec<Result<R, Error>> = self.install(|| items.into_par_iter().map(&job).collect());
        #[cfg(target_family = "wasm")]
        let results = items.into_iter().map(job);
        results.into_iter().collect()
    }

    pub(crate) fn are_finite(&self, values: &[f32]) -> bool {
        self.all(values, f32::is_finite)
    }

    /// Whether `holds` of all values; several are looked at in one instruction, because no single one ends the search.
    pub(crate) fn all(&self, values: &[f32], holds: impl Fn(f32) -> bool + Sync) -> bool {
        let all_of =
            |stretch: &[f32]| vectorize(|| stretch.iter().fold(true, |all, &value| all & holds(value)));
        self.map(values.chunks(STRETCH).collect(), |stretch| Ok(all_of(stretch)))
            .is_ok_and(|all| !all.contains(&false))
    }

    /// Does `job` with each item.
    pub(crate) fn for_each<T: Send>(&self, items: Vec<T>, job: impl Fn(T) + Send + Sync) {
        #[cfg(not(target_family = "wasm"))]
        self.install(|| items.into_par_iter().for_each(job));
        #[cfg(target_family = "wasm")]
        items.into_iter().for_each(job);
    }
}
