//! MNIST's four files, fetched into a folder; pen strokes as well ([`download_pendigits`]).
//!
//! A file that is there and right is left alone, so a second run does nothing. Each other one grows as `NAME.gz.part`,
//! which an interrupted run leaves behind and the next one continues; it gets its name when the SHA-256 of its
//! unpacked bytes is the official one.

mod http;
mod part;
mod pendigits;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use ureq::Agent;

pub use self::pendigits::{MIRRORS as PENDIGITS_MIRRORS, download_pendigits};

use self::http::Network;
use self::part::Part;
use crate::mnist::{FILES, MnistFile};
use crate::{Error, packed};

/// Addresses of folders that hold the four files gzipped, in the order in which they are tried.
pub const MIRRORS: [&str; 3] = [
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
];

/// Where the files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The data set's known mirrors ([`MIRRORS`], [`PENDIGITS_MIRRORS`]), one after the other.
    Mirrors,
    /// The address of one folder that holds the files packed as the mirrors have them.
    Url(String),
    /// A folder on this machine, the files packed or unpacked.
    Dir(PathBuf),
}

impl From<&str> for Source {
    /// An address if it begins with `http://` or `https://`, else a folder.
    fn from(text: &str) -> Self {
        let is_url = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
        if is_url { Self::Url(text.into()) } else { Self::Dir(text.into()) }
    }
}

/// What happens during a download. `file` is the official name without `.gz`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The file is there and right; nothing is fetched.
    Present {
        /// Which.
        file: &'static str,
    },
    /// So much of the file is there now; the first of these tells where a transfer begins.
    Received {
        /// Which.
        file: &'static str,
        /// Address or path it comes from.
        from: &'a str,
        /// Bytes so far, those of an earlier run included.
        bytes: u64,
        /// Bytes of the whole, if the sender says so.
        total: Option<u64>,
    },
    /// A mirror failed; the next one is tried, if there is one.
    GaveUp {
        /// Which.
        file: &'static str,
        /// Address it did not come from.
        from: &'a str,
        /// Why.
        error: &'a Error,
    },
    /// The file is whole, right and in its place.
    Installed {
        /// Which.
        file: &'static str,
    },
}

