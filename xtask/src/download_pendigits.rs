//! Pen strokes of handwritten digits, fetched for training and for measuring.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use mnist2x2_data::download::{Progress, Source, download_pendigits};

/// Where from and where to.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder to fill; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "data/pendigits")]
    to: PathBuf,
    /// A folder with both files, packed (.Z) or not, or the address of one; without it the UCI repository.
    #[arg(long, value_name = "DIR|URL")]
    from: Option<String>,
}

/// Fetches what the folder lacks.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let to = &arguments.to;
    let source = arguments.from.as_deref().map_or(Source::Mirrors, Source::from);
    download_pendigits(to, &source, &mut |progress| match progress {
        Progress::Present { file } => eprintln!("{file}: already there"),
        Progress::Received { file, from, bytes, total } if total == Some(bytes) => {
            eprintln!("{file}: {bytes} bytes from {from}");
        }
        Progress::GaveUp { error, .. } => eprintln!("{error}"),
        Progress::Installed { file } => eprintln!("{file}: complete"),
        _ => {}
    })?;
    println!("{} holds both halves of the pen-based handwritten digits", to.display());
    Ok(())
}
