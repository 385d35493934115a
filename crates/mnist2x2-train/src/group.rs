//! Processes that train one model together, on one machine or several.
//!
//! Each process is a *rank*. A batch is cut into shards, whose gradients are added up as a tree of pairs; a rank computes the
//! branch of its own shards, and the ranks add their branches in the order of the same tree, so any number of ranks ends with the
//! same bytes: in round k each swaps with the rank whose number differs in bit k (R. Thakur, R. Rabenseifner and W. Gropp,
//! *Optimization of Collective Communication Operations in MPICH*, 2005, section 4.5). Of few numbers it swaps all (*recursive
//! doubling*), of many the half that it goes on without (*recursive halving*), and the halves come back at the end.

use std::fmt::Debug;
use std::hint;
use std::ops::{Add, Range};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use sha2::{Digest, Sha256};

use crate::Error;

/// From so many bytes on the time of a sum is that of its bytes, and not that of its rounds.
const LARGE: usize = 1 << 16;

/// How a rank reaches the others of its group.
pub trait Link: Debug + Send + Sync {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn size(&self) -> usize;

    /// Sends `mine` to the rank `partner`, and fills `theirs` with what that one sends at the same time. Where a rank is gone, all
    /// others end, or this panics.
    fn swap(&self, partner: usize, mine: &[u8], theirs: &mut [u8]);

    /// Ends all ranks with an exit code of this process.
    fn abort(&self, code: u8) -> !;
}

/// This process among those that train one model; by itself, if it is none of several.
#[derive(Clone, Debug, Default)]
pub struct Group(Option<Arc<dyn Link>>);

impl Group {
    /// This process by itself.
    pub fn alone() -> Self {
        Self::default()
    }

    /// The ranks that `link` reaches.
    ///
    /// # Errors
    /// [`Error::Group`] if they are not 1, 2, 4, 8 or another power of two.
    pub fn new(link: impl Link + 'static) -> Result<Self, Error> {
        let size = link.size();
        if size.is_power_of_two() {
            return Ok(Self(Some(Arc::new(link))));
        }
        let fewer = size.next_power_of_two() / 2;
        Err(Error::Group(format!(
            "{size} processes cannot share a batch evenly; start {fewer} or {}",
            2 * fewer
        )))
    }

    /// The processes that `mpirun` started with this one, or this process by itself. Call it once, and keep the group as long as
    /// the program runs.
    ///
    /// # Errors
    /// As [`Group::new`]; [`Error::Group`] if this program was built without the feature `mpi`.
    pub fn join() -> Result<Self, Error> {
        let started: usize = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok()?.parse().ok())
            .unwrap_or(1);
        if started == 1 { Ok(Self::alone()) } else { Self::of_mpi(started) }
    }

    #[cfg(feature = "mpi")]
    fn of_mpi(_: usize) -> Result<Self, Error> {
        Self::new(mpi_link::Mpi::start()?)
    }

    #[cfg(not(feature = "mpi"))]
    fn of_mpi(started: usize) -> Result<Self, Error> {
        Err(Error::Group(format!(
            "mpirun started {started} processes, but this program was built without MPI; build it with `--features mpi` \
             (docs/machines.md)"
        )))
    }

    /// The number of this rank, from 0.
    pub fn rank(&self) -> usize {
        self.0.as_ref().map_or(0, |link| link.rank())
    }

    /// How many ranks there are.
    pub fn size(&self) -> usize {
        self.0.as_ref().map_or(1, |link| link.size())
    }

    /// Whether this rank is the one that writes.
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// Which of `leaves` terms, added up in pairs, are the branch of this rank: none where there are fewer than ranks.
    pub(crate) fn branch(&self, leaves: usize) -> Range<usize> {
        let each = leaves.next_power_of_two().max(self.size()) / self.size();
        let start = (self.rank() * each).min(leaves);
        start..(start + each).min(leaves)
    }

    /// The same ranks over a network that takes `latency` and the time of so many bits a second longer for each swap than the one
    /// that there is: to measure what that costs.
    #[must_use]
    pub fn over(&self, latency: Duration, bits_per_second: f64) -> Self {
        let slower = |link: &Arc<dyn Link>| -> Arc<dyn Link> {
            Arc::new(Slower { link: Arc::clone(link), latency, bits_per_second })
        };
        Self(self.0.as_ref().map(slower))
    }

    /// Adds up the `values` of all ranks, in pairs; every rank gets the sums. Ranks that have nothing to add bring zeros.
    pub fn sum<T: Pod + Add<Output = T>>(&self, values: &mut [T]) {
        let Some(link) = &self.0 else { return };
        let mut theirs = values.to_vec();
        if size_of_val(values) >= LARGE {
            return self.sum_halves(&**link, 0, values, &mut theirs);
        }
        for round in 0..self.size().trailing_zeros() {
            link.swap(self.partner(round), cast_slice(values), cast_slice_mut(&mut theirs));
            add(values, &theirs);
        }
    }

    /// The same from a round on: adds up one half while the partner adds up the other, then both swap them.
    fn sum_halves<T: Pod + Add<Output = T>>(
        &self,
        link: &dyn Link,
        round: u32,
        values: &mut [T],
        theirs: &mut [T],
    ) {
        if round == self.size().trailing_zeros() {
            return;
        }
        let partner = self.partner(round);
        let (lower, upper) = values.split_at_mut(values.len() / 2);
        let (own, other) = if self.rank() < partner { (lower, upper) } else { (upper, lower) };
        link.swap(partner, cast_slice(other), cast_slice_mut(&mut theirs[..own.len()]));
        add(own, theirs);
        self.sum_halves(link, round + 1, own, theirs);
        link.swap(partner, cast_slice(own), cast_slice_mut(other));
    }

    /// The rank with which this one swaps in a round.
    fn partner(&self, round: u32) -> usize {
        self.rank() ^ (1 << round)
    }

    /// Whether it holds in any rank; every rank learns it.
    pub fn any(&self, holds: bool) -> bool {
        let mut ranks = [u32::from(holds)];
        self.sum(&mut ranks);
        ranks != [0]
    }

    /// What `bytes` are in the first rank, whatever they are elsewhere.
    pub fn broadcast(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.size() == 1 {
            return bytes;
        }
        let bytes = if self.is_first() { bytes } else { Vec::new() };
        let mut length = [bytes.len() as u64];
        self.sum(&mut length);
        let mut all = bytes;
        all.resize(length[0] as usize, 0);
        self.sum(&mut all);
        all
    }

    /// What `bytes` are in each rank.
    pub fn gather(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut lengths = vec![0_u64; self.size()];
        lengths[self.rank()] = bytes.len() as u64;
        self.sum(&mut lengths);
        let most = lengths.iter().copied().max().unwrap_or(0) as usize;
        let mut all = vec![0; most * self.size()];
        all[self.rank() * most..][..bytes.len()].copy_from_slice(bytes);
        self.sum(&mut all);
        let rank = |(rank, &length): (usize, &u64)| all[rank * most..][..length as usize].to_vec();
        lengths.iter().enumerate().map(rank).collect()
    }

    /// Makes sure that all ranks run the same program.
    ///
    /// # Errors
    /// As [`Group::check_same`]; [`Error::Io`] if the program's own file cannot be read.
    pub fn check_same_program(&self) -> Result<(), Error> {
        let path = std::env::current_exe().map_err(Error::io(Path::new("the program's own file")))?;
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        self.check_same("the program", &Sha256::digest(bytes).into())
    }

    /// How many threads each process starts if nobody says: its share of the cores, where several run on one machine.
    pub fn usual_threads(&self) -> Option<usize> {
        let here: usize = std::env::var("OMPI_COMM_WORLD_LOCAL_SIZE").ok()?.parse().ok()?;
        let cores = thread::available_parallelism().ok()?.get();
        (self.size() > 1).then(|| (cores / here.max(1)).max(1))
    }

    /// Makes sure that all ranks have the same `digest` of `what`.
    ///
    /// # Errors
    /// [`Error::Group`] names the first rank that has another than the first.
    pub fn check_same(&self, what: &str, digest: &[u8; 32]) -> Result<(), Error> {
        let digests = self.gather(digest);
        match digests.iter().position(|other| *other != digests[0]) {
            None => Ok(()),
            Some(rank) => Err(Error::Group(format!(
                "{what} of rank {rank} differs from that of rank 0: all ranks need the same"
            ))),
        }
    }

    /// Ends all ranks: this one has failed, and the others would wait for it.
    pub fn abort(&self, code: u8) -> ! {
        match &self.0 {
            Some(link) => link.abort(code),
            None => std::process::exit(code.into()),
        }
    }
}

