//! `POST /api/predict`: a picture or a drawing in, digits and confidences out.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;

use crate::batcher::Prediction;
use crate::body::LimitedBody;
use crate::problem::Problem;
use crate::state::AppState;
use crate::{Content, Drawing, Input, ReadOptions};

pub(super) async fn predict(
    State(state): State<Arc<AppState>>,
    options: Result<Query<ReadOptions>, QueryRejection>,
    request: Request,
) -> Result<Json<Prediction>, Problem> {
    let body = state.bodies.receive(request).await?;
    let Query(options) = options.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let content = content(&body, &state)?;
    Ok(Json(state.batcher.read(Input { content, options }).await?))
}

fn content(body: &LimitedBody, state: &AppState) -> Result<Content, Problem> {
    match body.content_type.as_str() {
        "image/png" | "image/jpeg" => Ok(Content::Picture(body.bytes.clone())),
        "application/json" => {
            let drawing: Drawing = body.json()?;
            drawing.check(state.batcher.reader().model().cells())?;
            Ok(Content::Drawing(drawing))
        }
        other => {
            let detail =
                format!("the type must be image/png, image/jpeg or application/json, not \"{other}\"");
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}
