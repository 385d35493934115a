//! `GET /api/model` says which model reads; `POST /api/model/reload` loads it anew, or another by its name.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::auth::authorize;
use crate::batcher::catch_read;
use crate::problem::Problem;
use crate::state::{AppState, Reload};
use crate::{Content, Drawing, Error, Input, ModelInfo, ReadOptions, Reader};

pub(super) async fn show(State(state): State<Arc<AppState>>) -> Json<ModelInfo> {
    Json(state.batcher.reader().model().clone())
}

/// The body of a request to reload, which may be left out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ReloadRequest {
    /// The name of a model; without one, the model that the server was started with.
    model: Option<String>,
}

pub(super) async fn reload(
    State(state): State<Arc<AppState>>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    authorize(request.headers(), &state.settings)?;
    let body = state.bodies.receive(request).await?;
    let request: ReloadRequest = if body.bytes.is_empty() { ReloadRequest::default() } else { body.json()? };
    let busy = |_| Problem::busy("a model is being loaded; ask again when it is there");
    let loading = Arc::clone(&state.loading).try_lock_owned().map_err(busy)?;
    let its = Arc::clone(&state);
    // It goes on if the client goes away: half a reload would be no help to anyone.
    let task = spawn_blocking(move || {
        let _loading = loading;
        let reader = load_and_try(&*its.reload, request.model.as_deref())?;
        let before = its.batcher.reader().model().digest.clone();
        (its.report)(&format!("model {} reads now, in the place of {before}", reader.model().digest));
        its.batcher.replace(reader);
        Ok(before)
    });
    let outcome = task.await.unwrap_or_else(|_| Err(Error::Model("loading it panicked".into())));
    let before = outcome.map_err(|error| {
        (state.report)(&format!("the new model is refused: {error}; the old one reads on"));
        let detail = format!("the new model is refused, and the old one reads on: {error}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    })?;
    Ok(Json(json!({ "model": state.batcher.reader().model(), "before": before })))
}

/// A reader that has shown that it reads: an empty drawing.
fn load_and_try(reload: &Reload, name: Option<&str>) -> Result<Arc<dyn Reader>, Error> {
    let reader = reload(name)?;
    let cells = vec![Vec::new(); reader.model().cells()];
    let content = Content::Drawing(Drawing { cells, width: 1.0, height: 1.0 });
    let empty = Input { content, options: ReadOptions::default() };
    let outcome = catch_read(&*reader, &[empty]).and_then(|mut outcomes| outcomes.pop());
    outcome.unwrap_or_else(|| Err(Error::Model("it panics at an empty drawing".into())))?;
    Ok(reader)
}