fn add<T: Copy + Add<Output = T>>(values: &mut [T], others: &[T]) {
    values.iter_mut().zip(others).for_each(|(value, &other)| *value = *value + other);
}

/// See [`Group::over`].
#[derive(Debug)]
struct Slower {
    link: Arc<dyn Link>,
    latency: Duration,
    bits_per_second: f64,
}

impl Link for Slower {
    fn rank(&self) -> usize {
        self.link.rank()
    }

    fn size(&self) -> usize {
        self.link.size()
    }

    fn swap(&self, partner: usize, mine: &[u8], theirs: &mut [u8]) {
        self.link.swap(partner, mine, theirs);
        let bits = 8 * mine.len().max(theirs.len());
        let (swapped, time) =
            (Instant::now(), self.latency + Duration::from_secs_f64(bits as f64 / self.bits_per_second));
        // MPI polls while it waits. A thread that slept would find its core slower than it was.
        while swapped.elapsed() < time {
            hint::spin_loop();
        }
    }

    fn abort(&self, code: u8) -> ! {
        self.link.abort(code)
    }
}

/// The ranks that `mpirun` started.
#[cfg(feature = "mpi")]
mod mpi_link {
    use mpi::Threading;
    use mpi::environment::Universe;
    use mpi::point_to_point::send_receive_into;
    use mpi::traits::Communicator;

    use super::Link;
    use crate::Error;

    /// MPI from its beginning to its end, which waits for all ranks.
    pub(super) struct Mpi(Universe);

    impl std::fmt::Debug for Mpi {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "rank {} of {}", self.rank(), self.size())
        }
    }

    impl Mpi {
        /// Joins the others. All calls come from one thread at a time.
        pub(super) fn start() -> Result<Self, Error> {
            match mpi::initialize_with_threading(Threading::Serialized) {
                Some((universe, provided)) if provided >= Threading::Serialized => Ok(Self(universe)),
                Some(_) => {
                    Err(Error::Group("this MPI takes no calls from a program with several threads".into()))
                }
                None => Err(Error::Group("the group was joined twice in one process".into())),
            }
        }
    }

    impl Link for Mpi {
        fn rank(&self) -> usize {
            self.0.world().rank() as usize
        }

        fn size(&self) -> usize {
            self.0.world().size() as usize
        }

        fn swap(&self, partner: usize, mine: &[u8], theirs: &mut [u8]) {
            let world = self.0.world();
            let partner = world.process_at_rank(partner as i32);
            send_receive_into(mine, &partner, theirs, &partner);
        }

        fn abort(&self, code: u8) -> ! {
            self.0.world().abort(code.into())
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
