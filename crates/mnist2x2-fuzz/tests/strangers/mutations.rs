//! Seeded mutations of good bytes. `TORTURE_MUTATIONS` in the environment says how many.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mnist2x2_fuzz::{TARGETS, Target, mutated};

use crate::clock::{Clock, MOST_TIME};
use crate::memory::{MOST, largest_piece, most_held};

/// Mutations of each target where the environment does not say.
const MUTATIONS: u64 = 20_000;

/// What reading cost at most.
#[derive(Clone, Copy, Default)]
struct Cost {
    time: Duration,
    held: usize,
}

/// Reads `bytes`, which are number `index` of the target, within the limits.
fn read(target: &Target, bytes: &[u8], index: u64) -> Cost {
    let clock = Clock::start();
    let mut outcome = Ok(());
    let held = most_held(|| outcome = catch_unwind(AssertUnwindSafe(|| (target.read)(bytes))));
    let cost = Cost { time: clock.time(), held };
    let name = target.name;
    assert!(outcome.is_ok(), "{name}: mutation {index} panics");
    assert!(cost.time <= MOST_TIME, "{name}: mutation {index} takes {:?}", cost.time);
    assert!(cost.held <= MOST, "{name}: mutation {index} takes {} bytes", cost.held);
    cost
}

/// Throws all mutations at one target, and says what they cost.
fn throw(name: &str) -> String {
    let target = Target::named(name).unwrap();
    let count = env::var("TORTURE_MUTATIONS").map_or(MUTATIONS, |count| count.parse().unwrap());
    let (seeds, mut most, clock) = ((target.seeds)(), Cost::default(), Clock::start());
    for seed in &seeds {
        read(&target, seed, u64::MAX);
    }
    for index in 0..count {
        let cost = read(&target, &mutated(&seeds, name, index), index);
        most = Cost { time: most.time.max(cost.time), held: most.held.max(cost.held) };
    }
    assert!(largest_piece() <= MOST, "{} bytes in one piece", largest_piece());
    format!(
        "{name}: {count} mutations in {:.1} s, at most {:.3} s and {:.1} MiB each",
        clock.time().as_secs_f64(),
        most.time.as_secs_f64(),
        most.held as f64 / f64::from(1 << 20)
    )
}

/// A test for each target, so that they run side by side.
macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            println!("measured: {}", throw(stringify!($name)));
        })*

        #[test]
        fn none_is_forgotten() {
            assert_eq!(TARGETS.map(|target| target.name), [$(stringify!($name)),*]);
            for name in TARGETS.map(|target| target.name) {
                let fuzzed = format!("../../fuzz/fuzz_targets/{name}.rs");
                assert!(std::path::Path::new(&fuzzed).exists(), "cargo-fuzz does not know {name}");
            }
        }
    };
}

targets! {
    idx gzip unipen compress strokes correction picture safetensors pt config recipe checkpoint request body
}
