//! Many threads and processes on one store.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use mnist2x2_corrections::{Correction, Error, Store};

use crate::support::{Bench, STORE, correction, myself};

/// Every key in the store, in its order.
pub(crate) fn keys(store: &Store) -> Vec<String> {
    let mut keys = Vec::new();
    let mut id = 0;
    while let Some(stored) = store.after(id).unwrap() {
        assert_eq!(stored.correction, correction(&stored.correction.key), "whole and unmixed");
        id = stored.id;
        keys.push(stored.correction.key);
    }
    keys
}

#[test]
fn sixteen_threads_post_the_same_and_each_is_there_once() {
    const THREADS: usize = 16;
    const POSTS: usize = 12;
    let bench = Bench::new();
    let store = bench.open();
    let barrier = Barrier::new(THREADS);
    // Pairs of threads share their keys, so that every correction comes twice at about the same time.
    let post = |thread: usize| {
        barrier.wait();
        let added = (0..POSTS).map(|n| store.add(&correction(&format!("{}:{n}", thread / 2))).unwrap().new);
        added.filter(|&new| new).count()
    };
    let new: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || post(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let keys = keys(&store);
    assert_eq!((new, keys.len()), (THREADS / 2 * POSTS, THREADS / 2 * POSTS));
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    store.check().unwrap();
}

#[test]
fn the_same_key_gives_the_first_correction_back_and_never_changes_it() {
    let bench = Bench::new();
    let store = bench.open();
    let first = store.add(&correction("key")).unwrap();
    let again = store.add(&Correction { time: 1_800_000_000_000, ..correction("key") }).unwrap();
    assert!(first.new && !again.new);
    assert_eq!(again.stored, first.stored, "with the time of the first");
    for other in [
        Correction { right: "____".into(), ..correction("key") },
        Correction { strokes: correction("longer key").strokes, ..correction("key") },
        Correction { source: Some("elsewhere".into()), ..correction("key") },
    ] {
        assert!(matches!(store.add(&other).unwrap_err(), Error::Conflict(key) if key == "key"));
    }
    assert_eq!(store.get("key").unwrap(), Some(first.stored));
    assert_eq!(store.get("another").unwrap(), None);
    assert_eq!(store.count().unwrap(), 1);
}

#[test]
fn pages_put_together_are_everything_in_order() {
    let bench = Bench::new();
    let store = bench.open();
    let posted: Vec<String> = (0..23).map(|n| format!("k{}", 97 * n % 23)).collect();
    for key in &posted {
        store.add(&correction(key)).unwrap();
    }
    let mut paged = Vec::new();
    let mut id = 0;
    loop {
        let page = store.page(id, 7).unwrap();
        let Some(last) = page.last() else { break };
        id = last.id;
        assert!(page.len() <= 7 && page.iter().all(|one| one.strokes_bytes > 1000 && one.picture_bytes == 0));
        paged.extend(page.into_iter().map(|one| one.key));
    }
    assert_eq!(paged, posted);
    assert_eq!(store.page(0, u32::MAX).unwrap().len(), 23);
}

/// The part of the next test that runs in other processes.
#[test]
fn child_that_posts_forty() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let store = Store::open(Path::new(&path)).unwrap();
    for n in 0..40 {
        store.add(&correction(&format!("{}:{n}", n % 2 * std::process::id()))).unwrap();
    }
}

#[test]
fn processes_that_open_one_new_store_at_once_all_post_to_it() {
    let bench = Bench::new();
    let spawn = |_| myself("concurrency::child_that_posts_forty", &bench).spawn().unwrap();
    let children: Vec<_> = (0..4).map(spawn).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let store = bench.open();
    assert_eq!(keys(&store).len(), 20 + 4 * 20, "the even ones were the same in all, the odd ones in none");
    store.check().unwrap();
}
