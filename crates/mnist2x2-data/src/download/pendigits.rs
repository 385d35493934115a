//! Pen strokes of handwritten digits, fetched into a folder: both halves of UCI's data set 81, as they were recorded.
//!
//! Upstream has them packed by `compress`; a folder may have them unpacked as well. They are small, so a transfer that
//! breaks off begins anew. Only a file that is whole, right and understood gets its name.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use super::http::{self, Network};
use super::part::sync_folder;
use super::{Observer, Progress, Source};
use crate::{Error, compress, packed, unipen};

/// Addresses of folders that hold both halves.
pub const MIRRORS: [&str; 2] = [
    "https://archive.ics.uci.edu/ml/machine-learning-databases/pendigits/",
    "http://archive.ics.uci.edu/ml/machine-learning-databases/pendigits/",
];

/// A half of the data set.
struct Half {
    name: &'static str,
    /// SHA-256 of the unpacked file; none is known of the test half, which must make sense nevertheless.
    sha256: Option<&'static str>,
}

/// Written by 30 people to learn from, and by 14 others to measure with.
const HALVES: [Half; 2] = [
    Half { name: "pendigits-orig.tra", sha256: Some(unipen::TRAINING_SHA256) },
    Half { name: "pendigits-orig.tes", sha256: None },
];

/// The most bytes of a file that are fetched.
const LIMIT: usize = 40 << 20;

/// Makes the folder `to` hold both halves of the Pen-Based Recognition of Handwritten Digits, unpacked.
///
/// # Errors
/// As [`super::download`]; [`Error::Read`] if a source folder lacks a file.
pub fn download_pendigits(to: &Path, source: &Source, observer: Observer<'_>) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(|source| Error::Write { path: to.into(), source })?;
    for half in &HALVES {
        let file = half.name;
        if unipen::read(&to.join(file)).is_ok_and(|digits| half.is(&digits.sha256)) {
            observer(Progress::Present { file });
            continue;
        }
        let bytes = match source {
            Source::Mirrors => from_mirrors(half, &MIRRORS, observer)?,
            Source::Url(url) => from_mirrors(half, &[url], observer)?,
            Source::Dir(dir) => from_dir(half, dir)?,
        };
        install(&to.join(file), &bytes)?;
        observer(Progress::Installed { file });
    }
    Ok(())
}

impl Half {
    /// Whether this may be the digest of the unpacked file.
    fn is(&self, sha256: &str) -> bool {
        self.sha256.is_none_or(|right| right == sha256)
    }

    /// The unpacked file, if it is the right one; `from` says where it came from.
    fn check(&self, bytes: Vec<u8>, from: &str) -> Result<Vec<u8>, Error> {
        let wrong = |what| Error::WrongContent { from: from.into(), name: self.name, what };
        let bytes = if compress::is_compressed(&bytes) {
            compress::unpack(&bytes, LIMIT).map_err(|what| wrong(what.into()))?
        } else {
            bytes
        };
        let sha256 = packed::sha256(&bytes);
        if !self.is(&sha256) {
            return Err(wrong(format!("its SHA-256 is {sha256}")));
        }
        let digits = unipen::parse(&bytes);
        digits.map_err(|(line, problem)| wrong(format!("line {line}: {problem}")))?;
        Ok(bytes)
    }
}

/// A half from the first folder on the network that has it, packed or not.
fn from_mirrors(half: &Half, mirrors: &[&str], observer: Observer<'_>) -> Result<Vec<u8>, Error> {
    let agent = Network::default().agent();
    let (mut unreachable, mut last) = (Vec::new(), None);
    for mirror in mirrors {
        for packed in [".Z", ""] {
            let url = format!("{}/{}{packed}", mirror.trim_end_matches('/'), half.name);
            let bytes = http::get(&agent, &url, LIMIT as u64).and_then(|bytes| half.check(bytes, &url));
            let error = match bytes {
                Ok(bytes) => {
                    let (file, bytes_now) = (half.name, bytes.len() as u64);
                    observer(Progress::Received {
                        file,
                        from: &url,
                        bytes: bytes_now,
                        total: Some(bytes_now),
                    });
                    return Ok(bytes);
                }
                Err(error) => error,
            };
            observer(Progress::GaveUp { file: half.name, from: &url, error: &error });
            match error {
                Error::Unreachable { tried } => {
                    unreachable.extend(tried);
                    break; // Its other form is no nearer.
                }
                error => last = Some(error),
            }
        }
    }
    Err(last.unwrap_or(Error::Unreachable { tried: unreachable }))
}

