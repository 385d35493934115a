//! Pen digits, packed and plain, from servers and folders.

use std::fs;

use tempfile::TempDir;

use super::lzw_encoder::encode;
use super::server::{Reply, Server};
use crate::download::http::agent;
use crate::download::install::{Origin, install};
use crate::download::mirrors::Mirrors;
use crate::download::remote_file::RemoteFile;
use crate::download::{Source, TIMEOUTS, download_pendigits};
use crate::error::Error;

const TEST_HALF: &str = ".SEGMENT DIGIT 0 ? \"8\"\n.PEN_DOWN\n 100 400\n 150 375\n.PEN_UP\n";
const HALF: RemoteFile = RemoteFile::of_pendigits("pendigits-orig.tes", None);

/// What a folder holds once it is filled from `origin`.
fn installed(to: &TempDir, origin: Origin<'_>) -> Result<String, Error> {
    install(&[HALF], to.path(), &mut { origin }, &mut |_| ())?;
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1);
    Ok(fs::read_to_string(to.path().join(HALF.name)).unwrap())
}

fn fetched(server: &Server) -> Result<String, Error> {
    let to = TempDir::new().unwrap();
    let mirrors = Mirrors::new(&[&server.url], agent(TIMEOUTS, None));
    let result = installed(&to, Origin::Mirrors(mirrors));
    assert!(result.is_ok() || fs::read_dir(to.path()).unwrap().count() == 0);
    result
}

#[test]
fn packed_and_plain_files_come_over_the_network() {
    let packed = Server::start(|request| {
        assert_eq!(request.path, "/pendigits-orig.tes.Z");
        Reply::ok(encode(TEST_HALF.as_bytes(), 16, 0))
    });
    assert_eq!(fetched(&packed).unwrap(), TEST_HALF);
    let plain = Server::start(|request| match request.path.as_str() {
        "/pendigits-orig.tes" => Reply::ok(TEST_HALF.into()),
        _ => Reply::status(404),
    });
    assert_eq!(fetched(&plain).unwrap(), TEST_HALF);
}

#[test]
fn what_is_wrong_broken_or_missing_is_an_error_with_its_address() {
    let message = |server: &Server| fetched(server).unwrap_err().to_string();
    let page = Server::start(|_| Reply::ok(b"<html>moved".to_vec()));
    assert!(message(&page).contains("it is a web page"), "{}", message(&page));
    let text = Server::start(|_| Reply::ok(b"moved".to_vec()));
    assert!(message(&text).contains("line 1: is neither a keyword nor a point"), "{}", message(&text));
    let missing = Server::start(|_| Reply::status(404));
    assert!(message(&missing).contains("HTTP status 404"));
    let broken = Server::start(|_| Reply::ok(TEST_HALF.into()).cut(20));
    assert!(message(&broken).contains("broke off"), "{}", message(&broken));
}

#[test]
fn a_folder_is_filled_whole_or_not_at_all() {
    let (from, to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fs::write(from.path().join("pendigits-orig.tra"), TEST_HALF).unwrap();
    let source = Source::Dir(from.path().into());
    let error = download_pendigits(to.path(), &source, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("its SHA-256 is "), "{error}");
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);

    fs::write(from.path().join("pendigits-orig.tes.Z"), encode(TEST_HALF.as_bytes(), 12, 0)).unwrap();
    assert_eq!(installed(&to, Origin::Dir(from.path())).unwrap(), TEST_HALF);
}

#[test]
fn what_no_digest_holds_together_is_never_continued() {
    let server = Server::start(|request| {
        assert_eq!(request.start, None);
        match request.path.as_str() {
            "/pendigits-orig.tes" => Reply::ok(TEST_HALF.into()),
            _ => Reply::ok(TEST_HALF.repeat(2).into()).cut(TEST_HALF.len()),
        }
    });
    assert_eq!(fetched(&server).unwrap(), TEST_HALF);
    let to = TempDir::new().unwrap();
    fs::write(to.path().join("pendigits-orig.tes.part"), TEST_HALF.repeat(2)).unwrap();
    let mirrors = Mirrors::new(&[&server.url], agent(TIMEOUTS, None));
    assert_eq!(installed(&to, Origin::Mirrors(mirrors)).unwrap(), TEST_HALF);
}
