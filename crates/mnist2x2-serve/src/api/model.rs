//! `GET /api/model` says which model reads; `POST /api/model/reload` loads it anew, or another by its name.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::app::{App, Reload};
use crate::body::Whole;
use crate::guard::Trusted;
use crate::problem::Problem;
use crate::worker::attempt;
use crate::{Drawing, Error, Input, Reader, Wanted};

pub(super) async fn show(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    let text = serde_json::to_string(app.worker.reader().model()).map_err(|_| Problem::internal())?;
    Ok(super::json(StatusCode::OK, text))
}

/// The body of a request to reload, which may be left out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wish {
    /// Which model; if none is named, the one that the server was started with.
    model: Option<String>,
}

pub(super) async fn reload(
    _: Trusted,
    State(app): State<Arc<App>>,
    body: Whole,
) -> Result<impl IntoResponse, Problem> {
    let Wish { model: name } = if body.bytes.is_empty() { Wish::default() } else { body.json()? };
    let loading = Arc::clone(&app.loading).try_lock_owned();
    let loading =
        loading.map_err(|_| Problem::busy("a model is being loaded; ask again when it is there"))?;
    let reload = Arc::clone(&app.reload);
    let its = Arc::clone(&app);
    // It goes on if the client goes away: half a reload would be no help to anyone.
    let task = spawn_blocking(move || {
        let _loading = loading;
        let reader = tried(&*reload, name.as_deref())?;
        let before = its.worker.reader().model().digest.clone();
        (its.report)(&format!("model {} reads now, in the place of {before}", reader.model().digest));
        its.worker.replace(reader);
        Ok(before)
    });
    let outcome = task.await.unwrap_or_else(|_| Err(Error::Model("loading it panicked".into())));
    let before = outcome.map_err(|error| refused(&app, &error))?;
    let answer = json!({ "model": app.worker.reader().model(), "before": before });
    Ok(super::json(StatusCode::OK, answer.to_string()))
}

/// A reader that has shown that it reads: an empty drawing.
fn tried(reload: &Reload, name: Option<&str>) -> Result<Arc<dyn Reader>, Error> {
    let reader = reload(name)?;
    let cells = vec![Vec::new(); reader.model().cells()];
    let nothing = Input::Drawing(Drawing { cells, width: 1.0, height: 1.0 }, Wanted::default());
    let outcome = attempt(&*reader, &[nothing]).and_then(|mut outcomes| outcomes.pop());
    outcome.unwrap_or_else(|| Err(Error::Model("it panics at an empty drawing".into())))?;
    Ok(reader)
}

fn refused(app: &App, error: &Error) -> Problem {
    (app.report)(&format!("the new model is refused: {error}; the old one reads on"));
    let detail = format!("the new model is refused, and the old one reads on: {error}");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}
