//! `POST /api/predict`: a picture or a drawing in, digits and confidences out.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Serialize;

use crate::app::App;
use crate::body::Whole;
use crate::problem::Problem;
use crate::{Answer, Drawing, Input, Wanted};

/// An answer and which model gave it.
#[derive(Serialize)]
struct Prediction {
    #[serde(flatten)]
    answer: Answer,
    model: String,
}

pub(super) async fn read(
    State(app): State<Arc<App>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    body: Whole,
) -> Result<impl IntoResponse, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let input = input(&body, wanted, &app)?;
    let read = app.worker.read(input).await?;
    let prediction = Prediction { answer: read.answer, model: read.model };
    let text = serde_json::to_string(&prediction).map_err(|_| Problem::internal())?;
    Ok(super::json(StatusCode::OK, text))
}

fn input(body: &Whole, wanted: Wanted, app: &App) -> Result<Input, Problem> {
    match body.content_type.as_str() {
        "image/png" | "image/jpeg" => Ok(Input::Picture(body.bytes.clone(), wanted)),
        "application/json" => {
            let drawing: Drawing = body.json()?;
            let wrong =
                |error: crate::Error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
            drawing.check(app.worker.reader().model().cells()).map_err(wrong)?;
            Ok(Input::Drawing(drawing, wanted))
        }
        other => {
            let detail =
                format!("the type must be image/png, image/jpeg or application/json, not \"{other}\"");
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}
