//! `GET /` is the drawing page, `GET /assets/{version}/{name}` one of its files.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::assets::{ASSETS, PAGE, VERSION};

pub(super) async fn index(headers: HeaderMap) -> Response {
    send(&headers, "text/html; charset=utf-8", "no-cache", &PAGE)
}

pub(super) async fn asset(Path((version, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name && version == *VERSION) {
        Some(asset) => send(&headers, asset.content_type, "public, max-age=31536000, immutable", asset.text),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The text, or 304 if the browser has this version of it.
fn send(headers: &HeaderMap, content_type: &str, cache: &str, text: &'static str) -> Response {
    let tag = format!("\"{}\"", *VERSION);
    let known = headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let is_known = known.is_some_and(|known| known.contains(&tag));
    let common = [(ETAG, tag.as_str()), (CACHE_CONTROL, cache)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(CONTENT_TYPE, content_type)], text).into_response()
}
