//! `POST /api/corrections` keeps a correction; `GET /api/corrections` exports all of them.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use futures_util::{StreamExt, stream};
use mnist2x2_corrections::{Correction, Error, Store};
use mnist2x2_picture::Picture;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::spawn_blocking;

use crate::auth::{authorize, check_origin};
use crate::body::LimitedBody;
use crate::metrics::Event;
use crate::problem::Problem;
use crate::state::{AppState, now};
use crate::store::StoreHandle;
use crate::{Drawing, ModelInfo};

/// Bytes of an export that are sent at a time.
const CHUNK: usize = 64 << 10;
/// Chunks that wait to be sent; then reading the store waits.
const MAX_WAITING_CHUNKS: usize = 2;

pub(super) async fn add(
    State(state): State<Arc<AppState>>,
    headers: HeaderMap,
    request: Request,
) -> Result<impl IntoResponse, Problem> {
    check_origin(&headers, &state.settings)?;
    let body = state.bodies.receive(request).await?;
    let store = store(&state)?;
    let correction = correction(&headers, &body)?;
    check_cells(&correction, state.batcher.reader().model())?;
    let limit = state.settings.limits.answer_timeout;
    // One at a time, as they are written: pictures are decoded in the memory of one.
    let add = move |store: &Store| check_picture(&correction).and_then(|()| store.add(&correction));
    let added = store.write(limit, add).await?;
    if added.new {
        state.metrics.count(Event::NewCorrection);
    }
    let kept = &added.stored;
    let answer = json!({
        "id": kept.id,
        "key": kept.correction.key,
        "time": kept.correction.time,
        "new": added.new,
    });
    Ok((if added.new { StatusCode::CREATED } else { StatusCode::OK }, Json(answer)))
}

/// The correction in a body. It bears the server's time, and the key of the header `Idempotency-Key` unless it has one
/// of its own.
fn correction(headers: &HeaderMap, body: &LimitedBody) -> Result<Correction, Problem> {
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
    correction.check()?;
    if let Some(strokes) = &correction.strokes {
        let wrong = |problem: &dyn Display| wrong(format!("strokes: {problem}"));
        let fields = strokes.as_object().ok_or_else(|| wrong(&"must be an object"))?;
        let drawing = Drawing::deserialize(fields).map_err(|error| wrong(&error))?;
        drawing.check(correction.right.len()).map_err(|error| wrong(&error))?;
    }
    Ok(correction)
}

/// Refuses a correction of other grids than the model reads, unless it has the digits as they were found: nobody could learn
/// from it.
fn check_cells(correction: &Correction, model: &ModelInfo) -> Result<(), Problem> {
    let (count, ModelInfo { rows, cols, .. }) = (correction.right.len(), model);
    let detail = format!(
        "right: is of {count} cells, and the model reads {rows} x {cols}; of another arrangement send each digit as it was \
         found, in `found`"
    );
    let fits = correction.found.is_some() || count == model.cells();
    if fits { Ok(()) } else { Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)) }
}

/// Refuses a picture that cannot be decoded.
fn check_picture(correction: &Correction) -> Result<(), Error> {
    let Some(picture) = &correction.picture else { return Ok(()) };
    let invalid =
        |error: mnist2x2_picture::Error| Error::Invalid { field: "picture", problem: error.to_string() };
    Picture::from_bytes(picture).map(drop).map_err(invalid)
}

/// All corrections as JSON Lines, read from the store as fast as the client takes them.
pub(super) async fn export(
    State(state): State<Arc<AppState>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    authorize(&headers, &state.settings)?;
    let store = store(&state)?;
    let busy = |_| Problem::busy("enough exports are running; try again when one has ended");
    let permit = Arc::clone(&store.exports).try_acquire_owned().map_err(busy)?;
    let (sender, mut chunks) = channel(MAX_WAITING_CHUNKS);
    let export = spawn_blocking(move || {
        let _permit = permit;
        let out = BufWriter::with_capacity(CHUNK, ChunkWriter(sender.clone()));
        let outcome = store.read(|store| match store.export(out) {
            // The client went away: no fault of the store's.
            Err(Error::Stream(_)) => Ok(()),
            outcome => outcome.map(drop),
        });
        if let Err(error) = &outcome {
            // The body breaks off, which clients notice.
            let _ = sender.blocking_send(Err(io::Error::other(error.to_string())));
        }
        outcome
    });
    let first = chunks.recv().await;
    if let Some(Err(_)) = first {
        // A store that fails at once is answered with a problem, not with a body that breaks off.
        let outcome = export.await.map_err(|_| Problem::internal())?;
        return Err(outcome.map_or_else(Problem::from, |()| Problem::internal()));
    }
    let rest = stream::poll_fn(move |context| chunks.poll_recv(context));
    let headers = [
        (CONTENT_TYPE, "application/jsonl"),
        (CONTENT_DISPOSITION, "attachment; filename=\"corrections.jsonl\""),
    ];
    Ok((headers, Body::from_stream(stream::iter(first).chain(rest))))
}

/// A writer whose bytes become chunks of a body.
struct ChunkWriter(Sender<io::Result<Bytes>>);

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn store(state: &AppState) -> Result<Arc<StoreHandle>, Problem> {
    let none =
        || Problem::new(StatusCode::NOT_FOUND, "this server keeps no corrections; start it with a store");
    state.store.clone().ok_or_else(none)
}
