//! `POST /upload`: the form of a browser without scripts, answered with a page.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use mnist2x2_infer::Reading;

use crate::html::{escape, page};
use crate::problem::Problem;
use crate::state::AppState;
use crate::{Content, Input, ReadOptions};

/// What is less likely is not shown: it would be 0.0 %.
const LEAST: f32 = 0.001;

pub(super) async fn read(
    State(state): State<Arc<AppState>>,
    request: Request,
) -> Result<Html<String>, Response> {
    read_form(&state, request).await.map_err(error_page)
}

async fn read_form(state: &AppState, request: Request) -> Result<Html<String>, Problem> {
    let body = state.bodies.receive(request).await?;
    let missing = || Problem::new(StatusCode::BAD_REQUEST, "choose a picture first");
    let picture = body.picture().ok_or_else(missing)?;
    let input = Input { content: Content::Picture(picture), options: ReadOptions::default() };
    let prediction = state.batcher.read(input).await?;
    Ok(page("What was read", &render_reading(&prediction.answer.reading)))
}

fn error_page(problem: Problem) -> Response {
    let page = page("Not read", &format!("<p>{}</p>", escape(&problem.detail)));
    (problem.status, AppendHeaders(problem.headers), page).into_response()
}

fn render_reading(reading: &Reading) -> String {
    if !reading.has_digits() {
        return "<p class=\"answer\">No digits were found.</p>".into();
    }
    let percent = 100.0 * reading.confidence;
    let answer = reading.lines.join("<br>");
    let mut text = format!("<p class=\"answer\">{answer}</p><p>{percent:.0} % sure.</p>");
    if answer.contains('_') {
        text.push_str("<p>Empty cells are written _.</p>");
    }
    for other in reading.alternatives.iter().filter(|other| other.confidence >= LEAST) {
        let percent = 100.0 * other.confidence;
        // Writing to a string cannot fail.
        let _ = write!(text, "<p class=\"quiet\">or {}: {percent:.1} %</p>", other.digits);
    }
    text
}
