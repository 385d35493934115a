//! One file over HTTP, from where an earlier transfer stopped.
//!
//! A mirror need not be the one that sent the beginning, and nothing is remembered about it (no `ETag`): the SHA-256
//! of the whole decides, and a resumed file that fails it is fetched once more from its first byte.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body, Proxy, Timeout};

use super::partial_file::PartialFile;
use crate::error::Error;

/// A client that waits no longer than this for a name to be resolved, for a connection to be established, its encryption
/// included, and in a pause of a transfer.
pub(super) fn agent([resolve, connect, pause]: [Duration; 3], proxy: Option<Proxy>) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("mnist2x2/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(resolve))
        .timeout_connect(Some(connect))
        .timeout_per_read(Some(pause))
        .proxy(proxy)
        .build()
        .into()
}

/// Fetches what `part` lacks of `url`, which has no more than `limit` bytes; `progress` gets the bytes there are and, if
/// known, how many there will be.
pub(super) fn fetch(
    agent: &Agent,
    url: &str,
    part: &mut PartialFile,
    limit: u64,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), Error> {
    let response = respond(agent, url, part)?;
    let total = response.body().content_length().map(|rest| part.len() + rest);
    progress(part.len(), total);
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match body.read(&mut buffer).map_err(|source| broken(url, source))? {
            0 => break,
            read => part.append(&buffer[..read])?,
        }
        progress(part.len(), total);
        if part.len() > limit {
            return Ok(()); // Longer than the whole file: its digest will be wrong.
        }
    }
    if total.is_some_and(|total| part.len() < total) {
        return Err(broken(url, io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(())
}

/// The answer whose body continues `part`; the part is cleared where the server begins at the beginning.
fn respond(agent: &Agent, url: &str, part: &mut PartialFile) -> Result<Response<Body>, Error> {
    let mut response = ask(agent, url, part.len())?;
    if part.len() > 0 {
        match response.status() {
            StatusCode::PARTIAL_CONTENT if begins_at(&response) == Some(part.len()) => return Ok(response),
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => response = ask(agent, url, 0)?,
            _ => {}
        }
    }
    match response.status() {
        StatusCode::OK => part.clear().map(|()| response),
        status => Err(Error::Status { url: url.into(), status: status.as_u16() }),
    }
}

/// Asks for the bytes of `url` from `start`.
fn ask(agent: &Agent, url: &str, start: u64) -> Result<Response<Body>, Error> {
    let mut request = agent.get(url).header(header::ACCEPT_ENCODING, "identity");
    if start > 0 {
        request = request.header(header::RANGE, format!("bytes={start}-"));
    }
    request.call().map_err(|error| {
        if never_connected(&error) {
            Error::Unreachable { tried: vec![format!("{}: {}", host(url), reason(&error))] }
        } else {
            broken(url, io::Error::other(error))
        }
    })
}

/// The first byte of a partial answer: `Content-Range: bytes FIRST-LAST/TOTAL` (RFC 9110, section 14.4).
fn begins_at(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

/// Whether a request failed before there was a connection.
///
/// A failed name look-up has no kind of its own among the operating system's errors, so all count but those that only
/// a connection can have.
fn never_connected(error: &ureq::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, Other, UnexpectedEof};
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => true,
        ureq::Error::Io(error) => {
            let connected =
                [BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, Other, UnexpectedEof];
            !connected.contains(&error.kind())
        }
        _ => false,
    }
}

/// The host of an address, the whole address if it has none.
fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or(url)
}

/// What the operating system says, without the client's prefix.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// A transfer that broke off.
fn broken(url: &str, source: io::Error) -> Error {
    Error::Transfer { url: url.into(), source: source.into() }
}
