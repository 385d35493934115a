//! Runs that are killed, stopped, and short of disk.

use anyhow::Result;

use super::{Line, Tests};

/// Kills in 20 minutes.
const KILLS: f64 = 200.0;

/// What training promises.
pub(crate) fn lines(minutes: f64) -> Result<Vec<Line>> {
    let kills = (KILLS * minutes / 20.0).ceil();
    let tests = |filter, variable| Tests { package: "mnist2x2-train", file: "reliability", filter, variable };
    Ok([
        tests("kills::", Some(("TORTURE_KILLS", kills.to_string())))
            .lines("killed at any time, a run loses one checkpoint interval at most and ends the same")?,
        tests("stops::", None)
            .lines("stopped at 20 random steps, on any number of threads, it ends the same")?,
        tests("disk::", None).lines(
            "whichever call to the disk fails, the last good checkpoint loads and the end is the same",
        )?,
        tests("divergence::", None).lines("what is not finite stops in that step and is never saved")?,
    ]
    .concat())
}
