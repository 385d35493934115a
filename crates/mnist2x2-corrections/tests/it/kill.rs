//! A process that posts is killed at random moments.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use mnist2x2_corrections::Store;
use mnist2x2_random::Random;

use crate::concurrency::keys;
use crate::support::{Bench, STORE, correction, kill, myself};

/// How often the process is killed.
const KILLS: u64 = 12;

/// The process that is killed: three threads post and acknowledge on standard output, for ever.
#[test]
fn child_that_acknowledges() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let store = Store::open(Path::new(&path)).unwrap();
    let out = Mutex::new(std::io::stdout());
    let post = |thread: u32| {
        for n in 0.. {
            let key = format!("{}:{thread}:{n}", std::process::id());
            let posts = if n % 5 == 0 { 2 } else { 1 };
            for _ in 0..posts {
                store.add(&correction(&key)).unwrap();
            }
            let line = format!("acknowledged {key}\n");
            out.lock().unwrap().write_all(line.as_bytes()).unwrap();
        }
    };
    thread::scope(|scope| (0..3).for_each(|thread| _ = scope.spawn(move || post(thread))));
}

/// Lets the process post for `time` after its first acknowledgement, kills it, and gives what it acknowledged.
fn acknowledged_until_killed(bench: &Bench, time: Duration) -> Vec<String> {
    let mut child = myself("kill::child_that_acknowledges", bench).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut keys = lines.filter_map(|line| line.strip_prefix("acknowledged ").map(str::to_owned));
    let first = keys.next().unwrap();
    thread::sleep(time);
    kill(child);
    std::iter::once(first).chain(keys).collect()
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_exactly_once() {
    let bench = Bench::new();
    let mut acknowledged = Vec::new();
    for round in 0..KILLS {
        let micros = Random::keyed(1, "kill", 0, round).below(60_000);
        let time = Duration::from_micros(u64::from(micros));
        acknowledged.extend(acknowledged_until_killed(&bench, time));
        bench.open().check().unwrap();
    }
    let store = bench.open();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for key in keys(&store) {
        *times.entry(key).or_default() += 1;
    }
    for key in &acknowledged {
        assert_eq!(times.get(key), Some(&1), "{key}, one of {} acknowledged", acknowledged.len());
    }
    assert!(times.values().all(|&times| times == 1));
    eprintln!("{KILLS} kills, {} acknowledged, {} there", acknowledged.len(), times.len());
}
