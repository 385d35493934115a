//! The body of a request: whole, in time, and within the bytes that one body and all together may take.

use std::io::Write;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use flate2::write::MultiGzDecoder;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::Limits;
use crate::metrics::{Event, Metrics};
use crate::problem::Problem;

/// A body is received up to so many times the limit, and thrown away, so that the client comes to read the answer.
const MAX_DISCARDED: usize = 8;
/// Bytes that are unpacked at a time. Packed, they become at most some thousand times as many bytes: what is held beyond
/// the limit at any time is small.
const PACKED_CHUNK: usize = 64;
/// The longest boundary of a form, with the dashes before it (RFC 2046).
const MAX_BOUNDARY: usize = 72;
/// Fields of a form that are looked at.
const MAX_FILES: usize = 16;
/// How pictures begin: PNG, JPEG, WebP and AVI, GIF, TIFF, BMP; and PDF, which is refused with what to do.
const PICTURES: [&[u8]; 8] =
    [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"II*\0", b"MM\0*", b"BM", b"%PDF-"];
/// What follows the first four bytes of a HEIC or an AVIF, which are refused likewise.
const BOX: &[u8] = b"ftyp";

/// Receives bodies, within the limits.
pub(crate) struct BodyReceiver {
    limits: Limits,
    /// A permit for each byte of all bodies at a time.
    total_bytes: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// A body and its type. While it lives, its bytes count among those of all bodies.
pub(crate) struct LimitedBody {
    pub(crate) bytes: Bytes,
    /// The type without its parameters, in lower case; empty if the client does not say.
    pub(crate) content_type: String,
    _permit: OwnedSemaphorePermit,
}

impl LimitedBody {
    /// The picture that the body is by its first bytes or says that it is; of a form, the first file that is one.
    pub(crate) fn picture(&self) -> Option<Bytes> {
        match self.content_type.as_str() {
            "multipart/form-data" => {
                let files = form_files(&self.bytes);
                files.iter().find(|file| is_picture(file)).or(files.first()).cloned()
            }
            of_image if of_image.starts_with("image/") => Some(self.bytes.clone()),
            _ => is_picture(&self.bytes).then(|| self.bytes.clone()),
        }
    }

    /// The body as JSON, which must be an object: serde would take an array for one as well.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if self.content_type != "application/json" {
            let detail = format!("the type must be application/json, not \"{}\"", self.content_type);
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let wrong =
            |error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is not as it must be: {error}"));
        if !self.bytes.trim_ascii_start().starts_with(b"{") {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "the body must be an object of JSON"));
        }
        serde_json::from_slice(&self.bytes).map_err(wrong)
    }
}

impl BodyReceiver {
    pub(crate) fn new(limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self { limits, total_bytes: Arc::new(Semaphore::new(limits.max_total_body_bytes)), metrics }
    }

    /// The whole body of a request.
    pub(crate) async fn receive(&self, request: Request) -> Result<LimitedBody, Problem> {
        let content_type = word(request.headers(), &CONTENT_TYPE);
        let is_packed = match word(request.headers(), &CONTENT_ENCODING).as_str() {
            "" | "identity" => false,
            "gzip" | "x-gzip" => true,
            other => {
                let detail =
                    format!("the encoding \"{other}\" is not read; send the body as it is, or as gzip");
                let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
                return Err(problem.with(ACCEPT_ENCODING, HeaderValue::from_static("gzip")));
            }
        };
        let length =
            request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > MAX_DISCARDED * self.limits.max_body_bytes) {
            return Err(self.too_large());
        }
        let late =
            |_| closing(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive; send it faster");
        let received = timeout(self.limits.body_timeout, self.receive_bytes(request.into_body())).await;
        let (mut bytes, mut permit) = received.map_err(late)??;
        if is_packed {
            bytes = self.unpack(&bytes, &mut permit)?;
        }
        Ok(LimitedBody { bytes, content_type, _permit: permit })
    }

    /// What `packed` holds. The same limits apply as if it had come unpacked; what would be more is never held.
    fn unpack(&self, packed: &[u8], permit: &mut OwnedSemaphorePermit) -> Result<Bytes, Problem> {
        let broken = |_| Problem::new(StatusCode::BAD_REQUEST, "the body is no gzip, or it is damaged");
        let mut decoder = MultiGzDecoder::new(Vec::new());
        for chunk in packed.chunks(PACKED_CHUNK) {
            let before = decoder.get_ref().len();
            decoder.write_all(chunk).map_err(broken)?;
            let after = decoder.get_ref().len();
            if after > self.limits.max_body_bytes {
                return Err(self.too_large());
            }
            permit.merge(self.take(after - before)?);
        }
        Ok(decoder.finish().map_err(broken)?.into())
    }

    /// Permits for so many bytes more.
    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.total_bytes).try_acquire_many_owned(bytes as u32).map_err(|_| {
            self.metrics.count(Event::ShedByBytes);
            Problem::busy("too much is being sent at the moment; try again soon")
        })
    }

    /// The bytes of a body, and the permits that they take. Permits are taken as bytes arrive, not as they are
    /// announced: a client that sends slowly keeps nobody else from sending.
    async fn receive_bytes(&self, body: Body) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
        let limit = self.limits.max_body_bytes;
        let broken = |_| Problem::new(StatusCode::BAD_REQUEST, "the body ends early or is not well formed");
        let (mut bytes, mut permit, mut received) = (Vec::new(), self.take(0)?, 0_usize);
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(broken)?;
            received += chunk.len();
            if received > MAX_DISCARDED * limit {
                break;
            }
            if received <= limit {
                permit.merge(self.take(chunk.len())?);
                bytes.extend_from_slice(&chunk);
            }
        }
        if received > limit { Err(self.too_large()) } else { Ok((bytes.into(), permit)) }
    }

    fn too_large(&self) -> Problem {
        let limit = self.limits.max_body_bytes;
        let detail = format!("the body has more than the {limit} bytes that are read; send a smaller one");
        closing(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }
}

/// A problem after which the connection is closed.
fn closing(status: StatusCode, detail: impl Into<String>) -> Problem {
    Problem::new(status, detail).with(CONNECTION, HeaderValue::from_static("close"))
}

/// The first word of a header, in lower case; empty if it is not there.
fn word(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_picture(bytes: &[u8]) -> bool {
    PICTURES.iter().any(|picture| bytes.starts_with(picture)) || bytes.get(4..8) == Some(BOX)
}

/// The contents of the fields of a form that are not empty (RFC 7578): each stands between its headers and the boundary,
/// which is the first line.
fn form_files(form: &Bytes) -> Vec<Bytes> {
    let mut files = Vec::new();
    let Some(end) = find(&form[..form.len().min(MAX_BOUNDARY + 2)], b"\r\n") else { return files };
    let boundary = [b"\r\n", &form[..end]].concat();
    let mut at = end;
    while files.len() < MAX_FILES
        && let Some(head) = find(&form[at..], b"\r\n\r\n")
    {
        let begin = at + head + 4;
        let Some(length) = find(&form[begin..], &boundary) else { break };
        files.extend((length > 0).then(|| form.slice(begin..begin + length)));
        at = begin + length + boundary.len();
    }
    files
}

/// The position of the first `part` in `whole`.
fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.windows(part.len()).position(|window| window == part)
}
