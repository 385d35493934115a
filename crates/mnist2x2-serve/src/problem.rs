//! Errors as clients see them: `application/problem+json`, RFC 9457, or a page where a person sent a form.

use axum::http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::Error;
use crate::keeper::kind;
use crate::page;
use crate::worker::Failure;

/// Seconds after which what was refused for lack of room may be sent again.
const RETRY_SECONDS: u16 = 1;

/// What is wrong with a request, or with the server.
///
/// As a response it is its status and itself as an extension: the envelope, which knows the request's name, writes it
/// out.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    detail: String,
    header: Option<(HeaderName, HeaderValue)>,
    is_page: bool,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), header: None, is_page: false }
    }

    /// There is no room at the moment.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(RETRY_AFTER, RETRY_SECONDS.into())
    }

    /// A fault of the server's own, of which a stranger learns nothing more.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "this request failed; the server goes on")
    }

    pub(crate) fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// The same, for people.
    pub(crate) fn into_page(self) -> Self {
        Self { is_page: true, ..self }
    }

    /// The response, naming the request it answers.
    pub(crate) fn written(&self, request: &str) -> Response {
        let (kind, body) = if self.is_page { self.page() } else { self.json(request) };
        let content_type = (CONTENT_TYPE, HeaderValue::from_static(kind));
        let mut response = (self.status, [content_type], body).into_response();
        response.headers_mut().extend(self.header.clone());
        response
    }

    fn page(&self) -> (&'static str, String) {
        (page::HTML, page::simple("Not read", &format!("<p>{}</p>", page::escaped(&self.detail))))
    }

    fn json(&self, request: &str) -> (&'static str, String) {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "request_id": request,
        });
        ("application/problem+json", body.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Full => Self::busy("too many inputs wait for the model already; try again in a moment"),
            Failure::Late => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "the model took too long; try again later")
            }
            Failure::Reader(Error::Input(detail)) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
            Failure::Panicked | Failure::Reader(_) => Self::internal(),
        }
    }
}

impl From<&mnist2x2_corrections::Error> for Problem {
    fn from(error: &mnist2x2_corrections::Error) -> Self {
        use mnist2x2_corrections::Error as Of;
        match error {
            Of::Conflict { .. } => Self::new(StatusCode::CONFLICT, error.to_string()),
            error if error.is_of_the_correction() => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
            }
            error => {
                Self::busy(format!("no corrections are kept: the store is {}; readings go on", kind(error)))
            }
        }
    }
}
