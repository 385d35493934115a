//! `POST /api/predict`: a picture or a drawing in, digits and confidences out.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use mnist2x2_infer::api::Prediction;

use crate::body::LimitedBody;
use crate::problem::Problem;
use crate::state::AppState;
use crate::{Content, Drawing, Error, Input, ReadOptions};

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
    if let Some(picture) = body.picture() {
        return Ok(Content::Picture(picture));
    }
    if body.content_type == "application/json" {
        let drawing: Drawing = body.json()?;
        let cells = state.batcher.reader().model().cells();
        drawing.check(cells).map_err(|error| Error::Input(error.to_string()))?;
        return Ok(Content::Drawing(drawing));
    }
    let detail = format!(
        "the body is no picture that is read (PNG, JPEG, WebP, BMP, GIF, TIFF), and its type is \"{}\"; send a picture, a form with one \
         (curl -F file=@x.png), or a drawing as application/json",
        body.content_type
    );
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}
