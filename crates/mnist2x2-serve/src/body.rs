//! The body of a request: whole, in time, and within what one and all together may take.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::app::App;
use crate::problem::Problem;

/// How much more than the limit is received and thrown away, so that the sender comes to read the answer.
const DISCARDED: usize = 8;

/// A body and its type. While it lives, its bytes count among those of all bodies.
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    /// The type without its parameters, in lower case; empty if it was not said.
    pub(crate) content_type: String,
    _counted: OwnedSemaphorePermit,
}

impl Whole {
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

impl FromRequest<Arc<App>> for Whole {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let content_type = content_type(&parts.headers);
        let limit = app.settings.limits.body_bytes;
        let announced =
            parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > DISCARDED * limit) {
            return Err(too_large(limit));
        }
        let late = |_| {
            let detail = "the body took too long to arrive; send it faster";
            Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
                .with(CONNECTION, HeaderValue::from_static("close"))
        };
        let (bytes, counted) =
            timeout(app.settings.limits.body, receive(body, limit, app)).await.map_err(late)??;
        Ok(Self { bytes, content_type, _counted: counted })
    }
}

/// The bytes of a body, and the permits that they take. Permits are taken as bytes arrive, not as they are announced:
/// who sends slowly keeps nobody else from sending.
async fn receive(mut body: Body, limit: usize, app: &App) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
    let busy = |_| {
        app.metrics.shed_bytes.add(1);
        Problem::busy("too much is being sent at the moment; try again soon")
    };
    let take = |n| Arc::clone(&app.bytes).try_acquire_many_owned(n).map_err(busy);
    let (mut bytes, mut counted, mut received) = (Vec::new(), take(0)?, 0_usize);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let broken = |_| Problem::new(StatusCode::BAD_REQUEST, "the body ends early or is not well formed");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        received += data.len();
        if received > DISCARDED * limit {
            break;
        }
        if received <= limit {
            counted.merge(take(data.len() as u32)?);
            bytes.extend_from_slice(&data);
        }
    }
    if received > limit { Err(too_large(limit)) } else { Ok((bytes.into(), counted)) }
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("the body has more than the {limit} bytes that are read; send a smaller one");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).with(CONNECTION, HeaderValue::from_static("close"))
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
