//! The paths and their handlers.

mod corrections;
mod health;
mod model;
mod page;
mod predict;
mod upload;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::middleware::wrap;
use crate::state::AppState;

/// The description of the paths below, OpenAPI 3.1.
const OPENAPI: &str = include_str!("openapi.json");

/// The paths and their handlers.
pub(crate) fn router(state: Arc<AppState>) -> Router {
    Router::new()
        .route("/api/predict", post(predict::predict))
        .route("/api/corrections", post(corrections::add).get(corrections::export))
        .route("/api/model", get(model::show))
        .route("/api/model/reload", post(model::reload))
        .route("/healthz", get(health::is_alive))
        .route("/readyz", get(health::is_ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(describe))
        .route("/", get(page::index))
        .route("/assets/{version}/{name}", get(page::asset))
        .route("/upload", post(upload::read))
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(from_fn_with_state(Arc::clone(&state), wrap))
        .with_state(state)
}

/// `GET /openapi.json`: the description, with the number of cells of the model that reads now.
async fn describe(State(state): State<Arc<AppState>>) -> Json<Value> {
    let mut description: Value = serde_json::from_str(OPENAPI).expect("openapi.json is JSON");
    let cells = state.batcher.reader().model().cells();
    for bound in ["minItems", "maxItems"] {
        description["components"]["schemas"]["Drawing"]["properties"]["cells"][bound] = json!(cells);
    }
    Json(description)
}
