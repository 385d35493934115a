//! Digits for training and for measuring, fetched with a progress bar: MNIST, and pen strokes.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use mnist2x2_data::Error;
use mnist2x2_data::download::{Progress, Source, download, download_pendigits};
use tqdm::Tqdm;

/// Where MNIST comes from and where to.
#[derive(Args)]
pub(crate) struct Mnist {
    /// The folder to fill; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "data/mnist")]
    to: PathBuf,
    /// A folder with the four files, gzipped or not, or the address of one; without it several mirrors in turn.
    #[arg(long, value_name = "DIR|URL")]
    from: Option<String>,
}

/// Where pen strokes come from and where to.
#[derive(Args)]
pub(crate) struct PenDigits {
    /// The folder to fill; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "data/pendigits")]
    to: PathBuf,
    /// A folder with both files, packed (.Z) or not, or the address of one; without it the UCI repository.
    #[arg(long, value_name = "DIR|URL")]
    from: Option<String>,
}

/// Fetches what the folder of MNIST's files lacks.
pub(crate) fn mnist(Mnist { to, from }: &Mnist) -> Result<()> {
    fetch(to, from.as_deref(), "MNIST's four files", download)
}

/// Fetches what the folder of pen strokes lacks.
pub(crate) fn pendigits(PenDigits { to, from }: &PenDigits) -> Result<()> {
    fetch(to, from.as_deref(), "both halves of the pen-based handwritten digits", download_pendigits)
}

/// Something that fills a folder and tells how it goes on.
type Download = fn(&Path, &Source, &mut dyn FnMut(Progress<'_>)) -> Result<(), Error>;

fn fetch(to: &Path, from: Option<&str>, what: &str, download: Download) -> Result<()> {
    let mut report = Report { terminal: io::stderr().is_terminal(), transfer: None, installed: 0 };
    let result =
        download(to, &from.map_or(Source::Mirrors, Source::from), &mut |progress| report.show(&progress));
    report.transfer = None; // The bar's last line comes before what is said next.
    result?;
    match report.installed {
        0 => println!("{} already holds {what}; nothing to do", to.display()),
        n => println!("{} holds {what}, {n} of them new", to.display()),
    }
    Ok(())
}

/// What the person at the terminal, or the log, is told.
struct Report {
    terminal: bool,
    transfer: Option<Transfer>,
    installed: usize,
}

/// A file on its way.
struct Transfer {
    file: &'static str,
    from: String,
    bytes: u64,
    /// Only on a terminal: it draws with escape codes.
    bar: Option<Tqdm<()>>,
}

impl Transfer {
    fn new(file: &'static str, from: &str, total: Option<u64>, terminal: bool) -> Self {
        let bar = || tqdm::pbar(total.map(|bytes| bytes as usize)).desc(Some(file));
        Self { file, from: from.to_owned(), bytes: 0, bar: terminal.then(bar) }
    }

    /// Whether the next report of `bytes` from `from` goes on with this.
    fn continues(&self, file: &str, from: &str, bytes: u64) -> bool {
        self.file == file && self.from == from && self.bytes <= bytes
    }

    fn reach(&mut self, bytes: u64) {
        if let Some(bar) = &mut self.bar {
            // A bar that cannot be drawn is no reason to stop.
            let _ = bar.update((bytes - self.bytes) as usize);
        }
        self.bytes = bytes;
    }
}

impl Report {
    fn show(&mut self, progress: &Progress<'_>) {
        match *progress {
            Progress::Received { file, from, bytes, total } => self.transfer(file, from, bytes, total),
            // Its message is for the case that there is no other mirror.
            Progress::GaveUp { error: Error::Unreachable { tried }, .. } => self.say(&tried.join("; ")),
            Progress::GaveUp { from, error, .. } => self.say(&format!("{from}: {}", in_one_line(error))),
            Progress::Present { file } => self.say(&format!("{file}: already there")),
            Progress::Installed { file } => {
                self.installed += 1;
                self.say(&format!("{file}: complete, its SHA-256 is right"));
            }
            _ => {}
        }
    }

    fn transfer(&mut self, file: &'static str, from: &str, bytes: u64, total: Option<u64>) {
        if !self.transfer.as_ref().is_some_and(|transfer| transfer.continues(file, from, bytes)) {
            self.say(&format!("{file}: from {from}"));
            self.transfer = Some(Transfer::new(file, from, total, self.terminal));
        }
        if let Some(transfer) = &mut self.transfer {
            transfer.reach(bytes);
        }
    }

    /// A line of its own, below the bar if there is one.
    fn say(&mut self, line: &str) {
        self.transfer = None;
        eprintln!("{line}");
    }
}

/// An error and what caused it.
fn in_one_line(error: &Error) -> String {
    anyhow::Chain::new(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_goes_on_until_file_or_sender_change_or_it_starts_anew() {
        let mut transfer = Transfer::new("images", "here", Some(100), false);
        transfer.reach(40);
        assert!(transfer.continues("images", "here", 40) && transfer.continues("images", "here", 41));
        assert!(!transfer.continues("images", "here", 39));
        assert!(!transfer.continues("labels", "here", 40) && !transfer.continues("images", "there", 40));
    }
}
