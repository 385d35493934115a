//! `POST /upload`: the form of a browser without scripts, answered with a page.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use mnist2x2_infer::Reading;

use crate::app::App;
use crate::body::Whole;
use crate::problem::Problem;
use crate::{Input, Wanted};

use super::{HTML, simple};

pub(super) async fn read(
    State(app): State<Arc<App>>,
    body: Result<Whole, Problem>,
) -> Result<Response, Problem> {
    answer(&app, body).await.map_err(Problem::into_page)
}

async fn answer(app: &App, body: Result<Whole, Problem>) -> Result<Response, Problem> {
    let body = body?;
    let missing = || Problem::new(StatusCode::BAD_REQUEST, "choose a picture first, a PNG or JPEG");
    let picture = picture(&body).ok_or_else(missing)?;
    let read = app.worker.read(Input::Picture(picture, Wanted::default())).await?;
    let page = simple("What was read", &told(&read.answer.reading));
    Ok(([(CONTENT_TYPE, HTML)], page).into_response())
}

/// The content of the form's one field: what stands between the field's headers and the boundary (RFC 7578), which the
/// body begins with.
fn picture(body: &Whole) -> Option<Bytes> {
    if body.content_type != "multipart/form-data" {
        return None;
    }
    let bytes = &body.bytes;
    let boundary = [b"\r\n", &bytes[..find(bytes, b"\r\n")?]].concat();
    let begin = find(bytes, b"\r\n\r\n")? + 4;
    let length = find(&bytes[begin..], &boundary)?;
    (length > 0).then(|| bytes.slice(begin..begin + length))
}

/// Where `part` first stands in `whole`.
fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.windows(part.len()).position(|window| window == part)
}

fn told(reading: &Reading) -> String {
    let percent = 100.0 * reading.confidence;
    let mut text = format!("<p class=\"answer\">{}</p><p>{percent:.0} % sure.</p>", reading.digits);
    if reading.digits.contains('_') {
        text.push_str("<p>Empty cells are written _.</p>");
    }
    for other in &reading.alternatives {
        let percent = 100.0 * other.confidence;
        // Writing to a string cannot fail.
        let _ = write!(text, "<p class=\"quiet\">or {}: {percent:.1} %</p>", other.digits);
    }
    text
}
