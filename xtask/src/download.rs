//! Digits for training and for measuring, fetched with a progress bar: MNIST, and pen strokes.

use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use mnist2x2_data::Error;
use mnist2x2_data::download::{Progress, Source, download, download_pendigits, download_writers};
use tqdm::Tqdm;

/// Where files come from and where to.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder to fill; made if it is not there [default: data/mnist or data/pendigits].
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// A folder with the files, packed or not, or the address of one; without it where they are published.
    #[arg(long, value_name = "DIR|URL")]
    from: Option<String>,
}

/// Where MNIST comes from and where to.
#[derive(Args)]
pub(crate) struct Mnist {
    #[command(flatten)]
    arguments: Arguments,
    /// Fetch the two files that name the writer of every digit too.
    #[arg(long)]
    writers: bool,
}

/// Fetches what the folder of MNIST's files lacks.
pub(crate) fn mnist(Mnist { arguments, writers }: &Mnist) -> Result<()> {
    fetch(arguments, "data/mnist", "MNIST's four files", download)?;
    if *writers {
        fetch(arguments, "data/mnist", "the two files that name writers", download_writers)?;
    }
    Ok(())
}

/// Fetches what the folder of pen strokes lacks.
pub(crate) fn pendigits(arguments: &Arguments) -> Result<()> {
    fetch(arguments, "data/pendigits", "both halves of the pen-based handwritten digits", download_pendigits)
}

/// Something that fills a folder and tells how it goes on.
type Download = fn(&Path, &Source, &mut dyn FnMut(Progress<'_>)) -> Result<(), Error>;

fn fetch(Arguments { to, from }: &Arguments, default: &str, what: &str, download: Download) -> Result<()> {
    let to = to.as_deref().unwrap_or(Path::new(default));
    let (mut transfer, mut installed) = (None::<Transfer>, 0);
    let result = download(to, &from.as_deref().map_or(Source::Mirrors, Source::from), &mut |progress| {
        if let Progress::Received { file, from, bytes, .. } = progress
            && transfer.as_mut().is_some_and(|transfer| transfer.reach(file, from, bytes))
        {
            return;
        }
        transfer = None; // A line of its own stands below the bar.
        if let Some(line) = line(&progress) {
            eprintln!("{line}");
        }
        match progress {
            Progress::Received { file, from, bytes, total } => {
                transfer.insert(Transfer::new(file, from, total)).reach(file, from, bytes);
            }
            Progress::Installed { .. } => installed += 1,
            _ => {}
        }
    });
    drop(transfer); // The bar's last line comes before what is said next.
    result?;
    match installed {
        0 => println!("{} already holds {what}; nothing to do", to.display()),
        n => println!("{} holds {what}, {n} of them new", to.display()),
    }
    Ok(())
}

/// What the person at the terminal, or the log, is told.
fn line(progress: &Progress<'_>) -> Option<String> {
    Some(match progress {
        Progress::Received { file, from, .. } => format!("{file}: from {from}"),
        // Its message is for the case that there is no other mirror.
        Progress::GaveUp { error: Error::Unreachable { tried }, .. } => tried.join("; "),
        Progress::GaveUp { from, error, .. } => {
            let causes: Vec<_> = anyhow::Chain::new(*error).map(ToString::to_string).collect();
            format!("{from}: {}", causes.join(": "))
        }
        Progress::Present { file } => format!("{file}: already there"),
        Progress::Installed { file } => format!("{file}: complete, its SHA-256 is right"),
        _ => return None,
    })
}

/// A file on its way.
struct Transfer {
    file: &'static str,
    from: String,
    bytes: u64,
    /// Only on a terminal: it draws with escape codes.
    bar: Option<Tqdm<()>>,
}

/// Whether standard error is a terminal that understands escape codes.
fn can_draw() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl Transfer {
    fn new(file: &'static str, from: &str, total: Option<u64>) -> Self {
        let bar = || tqdm::pbar(total.map(|bytes| bytes as usize)).desc(Some(file));
        Self { file, from: from.to_owned(), bytes: 0, bar: can_draw().then(bar) }
    }

    /// Goes on to `bytes`, unless they are of another transfer.
    fn reach(&mut self, file: &str, from: &str, bytes: u64) -> bool {
        let is_same = self.file == file && self.from == from && self.bytes <= bytes;
        if is_same {
            // A bar that cannot be drawn is no reason to stop.
            let _ = self.bar.as_mut().map(|bar| bar.update((bytes - self.bytes) as usize));
            self.bytes = bytes;
        }
        is_same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_goes_on_until_file_or_sender_change_or_it_starts_anew() {
        let mut transfer = Transfer::new("images", "here", Some(100));
        assert!(transfer.reach("images", "here", 40));
        assert!(transfer.reach("images", "here", 40) && transfer.reach("images", "here", 41));
        assert!(!transfer.reach("images", "here", 40));
        assert!(!transfer.reach("labels", "here", 41) && !transfer.reach("images", "there", 41));
    }
}
