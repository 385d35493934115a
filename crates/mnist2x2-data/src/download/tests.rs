//! Downloads from a small server on this machine that fails in the ways servers fail.

pub(in crate::download) mod lzw_encoder;
mod pendigits;
mod server;

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

use self::server::{Reply, Server, part_of, whole};
use super::http::agent;
use super::install::{Origin, install};
use super::mirrors::Mirrors;
use super::partial_file::PartialFile;
use super::remote_file::RemoteFile;
use super::{Progress, Source, download};
use crate::error::Error;
use crate::idx::Kind;
use crate::mnist::MnistFile;
use crate::sha256::sha256;

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

/// The unpacked content of a file; hard to compress, so that its gzip form has a middle to break off at.
fn content(name: &str) -> Vec<u8> {
    (0..9_000 + name.len() as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What a right server sends for `name`.
fn packed_file(name: &str) -> Vec<u8> {
    gzip(&content(name.trim_start_matches('/').trim_end_matches(".gz")))
}

/// A table of two small files; their digests live as long as the test program, as a table's do.
fn table() -> [RemoteFile; 2] {
    [(IMAGES, Kind::Images), (LABELS, Kind::Labels)].map(|(name, kind)| {
        let bytes = content(name);
        let len = bytes.len() as u64;
        RemoteFile::of_mnist(&MnistFile { name, kind, len, sha256: sha256(&[&bytes]).leak() })
    })
}

/// A folder and what is told while it is filled.
struct Case {
    dir: TempDir,
    told: Vec<String>,
}

impl Case {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), told: Vec::new() }
    }

    /// Downloads the table's files from these addresses.
    fn run(&mut self, urls: &[&str]) -> Result<(), Error> {
        let agent = agent([2_000, 400, 700].map(Duration::from_millis), None);
        let mut mirrors = Origin::Mirrors(Mirrors::new(urls, agent));
        let told = &mut self.told;
        let mut observer = |progress: Progress<'_>| {
            told.push(match progress {
                Progress::Present { file } => format!("present {file}"),
                Progress::Received { file, bytes, .. } => format!("{bytes} of {file}"),
                Progress::GaveUp { from, .. } => format!("gave up {from}"),
                Progress::Installed { file } => format!("installed {file}"),
            });
        };
        install(&table(), self.dir.path(), &mut mirrors, &mut observer)
    }

    fn tells(&self, what: &str) -> usize {
        self.told.iter().filter(|line| line.starts_with(what)).count()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The bytes of the partial file of images.
    fn part(&self) -> Option<Vec<u8>> {
        fs::read(self.path("train-images-idx3-ubyte.gz.part")).ok()
    }

    #[track_caller]
    fn assert_complete(&self) {
        for file in table() {
            assert!(file.is_right(self.dir.path()), "{} is not there", file.name);
        }
        assert_eq!(fs::read_dir(self.dir.path()).unwrap().count(), 2, "something is left over");
    }
}

/// An address at which nobody listens.
fn dead() -> String {
    format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

/// The middle of the packed images.
fn half() -> usize {
    packed_file(IMAGES).len() / 2
}

#[test]
fn a_second_run_does_nothing() {
    let (server, mut case) = (Server::start(whole), Case::new());
    case.run(&[&server.url]).unwrap();
    case.assert_complete();
    assert_eq!((server.requests().len(), case.tells("installed")), (2, 2));
    case.run(&[&server.url]).unwrap();
    assert_eq!((server.requests().len(), case.tells("present")), (2, 2));
}

#[test]
fn a_file_that_is_there_but_wrong_is_replaced() {
    let (server, mut case) = (Server::start(whole), Case::new());
    fs::write(case.path(IMAGES), content("something else")).unwrap();
    fs::write(case.path(LABELS), content(LABELS)).unwrap();
    case.run(&[&server.url]).unwrap();
    assert_eq!((server.requests().len(), case.tells("present")), (1, 1));
    assert!(table().iter().all(|file| file.is_right(case.dir.path())));
}

#[test]
fn a_dead_mirror_is_asked_once_and_the_next_one_used() {
    let (server, dead, mut case) = (Server::start(whole), dead(), Case::new());
    case.run(&[&dead, &server.url]).unwrap();
    case.assert_complete();
    assert_eq!(case.tells(&format!("gave up {dead}")), 1);
}

#[test]
fn only_dead_mirrors_are_no_network_and_leave_nothing() {
    let (mut case, start) = (Case::new(), Instant::now());
    // Nobody listens; no such name; takes the connection, but never encrypts it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let urls = [&dead(), "http://name.invalid", &format!("https://{silent}")];
    let error = case.run(&urls).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(9));
    let Error::Unreachable { tried } = &error else { panic!("{error}") };
    assert_eq!(tried.len(), 3);
    assert!(tried[1].starts_with("name.invalid: ") && tried[2].starts_with(&silent), "{tried:?}");
    assert_eq!(fs::read_dir(case.dir.path()).unwrap().count(), 0);
}

#[test]
fn an_http_error_is_no_missing_network() {
    let missing = Server::start(|_| Reply::status(404));
    let mut case = Case::new();
    let error = case.run(&[&dead(), &missing.url, &dead()]).unwrap_err();
    assert!(matches!(error, Error::Status { status: 404, .. }), "{error}");
    assert!(error.to_string().contains(IMAGES));
    let good = Server::start(whole);
    case.run(&[&missing.url, &good.url]).unwrap();
    case.assert_complete();
}

