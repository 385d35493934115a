//! `GET /healthz` says that the server lives, `/readyz` whether it is ready, and `/metrics` gives its metrics.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::json;

use crate::state::AppState;

pub(super) async fn is_alive() -> impl IntoResponse {
    Json(json!({ "status": "alive" }))
}

/// Without a working store the server is degraded but ready, because it reads; only one that stops is not.
pub(super) async fn is_ready(State(state): State<Arc<AppState>>) -> impl IntoResponse {
    let last_error = match &state.store {
        Some(store) => store.last_error().await,
        None => None,
    };
    let corrections = last_error.unwrap_or(if state.store.is_some() { "kept" } else { "not kept" });
    let (code, status) = match last_error {
        _ if *state.stop.borrow() => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        Some(_) => (StatusCode::OK, "degraded"),
        None => (StatusCode::OK, "ready"),
    };
    (code, Json(json!({ "status": status, "corrections": corrections })))
}

pub(super) async fn metrics(State(state): State<Arc<AppState>>) -> impl IntoResponse {
    let (connections, waiting) = (state.open_connections(), state.batcher.waiting());
    let text = state.metrics.render(connections, waiting, &state.batcher.reader().model().digest);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}
