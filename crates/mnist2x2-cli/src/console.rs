//! Output: results on standard output, everything else on standard error.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mnist2x2::data::shell_word;
use serde::Serialize;
use tqdm::{Tqdm, pbar};

use crate::interrupt::Interrupted;

/// Which of the processes that work together this is; all but the first keep quiet about what each of them knows.
static RANK: AtomicUsize = AtomicUsize::new(0);

/// Speaks from here on as this rank.
pub(crate) fn speak_as(rank: usize) {
    RANK.store(rank, Ordering::Relaxed);
}

fn is_quiet() -> bool {
    RANK.load(Ordering::Relaxed) > 0
}

/// Prints a result. A failure is an error, so that a full disk behind a redirect is noticed.
pub(crate) fn print(line: &str) -> io::Result<()> {
    if is_quiet() { Ok(()) } else { writeln!(io::stdout().lock(), "{line}") }
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
    if !is_quiet() {
        say(line);
    }
}

/// Writes all of `line` to standard error at once, so that what other processes write there comes before or after it.
fn say(line: &str) {
    io::stderr().lock().write_all(format!("{line}\n").as_bytes()).ok();
}

/// Prints why this process fails, and which it is, if it is one of several.
pub(crate) fn error(why: &str) {
    let rank = RANK.load(Ordering::Relaxed);
    let who = if rank == 0 { String::new() } else { format!(" (rank {rank})") };
    say(&format!("error{who}: {why}"));
}

/// Says how a command ended, and gives its exit code.
pub(crate) fn ended(result: anyhow::Result<()>) -> ExitCode {
    let Err(why) = result else { return ExitCode::SUCCESS };
    if is_broken_pipe(&why) {
        return ExitCode::SUCCESS;
    }
    if why.is::<Interrupted>() {
        log(&why.to_string());
        return ExitCode::from(130);
    }
    error(&format!("{why:#}"));
    ExitCode::FAILURE
}

/// Whether the reader of our output has stopped, as `head` does: this is no failure of ours.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is_pipe = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.downcast_ref().is_some_and(is_pipe)
}

/// A command line that can be pasted into a shell: this program, what it is to do with `path`, and the words after that.
pub(crate) fn command(verb: &str, path: &Path, rest: &[String]) -> String {
    let words = [shell_word(path)].into_iter().chain(rest.iter().map(shell_word));
    format!("{} {verb} {}", program(), words.collect::<Vec<_>>().join(" "))
}

/// The beginning of a command line that starts this program as the user has started it: through cargo, or by its name.
fn program() -> String {
    const PACKAGE: &str = env!("CARGO_PKG_NAME");
    if std::env::var_os("CARGO_PKG_NAME").is_some_and(|name| name == PACKAGE) {
        return format!("cargo run -p {PACKAGE} --");
    }
    let name = std::env::args_os().next();
    name.map_or_else(|| env!("CARGO_BIN_NAME").into(), shell_word)
}

/// Whether standard error is a terminal on which a bar can be drawn.
pub(crate) fn can_draw() -> bool {
    !is_quiet() && io::stderr().is_terminal() && understands_escapes(std::env::var_os("TERM").as_deref())
}

/// A terminal that calls itself dumb shows escape codes as they are, as those of editors do.
fn understands_escapes(term: Option<&OsStr>) -> bool {
    term.is_none_or(|term| term != "dumb")
}

/// A progress bar on a terminal, nothing elsewhere: tqdm itself would write escape codes into any file.
pub(crate) struct Bar {
    bar: Option<Tqdm<()>>,
    described: Instant,
}

impl Bar {
    /// A bar that is full after `total` updates.
    pub(crate) fn new(total: usize, what: &str) -> Self {
        let bar = can_draw().then(|| pbar(Some(total)).desc(Some(what)).clear(true));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn commands_can_be_pasted() {
        for (path, word) in [
            ("runs/a-1", "runs/a-1"),
            ("runs/r 1", "'runs/r 1'"),
            ("it's", r"'it'\''s'"),
            ("$HOME; rm *", "'$HOME; rm *'"),
            ("", "''"),
        ] {
            let line = command("predict --model", Path::new(path), &["--data-dir".into(), "my data".into()]);
            let expected = format!("predict --model {word} --data-dir 'my data'");
            assert!(line.ends_with(&expected), "{line}");
        }
    }

    #[test]
    fn a_dumb_terminal_gets_no_escape_codes() {
        assert!(!understands_escapes(Some("dumb".as_ref())));
        assert!(understands_escapes(Some("xterm-256color".as_ref())) && understands_escapes(None));
    }
}