/// A half from a folder on this machine, packed or not.
fn from_dir(half: &Half, dir: &Path) -> Result<Vec<u8>, Error> {
    let plain = dir.join(half.name);
    let path = if plain.exists() { plain } else { plain.with_added_extension("Z") };
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(LIMIT as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|source| Error::Read { path: path.clone(), source })?;
    half.check(bytes, &path.display().to_string())
}

/// Writes a file whole or not at all.
fn install(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = path.with_added_extension("part");
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file); // Windows renames no file that is open.
        fs::rename(&part, path)?;
        sync_folder(path)
    });
    written.map_err(|source| {
        fs::remove_file(&part).ok();
        Error::Write { path: path.into(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::server::{Reply, Server};
    use super::*;
    use crate::compress::tests::pack;

    const TEST_HALF: &str = ".SEGMENT DIGIT 0 ? \"8\"\n.PEN_DOWN\n 100 400\n 150 375\n.PEN_UP\n";
    const HALF: Half = Half { name: "pendigits-orig.tes", sha256: None };

    fn fetched(server: &Server) -> Result<Vec<u8>, Error> {
        from_mirrors(&HALF, &[&server.url], &mut |_| ())
    }

    #[test]
    fn packed_and_plain_files_come_over_the_network() {
        let packed = Server::start(|request| {
            assert_eq!(request.path, "/pendigits-orig.tes.Z");
            Reply::ok(pack(TEST_HALF.as_bytes(), 16, 0))
        });
        assert_eq!(fetched(&packed).unwrap(), TEST_HALF.as_bytes());
        let plain = Server::start(|request| match request.path.as_str() {
            "/pendigits-orig.tes" => Reply::ok(TEST_HALF.into()),
            _ => Reply::status(404),
        });
        assert_eq!(fetched(&plain).unwrap(), TEST_HALF.as_bytes());
    }

    #[test]
    fn what_is_wrong_broken_or_missing_is_an_error_with_its_address() {
        let message = |server: &Server| fetched(server).unwrap_err().to_string();
        let page = Server::start(|_| Reply::ok(b"<html>moved".to_vec()));
        assert!(message(&page).contains("line 1: is neither a keyword nor a point"), "{}", message(&page));
        let missing = Server::start(|_| Reply::status(404));
        assert!(message(&missing).contains("HTTP status 404"));
        let broken = Server::start(|_| Reply::ok(TEST_HALF.into()).cut(20));
        assert!(message(&broken).contains("broke off"), "{}", message(&broken));
    }

    #[test]
    fn a_folder_is_filled_whole_or_not_at_all() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(from.path().join("pendigits-orig.tra"), TEST_HALF).unwrap();
        let source = Source::Dir(from.path().into());
        let error = download_pendigits(to.path(), &source, &mut |_| ()).unwrap_err();
        assert!(error.to_string().contains("its SHA-256 is "), "{error}");
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);

        fs::write(from.path().join("pendigits-orig.tes.Z"), pack(TEST_HALF.as_bytes(), 12, 0)).unwrap();
        let bytes = from_dir(&HALF, from.path()).unwrap();
        install(&to.path().join(HALF.name), &bytes).unwrap();
        assert_eq!(fs::read_to_string(to.path().join(HALF.name)).unwrap(), TEST_HALF);
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1);
    }
}
