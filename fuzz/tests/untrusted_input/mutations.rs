//! Seeded mutations of good bytes; more of them with `MNIST2X2_STRESS_MINUTES` in the environment.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use fuzz::{TARGETS, Target, mutated};

use crate::limits::{Clock, MAX_MEMORY, MAX_TIME, largest_piece, most_held};

/// Mutations of each target of every day, and in 20 minutes.
const MUTATIONS: u64 = 20_000;
const MANY_MUTATIONS: f64 = 400_000.0;

/// What `cargo xtask stress` shows beside what was measured.
const PROMISE: &str = "promise: no bytes make a reader panic, hang for 1 s or take 256 MiB | ";

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
    assert!(cost.time <= MAX_TIME, "{name}: mutation {index} takes {:?}", cost.time);
    assert!(cost.held <= MAX_MEMORY, "{name}: mutation {index} takes {} bytes", cost.held);
    cost
}

/// Throws all mutations at one target, and says what they cost.
fn throw(name: &str) -> String {
    let target = Target::named(name).unwrap();
    let many = |minutes: String| (MANY_MUTATIONS * minutes.parse::<f64>().unwrap() / 20.0).ceil() as u64;
    let count = env::var("MNIST2X2_STRESS_MINUTES").map_or(MUTATIONS, many);
    let (seeds, mut most, clock) = ((target.seeds)(), Cost::default(), Clock::start());
    for seed in &seeds {
        read(&target, seed, u64::MAX);
    }
    for index in 0..count {
        let cost = read(&target, &mutated(&seeds, name, index), index);
        most = Cost { time: most.time.max(cost.time), held: most.held.max(cost.held) };
    }
    assert!(largest_piece() <= MAX_MEMORY, "{} bytes in one piece", largest_piece());
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
            println!("{PROMISE}{}", throw(stringify!($name)));
        })*

        #[test]
        fn none_is_forgotten() {
            assert_eq!(TARGETS.map(|target| target.name), [$(stringify!($name)),*]);
            for name in TARGETS.map(|target| target.name) {
                let fuzzed = format!("fuzz_targets/{name}.rs");
                assert!(std::path::Path::new(&fuzzed).exists(), "cargo-fuzz does not know {name}");
            }
        }
    };
}

targets! {
    idx gzip writers csv unipen compress strokes correction picture safetensors pt config recipe checkpoint request body
}
