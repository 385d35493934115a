//! What every request passes through: a name, a panic caught, the headers of every answer, and the count.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::Problem;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest name of a request that is taken from its sender.
const MOST_ID: usize = 64;

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

/// Answers a request whatever its handler does, and gives the answer its common form.
pub(crate) async fn envelope(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let id = sent_id(request.headers()).unwrap_or_else(|| app.request_id());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = without_panic(next.run(request)).await.unwrap_or_else(|| {
        app.metrics.handler_panics.add(1);
        Problem::internal().into_response()
    });
    let response = finished(response, &id);
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    app.metrics.request(route, response.status().as_u16(), begin.elapsed());
    response
}

/// The name that the sender gave the request, if it is one that can stand in a header, in JSON and in a log.
fn sent_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_good = (1..=MOST_ID).contains(&id.len()) && id.bytes().all(is_allowed);
    is_good.then(|| id.to_owned())
}

/// What a future gives, or nothing if it panics.
async fn without_panic<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// The response with its common headers; an error in the form of a problem, whoever made it.
fn finished(mut response: Response, id: &str) -> Response {
    let status = response.status();
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.written(id);
    } else if status.is_client_error() || status.is_server_error() {
        let mut written = Problem::new(status, detail(status)).written(id);
        // Such as the methods that are allowed.
        response.headers_mut().remove("content-length");
        response.headers_mut().remove("content-type");
        written.headers_mut().extend(std::mem::take(response.headers_mut()));
        response = written;
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

/// What to say of an error that no handler made.
fn detail(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "there is nothing here; see /openapi.json for what there is",
        StatusCode::METHOD_NOT_ALLOWED => "this path does not take that method; see the header Allow",
        _ => "the request cannot be answered; see /openapi.json for what can",
    }
}
