//! The body of a request: whole, in time, and within the bytes that one body and all together may take.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::Limits;
use crate::metrics::{Event, Metrics};
use crate::problem::Problem;

/// A body is received up to so many times the limit, and thrown away, so that the client comes to read the answer.
const MAX_DISCARDED: usize = 8;

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
        let content_type = content_type(request.headers());
        let length =
            request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > MAX_DISCARDED * self.limits.max_body_bytes) {
            return Err(self.too_large());
        }
        let late =
            |_| closing(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive; send it faster");
        let received = timeout(self.limits.body_timeout, self.receive_bytes(request.into_body())).await;
        let (bytes, permit) = received.map_err(late)??;
        Ok(LimitedBody { bytes, content_type, _permit: permit })
    }

    /// The bytes of a body, and the permits that they take. Permits are taken as bytes arrive, not as they are
    /// announced: a client that sends slowly keeps nobody else from sending.
    async fn receive_bytes(&self, body: Body) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
        let limit = self.limits.max_body_bytes;
        let busy = |_| {
            self.metrics.count(Event::ShedByBytes);
            Problem::busy("too much is being sent at the moment; try again soon")
        };
        let take = |n| Arc::clone(&self.total_bytes).try_acquire_many_owned(n).map_err(busy);
        let broken = |_| Problem::new(StatusCode::BAD_REQUEST, "the body ends early or is not well formed");
        let (mut bytes, mut permit, mut received) = (Vec::new(), take(0)?, 0_usize);
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(broken)?;
            received += chunk.len();
            if received > MAX_DISCARDED * limit {
                break;
            }
            if received <= limit {
                permit.merge(take(chunk.len() as u32)?);
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

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
