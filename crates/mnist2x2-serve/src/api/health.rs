//! Whether the server lives, whether it is ready, and its figures.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::json;

use crate::app::App;
use crate::metrics::Gauges;

pub(super) async fn is_alive() -> impl IntoResponse {
    super::json(StatusCode::OK, r#"{"status":"alive"}"#)
}

/// Without a working store the server is degraded but ready, because it reads; only one that stops is not.
pub(super) async fn is_ready(State(app): State<Arc<App>>) -> impl IntoResponse {
    let trouble = match &app.keeper {
        Some(keeper) => keeper.trouble().await,
        None => None,
    };
    let corrections = trouble.unwrap_or(if app.keeper.is_some() { "kept" } else { "not kept" });
    let (code, status) = match trouble {
        _ if app.stopping.load(Ordering::Relaxed) => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        Some(_) => (StatusCode::OK, "degraded"),
        None => (StatusCode::OK, "ready"),
    };
    super::json(code, json!({ "status": status, "corrections": corrections }).to_string())
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let reader = app.worker.reader();
    let open = app.settings.limits.connections - app.connections.available_permits();
    let gauges = Gauges { connections: open, queue: app.worker.waiting(), model: &reader.model().digest };
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.text(&gauges))
}
