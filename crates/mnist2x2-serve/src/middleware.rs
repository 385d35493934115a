//! What every request passes through: an id, a panic caught, the headers of every answer, other origins, and the metrics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, ORIGIN, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::metrics::Event;
use crate::problem::{Problem, render};
use crate::state::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken from the client.
const MAX_ID_LENGTH: usize = 64;

/// What a page from this server may do: use what the server itself sends, and nothing else.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                              connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
                              frame-ancestors 'none'";

/// Headers that every answer has, unless it says otherwise itself.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// What a page of an allowed origin learns before it sends a request (Fetch standard, "CORS protocol"), for ten minutes.
const PREFLIGHT: [(HeaderName, &str); 3] = [
    (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
    (
        ACCESS_CONTROL_ALLOW_HEADERS,
        "authorization, content-encoding, content-type, idempotency-key, x-request-id",
    ),
    (ACCESS_CONTROL_MAX_AGE, "600"),
];

/// Answers a request whatever its handler does, and gives the answer its common form.
pub(crate) async fn wrap(State(state): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let id = sent_id(request.headers()).unwrap_or_else(|| state.request_id());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (origin, asks) = (allowed_origin(request.headers(), &state), is_preflight(&request));
    let response = if origin.is_some() && asks {
        (StatusCode::NO_CONTENT, PREFLIGHT).into_response()
    } else {
        AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
            state.metrics.count(Event::HandlerPanic);
            Problem::internal().into_response()
        })
    };
    let mut response = finish(response, &id);
    if !state.settings.allow_origins.is_empty() {
        share(response.headers_mut(), origin);
    }
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    state.metrics.request(route, response.status().as_u16(), begin.elapsed());
    response
}

/// The origin of the page that sent the request, if its pages may use the API.
fn allowed_origin(headers: &HeaderMap, state: &AppState) -> Option<HeaderValue> {
    let is_allowed = |origin: &&HeaderValue| origin.to_str().is_ok_and(|text| state.settings.allows(text));
    headers.get(ORIGIN).filter(is_allowed).cloned()
}

/// Whether a browser asks beforehand if a page may send its request.
fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Lets pages of an allowed `origin` see the answer; caches are told that it depends on the origin.
fn share(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static("retry-after, x-request-id");
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

/// The id that the client gave the request, if it is one that can stand in a header, in JSON and in a log.
fn sent_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_good = (1..=MAX_ID_LENGTH).contains(&id.len()) && id.bytes().all(is_allowed);
    is_good.then(|| id.to_owned())
}

/// The response with its common headers; an error in the form of a problem, unless it is a page.
fn finish(mut response: Response, id: &str) -> Response {
    if let Some(detail) = detail(&response) {
        render(&mut response, &detail, id);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// What is wrong, if the response is an error and does not say so itself, as a page does.
fn detail(response: &Response) -> Option<String> {
    if let Some(problem) = response.extensions().get::<Problem>() {
        return Some(problem.detail.clone());
    }
    let status = response.status();
    let content_type = response.headers().get(CONTENT_TYPE);
    let is_page = content_type.is_some_and(|content_type| content_type.as_bytes().starts_with(b"text/html"));
    if is_page || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let detail = match status {
        StatusCode::NOT_FOUND => "there is nothing here; see /openapi.json for what there is",
        StatusCode::METHOD_NOT_ALLOWED => "this path does not take that method; see the header Allow",
        _ => "the request cannot be answered; see /openapi.json for what can",
    };
    Some(detail.into())
}