#[test]
fn a_broken_transfer_is_kept_and_continued() {
    let server = Server::start(|request| whole(request).cut(half()));
    let mut case = Case::new();
    let error = case.run(&[&server.url]).unwrap_err();
    assert!(matches!(error, Error::Transfer { .. }), "{error}");
    assert_eq!(case.part().unwrap(), packed_file(IMAGES)[..half()]);
    let server = Server::start(part_of);
    case.run(&[&server.url]).unwrap();
    case.assert_complete();
    assert_eq!(server.requests()[0].start, Some(half()));
}

#[test]
fn a_stalled_transfer_goes_on_at_the_next_mirror() {
    let slow = Server::start(|request| whole(request).cut(half()).pause(Duration::from_secs(2)));
    let (next, mut case) = (Server::start(part_of), Case::new());
    case.run(&[&slow.url, &next.url]).unwrap();
    case.assert_complete();
    assert_eq!(next.requests()[0].start, Some(half()));
}

#[test]
fn servers_without_ranges_begin_again() {
    let refuses = Server::start(|request| match request.start {
        Some(_) => Reply::status(416),
        None => whole(request),
    });
    let misplaces = Server::start(|request| part_of(request).header("Content-Range: bytes 0-9/99"));
    for (server, requests) in [(Server::start(whole), 2), (refuses, 3), (misplaces, 3)] {
        let mut case = Case::new();
        fs::write(case.path("train-images-idx3-ubyte.gz.part"), &packed_file(IMAGES)[..half()]).unwrap();
        case.run(&[&server.url]).unwrap();
        case.assert_complete();
        assert_eq!((server.requests().len(), server.requests()[0].start), (requests, Some(half())));
    }
}

#[test]
fn a_part_with_a_wrong_beginning_is_fetched_anew() {
    let (server, mut case) = (Server::start(part_of), Case::new());
    fs::write(case.path("train-images-idx3-ubyte.gz.part"), vec![7; half()]).unwrap();
    case.run(&[&server.url]).unwrap();
    case.assert_complete();
}

#[test]
fn a_whole_part_needs_no_server() {
    let mut case = Case::new();
    for name in [IMAGES, LABELS] {
        fs::write(case.path(&format!("{name}.gz.part")), packed_file(name)).unwrap();
    }
    case.run(&[&dead()]).unwrap();
    case.assert_complete();
}

#[test]
fn wrong_content_is_thrown_away_and_the_next_mirror_tried() {
    let good = Server::start(whole);
    let page = Server::start(|_| Reply::ok(b"<!doctype html><p>Please log in".to_vec()));
    let other = Server::start(|_| Reply::ok(gzip(b"another file")));
    let noise = Server::start(|_| Reply::ok(vec![0x1f, 0x8b, 7, 7, 7]));
    let endless = Server::start(|_| Reply::ok(vec![0; 1 << 20]));
    for (server, what) in [
        (&page, "it is a web page"),
        (&other, "its SHA-256 is"),
        (&noise, "cannot be unpacked"),
        (&endless, "its SHA-256 is"),
    ] {
        let mut case = Case::new();
        let error = case.run(&[&server.url]).unwrap_err();
        assert!(matches!(&error, Error::WrongContent { what: found, .. } if found.contains(what)), "{error}");
        assert_eq!(case.part(), None);
        case.run(&[&server.url, &good.url]).unwrap();
        case.assert_complete();
    }
}

#[test]
fn an_endless_file_is_not_written_on() {
    let (server, mut case) = (Server::start(|_| Reply::ok(vec![7; 1 << 22])), Case::new());
    case.run(&[&server.url]).unwrap_err();
    let most = case.told.iter().filter_map(|line| line.split_once(' ')?.0.parse::<u64>().ok()).max();
    assert!(most.is_some_and(|most| most < 1 << 18), "{most:?}");
}

#[test]
fn folders_are_sources_too() {
    let (source, target) = (TempDir::new().unwrap(), Case::new());
    let run = || install(&table(), target.dir.path(), &mut Origin::Dir(source.path()), &mut |_| ());
    fs::write(source.path().join(IMAGES), content(IMAGES)).unwrap();
    assert!(matches!(run(), Err(Error::Missing { name: LABELS, .. })));
    let labels = source.path().join("train-labels-idx1-ubyte.gz");
    fs::write(&labels, gzip(b"no labels")).unwrap();
    assert!(matches!(run(), Err(Error::WrongContent { name: LABELS, .. })));
    fs::write(&labels, packed_file(LABELS)).unwrap();
    run().unwrap();
    target.assert_complete();
}

#[test]
fn folders_that_cannot_be_written_are_named() {
    let mut case = Case::new();
    let file = case.path("a file");
    fs::write(&file, b"").unwrap();
    let error = download(&file.join("mnist"), &Source::Dir("anywhere".into()), &mut |_| ()).unwrap_err();
    assert!(matches!(error, Error::Write { .. }) && error.to_string().contains("a file"), "{error}");
    fs::create_dir(case.path("train-images-idx3-ubyte.gz.part")).unwrap();
    assert!(matches!(case.run(&[&dead()]), Err(Error::Write { .. })));
}

#[test]
fn two_downloads_do_not_write_one_file() {
    let [images, _] = table();
    let mut case = Case::new();
    let _held = PartialFile::open(images.target(case.dir.path())).unwrap();
    assert!(matches!(case.run(&[&dead()]), Err(Error::Busy { .. })));
}
