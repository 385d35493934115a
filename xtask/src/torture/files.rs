//! Files and requests by strangers.

use anyhow::Result;

use super::{Line, Tests};

/// Mutations of each reader in 20 minutes.
const MUTATIONS: f64 = 400_000.0;

/// What the readers of files and requests promise.
pub(crate) fn lines(minutes: f64) -> Result<Vec<Line>> {
    let mutations = (MUTATIONS * minutes / 20.0).ceil();
    let tests = |filter, variable| Tests { package: "mnist2x2-fuzz", file: "strangers", filter, variable };
    Ok([
        tests("mutations::", Some(("TORTURE_MUTATIONS", mutations.to_string())))
            .lines("no bytes make a reader panic, hang for 1 s or take 256 MiB")?,
        tests("bombs::", None).lines("no bomb unpacks further than the limits")?,
    ]
    .concat())
}
