//! Errors as clients see them: problem details in JSON (RFC 9457).
//!
//! Each module turns its own errors into a [`Problem`]; this one knows none of them.

use axum::Extension;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde_json::json;

/// Seconds after which a request that was refused under overload may be sent again.
const RETRY_SECONDS: u16 = 1;

/// An error response: its status, its explanation, and its headers.
///
/// As a response it has no body yet: it is an extension, and the middleware, which knows the request's id, renders it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) detail: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), headers: Vec::new() }
    }

    /// The server is overloaded at the moment.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(RETRY_AFTER, RETRY_SECONDS.into())
    }

    /// A fault of the server's own. Clients learn nothing more about it.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "this request failed; the server goes on")
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, AppendHeaders(self.headers.clone()), Extension(self)).into_response()
    }
}

/// Gives an error response its body: the problem in JSON, naming the request that it answers.
pub(crate) fn render(response: &mut Response, detail: &str, request_id: &str) {
    let body = json!({
        "type": "about:blank",
        "title": response.status().canonical_reason(),
        "status": response.status().as_u16(),
        "detail": detail,
        "request_id": request_id,
    });
    response.headers_mut().remove(CONTENT_LENGTH);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    *response.body_mut() = body.to_string().into();
}
