//! `POST /api/corrections` keeps what is right; `GET` gives all of it back.

use std::fmt::Display;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use mnist2x2_corrections::Correction;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Drawing;
use crate::app::{App, now};
use crate::body::Whole;
use crate::guard::{SameOrigin, Trusted};
use crate::keeper::Keeper;
use crate::problem::Problem;

use super::export::Lines;

pub(super) async fn keep(
    _: SameOrigin,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Whole,
) -> Result<impl IntoResponse, Problem> {
    let keeper = keeper(&app)?;
    let correction = correction(&headers, &body)?;
    let added = keeper.write(app.settings.limits.answer, move |store| store.add(&correction)).await?;
    app.metrics.corrections.add(added.new.into());
    let kept = &added.stored;
    let answer = json!({
        "id": kept.id,
        "key": kept.correction.key,
        "time": kept.correction.time,
        "new": added.new,
    });
    let status = if added.new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(super::json(status, answer.to_string()))
}

/// The correction in a body. It bears the server's time, and the key of the header `Idempotency-Key` unless it has one
/// of its own.
fn correction(headers: &HeaderMap, body: &Whole) -> Result<Correction, Problem> {
    let wrong = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    let mut fields: Map<String, Value> = body.json()?;
    if fields.insert("time".into(), now().into()).is_some() {
        return Err(wrong("time: the server's own is taken; leave it out".into()));
    }
    if let Some(key) = headers.get("idempotency-key") {
        let key = String::from_utf8_lossy(key.as_bytes()).into_owned();
        fields.entry("key").or_insert(key.into());
    }
    let correction: Correction =
        serde_json::from_value(Value::Object(fields)).map_err(|error| wrong(error.to_string()))?;
    correction.check().map_err(|error| Problem::from(&error))?;
    if let Some(strokes) = &correction.strokes {
        let wrong = |problem: &dyn Display| wrong(format!("strokes: {problem}"));
        let fields = strokes.as_object().ok_or_else(|| wrong(&"must be an object"))?;
        let drawing = Drawing::deserialize(fields).map_err(|error| wrong(&error))?;
        drawing.check(correction.right.len()).map_err(|error| wrong(&error))?;
    }
    Ok(correction)
}

pub(super) async fn export(_: Trusted, State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let lines = Lines::of(keeper(&app)?).await?;
    let headers = [
        (CONTENT_TYPE, "application/jsonl"),
        (CONTENT_DISPOSITION, "attachment; filename=\"corrections.jsonl\""),
    ];
    Ok((headers, Body::new(lines)).into_response())
}

fn keeper(app: &App) -> Result<Arc<Keeper>, Problem> {
    let none =
        || Problem::new(StatusCode::NOT_FOUND, "this server keeps no corrections; start it with a store");
    app.keeper.clone().ok_or_else(none)
}
