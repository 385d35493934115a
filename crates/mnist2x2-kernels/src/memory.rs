//! What becomes of memory that is given back: in the process, and in each thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::thread::{self, ThreadId};

use crate::sizes::LINE;

/// Lets this process keep the memory that it frees.
///
/// Each step of training allocates what the step before freed. Meanwhile the allocator of glibc gives it back to the system, which
/// clears it page by page when it is wanted again: a sixth to a fourth of the time of training. Other allocators are left as they
/// are. The process holds up to 256 MiB that it does not need.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    for (option, bytes) in [(libc::M_MMAP_THRESHOLD, 32 << 20), (libc::M_TRIM_THRESHOLD, 256 << 20)] {
        // SAFETY: it sets a number of the allocator, under the allocator's own lock.
        unsafe { libc::mallopt(option, bytes) };
    }
}

/// Has the calling thread take its memory from pages of 2 MiB, where the system has some to give: as much of it as lies in the
/// 24 MiB that it asks for here and frees again, so [`keep_freed_memory`] comes first.
///
/// A step of training goes through some 12 MB. In pages of 4 KiB this is more than the processor has addresses of at hand, and the
/// matrix product waits for them: at 7 MB it runs at 60 to 99 GFLOP/s instead of 110.
pub fn use_large_pages() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    {
        const PAGE: usize = 2 << 20;
        let mut block = Vec::<u8>::new();
        if block.try_reserve_exact(12 * PAGE).is_err() {
            return;
        }
        let skipped = block.as_ptr().align_offset(PAGE);
        let pages = &mut block.spare_capacity_mut()[skipped..];
        // SAFETY: it changes how memory that belongs to the block is mapped, and nothing of what it holds.
        unsafe { libc::madvise(pages.as_mut_ptr().cast(), pages.len() / PAGE * PAGE, libc::MADV_HUGEPAGE) };
    }
}

thread_local! {
    /// The buffers that this thread made and no longer uses, by their lengths.
    ///
    /// The system's allocator would hand such sizes back to the kernel and fetch them again, page by page, in every training step.
    /// Each thread has a pool of its own, so what it takes from there is in the cache of its core.
    static POOL: RefCell<BTreeMap<usize, Vec<Vec<f32>>>> = RefCell::default();
}

/// Memory that goes back to the pool of the thread that made it, if it is dropped there; it holds anything.
#[derive(Debug)]
pub(crate) struct Buffer {
    owner: ThreadId,
    numbers: Vec<f32>,
    /// Numbers before the first whole line of the cache, so that no vector lies in two.
    skipped: usize,
    len: usize,
}

impl Buffer {
    /// A buffer of `len` numbers: the smallest of the pool that holds them and is not much larger, or a new one.
    pub(crate) fn new(len: usize) -> Self {
        let owner = thread::current().id();
        if len == 0 {
            return Self { owner, numbers: Vec::new(), skipped: 0, len };
        }
        let needed = len.saturating_add(LINE);
        let fits = needed..=needed.saturating_mul(2);
        let fitting =
            POOL.with_borrow_mut(|pool| pool.range_mut(fits).find_map(|(_, buffers)| buffers.pop()));
        let numbers = fitting.unwrap_or_else(|| vec![0.0; needed]);
        let skipped = numbers.as_ptr().align_offset(4 * LINE).min(LINE);
        Self { owner, numbers, skipped, len }
    }

    /// A buffer of these numbers.
    pub(crate) fn of(numbers: &[f32]) -> Self {
        let mut buffer = Self::new(numbers.len());
        buffer.copy_from_slice(numbers);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[self.skipped..][..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.skipped..][..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut self.numbers);
        if !numbers.is_empty() && self.owner == thread::current().id() {
            // While the thread ends there may be no pool any more.
            let _ = POOL.try_with(|pool| pool.borrow_mut().entry(numbers.len()).or_default().push(numbers));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_own_buffers_and_no_others() {
        let kept = || POOL.with_borrow(|pool| pool.values().map(Vec::len).sum::<usize>());
        let others = thread::spawn(|| [5, 6].map(Buffer::new)).join().unwrap();
        let own = [100, 120].map(Buffer::new);
        let place = own[0].as_ptr();
        drop(others);
        assert_eq!(kept(), 0);
        drop(own);
        assert_eq!(kept(), 2);
        let again = Buffer::new(90);
        assert!(again.as_ptr() == place && kept() == 1, "the smallest that holds them");
        assert_eq!(again.as_ptr().align_offset(4 * LINE), 0);
    }
}