/// Makes the folder `to` hold MNIST's four official files, gzipped.
///
/// # Errors
/// [`Error::Unreachable`] within 15 seconds if no mirror can be connected to. If one can, but none has the file, the
/// last one's [`Error::Status`], [`Error::Transfer`] or [`Error::WrongContent`]; [`Error::Missing`] if a source folder
/// lacks a file; [`Error::Write`] if the disk fails, [`Error::Busy`] if another download fills the same folder.
pub fn download(to: &Path, source: &Source, observer: &mut dyn FnMut(Progress<'_>)) -> Result<(), Error> {
    let mirrors = match source {
        Source::Mirrors => MIRRORS.map(str::to_owned).to_vec(),
        Source::Url(url) => vec![url.clone()],
        Source::Dir(dir) => {
            return install_all(to, &FILES, observer, |part, observer| copy(dir, part, observer));
        }
    };
    let mut mirrors = Mirrors::new(mirrors, &Network::default());
    install_all(to, &FILES, observer, |part, observer| mirrors.fetch(part, observer))
}

/// Who is told how a download goes.
type Observer<'a> = &'a mut dyn FnMut(Progress<'_>);

/// Installs those of `files` that `to` lacks; `fill` completes a part with the right content.
fn install_all(
    to: &Path,
    files: &[MnistFile],
    observer: Observer<'_>,
    mut fill: impl FnMut(&mut Part, Observer<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(|source| Error::Write { path: to.into(), source })?;
    for file in files {
        if is_right(to, file) {
            observer(Progress::Present { file: file.name });
            continue;
        }
        let mut part = Part::open(to, file)?;
        // An earlier run may have been stopped between the last byte and the new name.
        let whole = part.len() > 0 && part.fault()?.is_none();
        let filled = if whole { Ok(()) } else { fill(&mut part, observer) };
        if let Err(error) = filled {
            part.set_aside();
            return Err(error);
        }
        part.install()?;
        observer(Progress::Installed { file: file.name });
    }
    Ok(())
}

/// Whether the form of `file` that would be read from `to` has the official content.
fn is_right(to: &Path, file: &MnistFile) -> bool {
    let digest = |path| File::open(path).and_then(|open| packed::sha256_of(open, file.len + 1));
    packed::find(to, file.name).is_some_and(|path| digest(path).is_ok_and(|digest| digest == file.sha256))
}

/// Refuses a part with the wrong content, and throws that away.
fn check(part: &mut Part, from: &str) -> Result<(), Error> {
    match part.fault()? {
        None => Ok(()),
        Some(what) => {
            part.clear()?;
            Err(Error::WrongContent { from: from.into(), name: part.of().name, what })
        }
    }
}

/// Fills `part` from the folder `dir`.
fn copy(dir: &Path, part: &mut Part, observer: Observer<'_>) -> Result<(), Error> {
    let name = part.of().name;
    let path = packed::find(dir, name).ok_or_else(|| Error::Missing { dir: dir.into(), name })?;
    let from = path.display().to_string();
    let failed = |source| Error::Read { path: path.clone(), source };
    let mut file = BufReader::new(File::open(&path).map_err(failed)?);
    let gzipped = packed::is_gzip(file.fill_buf().map_err(failed)?);
    let mut file = file.take(part.limit());
    part.clear()?;
    let copied = if gzipped { io::copy(&mut file, part) } else { pack(&mut file, part) };
    copied.map_err(|source| part.failed(source))?;
    observer(Progress::Received { file: name, from: &from, bytes: part.len(), total: Some(part.len()) });
    check(part, &from)
}

/// Gzips what `reader` gives into `part`.
fn pack(reader: &mut impl Read, part: &mut Part) -> io::Result<u64> {
    let mut encoder = GzEncoder::new(part, Compression::default());
    let copied = io::copy(reader, &mut encoder)?;
    encoder.finish()?;
    Ok(copied)
}

/// The mirrors that are still worth asking.
struct Mirrors {
    agent: Agent,
    /// Addresses with a slash at the end.
    alive: Vec<String>,
    /// What came of those that could not be connected to.
    dead: Vec<String>,
}

impl Mirrors {
    /// Mirrors at these addresses.
    fn new(urls: Vec<String>, network: &Network) -> Self {
        let alive = urls.into_iter().map(|url| format!("{}/", url.trim_end_matches('/'))).collect();
        Self { agent: network.agent(), alive, dead: Vec::new() }
    }

    /// Fills `part` from the first mirror that has its file.
    fn fetch(&mut self, part: &mut Part, observer: Observer<'_>) -> Result<(), Error> {
        let file = part.of().name;
        let mut last = None;
        for mirror in self.alive.clone() {
            let url = format!("{mirror}{file}.gz");
            let error = match self.fetch_from(&url, part, observer) {
                Ok(()) => return Ok(()),
                // Our own disk fails with every mirror.
                Err(error @ Error::Write { .. }) => return Err(error),
                Err(error) => error,
            };
            observer(Progress::GaveUp { file, from: &url, error: &error });
            match error {
                Error::Unreachable { tried } => self.bury(&mirror, tried),
                error => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::Unreachable { tried: self.dead.clone() }))
    }

    /// Asks a mirror no more that could not be connected to.
    fn bury(&mut self, mirror: &str, tried: Vec<String>) {
        self.alive.retain(|alive| alive != mirror);
        self.dead.extend(tried);
    }

    /// Fills `part` from `url`; a wrong result that another transfer began is fetched anew.
    fn fetch_from(&self, url: &str, part: &mut Part, observer: Observer<'_>) -> Result<(), Error> {
        let resumed = part.len() > 0;
        match self.fetch_once(url, part, observer) {
            Err(Error::WrongContent { .. }) if resumed => self.fetch_once(url, part, observer),
            result => result,
        }
    }

    /// One transfer and its check.
    fn fetch_once(&self, url: &str, part: &mut Part, observer: Observer<'_>) -> Result<(), Error> {
        let file = part.of().name;
        http::fetch(&self.agent, url, part, &mut |bytes, total| {
            observer(Progress::Received { file, from: url, bytes, total });
        })?;
        check(part, url)
    }
}
