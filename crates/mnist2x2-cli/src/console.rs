//! Output: results on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use serde::Serialize;
use tqdm::{Tqdm, pbar};

/// Prints a result. A failure is an error, so that a full disk behind a redirect is noticed.
pub(crate) fn print(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Prints a named result, as a row of a table.
pub(crate) fn row(name: &str, value: impl Display) -> io::Result<()> {
    print(&format!("{name:20}{value}"))
}

/// Prints a result as one line of JSON.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(print(&serde_json::to_string(value)?)?)
}

/// Prints a message to standard error. A closed standard error is no reason to stop.
pub(crate) fn log(line: &str) {
    writeln!(io::stderr().lock(), "{line}").ok();
}

/// The beginning of a command line that starts this program as the user has started it: through cargo, or by its name.
pub(crate) fn program() -> String {
    const PACKAGE: &str = env!("CARGO_PKG_NAME");
    if std::env::var_os("CARGO_PKG_NAME").is_some_and(|name| name == PACKAGE) {
        return format!("cargo run -p {PACKAGE} --");
    }
    let name = std::env::args_os().next();
    name.map_or_else(|| env!("CARGO_BIN_NAME").into(), |name| name.to_string_lossy().into_owned())
}

/// A progress bar on a terminal, nothing elsewhere: tqdm itself would write escape codes into any file.
pub(crate) struct Bar {
    bar: Option<Tqdm<()>>,
    described: Instant,
}

impl Bar {
    /// A bar that is full after `total` updates.
    pub(crate) fn new(total: usize, what: &str) -> Self {
        let bar = io::stderr().is_terminal().then(|| pbar(Some(total)).desc(Some(what)).clear(true));
        Self { bar, described: Instant::now() }
    }

    /// Advances by `n`. A bar that cannot be drawn is no reason to stop.
    pub(crate) fn advance(&mut self, n: usize) {
        if let Some(bar) = &mut self.bar {
            bar.update(n).ok();
        }
    }

    /// Shows `what` beside the bar, at most ten times a second.
    pub(crate) fn describe(&mut self, what: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar
            && self.described.elapsed() > Duration::from_millis(100)
        {
            bar.set_desc(Some(what()));
            self.described = Instant::now();
        }
    }
}

impl Drop for Bar {
    /// Clears the line for what is printed next: tqdm leaves what it drew last.
    fn drop(&mut self) {
        if self.bar.take().is_some() {
            write!(io::stderr().lock(), "\r\x1b[2K").ok();
        }
    }
}

/// A duration in words: `7.3 s`, `2 min 05 s`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if whole < 60 { format!("{seconds:.1} s") } else { format!("{} min {:02} s", whole / 60, whole % 60) }
}

/// A share in percent, with the two decimals that 10,000 trials resolve.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}
