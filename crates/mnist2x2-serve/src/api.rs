//! What is answered under which path.

mod corrections;
mod export;
mod health;
mod model;
mod predict;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{get, post};

use crate::app::App;
use crate::envelope::envelope;
use crate::page;

/// The description of all that follows, OpenAPI 3.1.
const OPENAPI: &str = include_str!("openapi.json");

/// The paths and who answers them.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/api/predict", post(predict::read))
        .route("/api/corrections", post(corrections::keep).get(corrections::export))
        .route("/api/model", get(model::show))
        .route("/api/model/reload", post(model::reload))
        .route("/healthz", get(health::is_alive))
        .route("/readyz", get(health::is_ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(async || json(StatusCode::OK, OPENAPI)))
        .merge(page::router())
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(from_fn_with_state(Arc::clone(&app), envelope))
        .with_state(app)
}

fn json(status: StatusCode, text: impl Into<String>) -> impl IntoResponse {
    (status, [(CONTENT_TYPE, "application/json")], text.into())
}
