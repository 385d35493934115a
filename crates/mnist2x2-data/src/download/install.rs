//! Files fetched or copied into a folder.
//!
//! Each grows as `NAME.part`, which an interrupted run leaves behind and the next one continues; it gets its name when its
//! content is the right one.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use ureq::Agent;

use super::http;
use super::mirrors::Mirrors;
use super::partial_file::PartialFile;
use super::progress::{Observer, Progress};
use super::remote_file::RemoteFile;
use crate::error::Error;

/// Where files come from.
pub(super) enum Origin<'a> {
    Mirrors(Mirrors),
    Dir(&'a Path),
}

/// Installs those of `files` that the folder `to` lacks.
pub(super) fn install(
    files: &[RemoteFile],
    to: &Path,
    origin: &mut Origin<'_>,
    observer: Observer<'_>,
) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(|source| Error::Write { path: to.into(), source })?;
    for file in files {
        if file.is_right(to) {
            observer(Progress::Present { file: file.name });
            continue;
        }
        let mut part = PartialFile::open(file.target(to))?;
        if part.len() > file.limit() {
            part.clear()?;
        }
        if let Err(error) = complete(file, &mut part, origin, observer) {
            part.end(file.can_be_resumed());
            return Err(error);
        }
        part.install()?;
        observer(Progress::Installed { file: file.name });
    }
    Ok(())
}

/// Completes `part` with the right content.
fn complete(
    file: &RemoteFile,
    part: &mut PartialFile,
    origin: &mut Origin<'_>,
    observer: Observer<'_>,
) -> Result<(), Error> {
    // An earlier run may have been stopped between the last byte and the new name.
    if file.can_be_resumed()
        && part.len() > 0
        && let Ok(kept) = file.check(&part.content()?)
    {
        return keep(kept, part);
    }
    let mirrors = match origin {
        Origin::Mirrors(mirrors) => mirrors,
        Origin::Dir(dir) => return copy(file, dir, part, observer),
    };
    mirrors.fetch(file.name, file.endings, observer, |agent, url, observer| {
        if !file.can_be_resumed() {
            part.clear()?;
        }
        let resumed = part.len() > 0;
        match fetch(file, agent, url, part, observer) {
            // The beginning may have been another transfer's.
            Err(Error::WrongContent { .. }) if resumed => fetch(file, agent, url, part, observer),
            result => result,
        }
    })
}

/// Fills `part` from the folder `dir`.
fn copy(file: &RemoteFile, dir: &Path, part: &mut PartialFile, observer: Observer<'_>) -> Result<(), Error> {
    let (path, bytes) = file.read_from(dir)?;
    let (from, len) = (path.display().to_string(), bytes.len() as u64);
    part.replace(&bytes)?;
    observer(Progress::Received { file: file.name, from: &from, bytes: len, total: Some(len) });
    check(file, part, &from)
}

/// Fills `part` by one transfer.
fn fetch(
    file: &RemoteFile,
    agent: &Agent,
    url: &str,
    part: &mut PartialFile,
    observer: Observer<'_>,
) -> Result<(), Error> {
    http::fetch(agent, url, part, file.limit(), &mut |bytes, total| {
        observer(Progress::Received { file: file.name, from: url, bytes, total });
    })?;
    check(file, part, url)
}

/// Accepts the right content of `part`, and throws any other away.
fn check(file: &RemoteFile, part: &mut PartialFile, from: &str) -> Result<(), Error> {
    match file.check(&part.content()?) {
        Ok(kept) => keep(kept, part),
        Err(what) => {
            part.clear()?;
            Err(Error::WrongContent { from: from.into(), name: file.name, what })
        }
    }
}

/// Brings `part` to the form in which it is kept, unless it has it.
fn keep(kept: Cow<'_, [u8]>, part: &mut PartialFile) -> Result<(), Error> {
    match kept {
        Cow::Borrowed(_) => Ok(()),
        Cow::Owned(bytes) => part.replace(&bytes),
    }
}
