//! What the server promises, tried on the program itself with the model that it ships.

mod corrections;
mod crowd;
mod program;
mod steady;
mod stop;

use std::time::Duration;

use anyhow::Result;

use self::program::Program;
use super::Line;

/// Memory that the program may keep.
const MOST_GROWTH: u64 = 20 << 20;

/// Tries every promise of the server, for about so many minutes.
pub(crate) fn lines(minutes: f64) -> Result<Vec<Line>> {
    let binary = program::build()?;
    let share = |share: f64| Duration::from_secs_f64(60.0 * minutes * share);
    let mut lines = Vec::new();
    let tries: [(&str, &dyn Fn() -> Result<Line>); 7] = [
        ("load", &|| steady::load(&binary, share(0.5))),
        ("overload", &|| steady::overload(&binary, share(0.05))),
        ("bad requests", &|| steady::bad_requests(&binary, (500.0 * minutes) as usize + 1)),
        ("slow clients", &|| crowd::slow(&binary)),
        ("connections", &|| crowd::too_many(&binary)),
        ("stop", &|| stop::under_load(&binary)),
        ("corrections", &|| corrections::killed(&binary, minutes / 20.0)),
    ];
    for (name, attempt) in tries {
        eprintln!("trying the server: {name}");
        lines.push(attempt()?);
    }
    Ok(lines)
}

/// A time as the table shows it.
fn millis(time: Duration) -> String {
    format!("{:.0} ms", 1e3 * time.as_secs_f64())
}
