//! `corrections`: shows, exports and imports what people corrected.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use mnist2x2::corrections::{Error, Imported, Store, Summary};
use serde::Serialize;

use crate::clock::utc;
use crate::console;

/// Corrections that are asked of the store at a time.
const PAGE: u32 = 1000;
/// Digits of a model's digest that people are shown.
const SHORT: usize = 12;

/// Options of `corrections`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Lists what was read and what is right, oldest first
    List {
        /// The file that corrections are kept in; it is not changed
        #[arg(long, value_name = "FILE")]
        store: PathBuf,
        /// Print a line of JSON for each correction and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Writes all corrections to standard output as JSON Lines, as `GET /api/corrections` does
    Export {
        /// The file that corrections are kept in; it is not changed
        #[arg(long, value_name = "FILE")]
        store: PathBuf,
    },
    /// Adds the corrections of an export, all or none; those that are there already stay as they are
    Import {
        /// The file that corrections are kept in, made if need be
        #[arg(long, value_name = "FILE")]
        store: PathBuf,
        /// Print one line of JSON and nothing else
        #[arg(long)]
        json: bool,
        /// JSON Lines as `export` writes them; `-` reads standard input
        #[arg(value_name = "LINES")]
        lines: PathBuf,
    },
}

/// What `import --json` prints.
#[derive(Serialize)]
struct Json {
    new: u64,
    known: u64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.action {
        Action::List { store, json } => list(&Store::open_to_read(store)?, *json)?,
        Action::Export { store } => export(&Store::open_to_read(store)?)?,
        Action::Import { store, json, lines } => import(store, *json, lines)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    if !json {
        let width = right_width(store)?;
        console::print(&format!(
            "{:>5}  {:16}  {:width$}  {:width$}  {:15}  {:SHORT$}  key",
            "place", "time (UTC)", "read", "right", "drawing", "model"
        ))?;
        each(store, |summary| Ok(console::print(&line(summary, width))?))?;
        console::log(&format!("{} corrections", store.count()?));
        return Ok(());
    }
    each(store, console::print_json)
}

/// The width of the columns of digits.
fn right_width(store: &Store) -> anyhow::Result<usize> {
    let mut width = "right".len();
    each(store, |summary| {
        width = width.max(summary.right.len());
        Ok(())
    })?;
    Ok(width)
}

/// Does `job` with every correction, oldest first.
fn each(store: &Store, mut job: impl FnMut(&Summary) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut id = 0;
    loop {
        let page = store.page(id, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        id = last.id;
        page.iter().try_for_each(&mut job)?;
    }
}

fn line(summary: &Summary, width: usize) -> String {
    let Summary { id, key, time, model, read, right, strokes_bytes, picture_bytes, .. } = summary;
    let drawing = match (strokes_bytes, picture_bytes) {
        (0, _) => "picture",
        (_, 0) => "strokes",
        _ => "strokes+picture",
    };
    let (time, model) = (utc(time / 1000), &model[..SHORT.min(model.len())]);
    format!("{id:5}  {time:16}  {read:width$}  {right:width$}  {drawing:15}  {model:SHORT$}  {key}")
}

fn export(store: &Store) -> anyhow::Result<()> {
    let count = store.export(BufWriter::new(io::stdout().lock())).map_err(|error| match error {
        // As it came: someone who stopped reading is no failure.
        Error::Stream(error) => anyhow::Error::from(error),
        error => error.into(),
    })?;
    console::log(&format!("{count} corrections"));
    Ok(())
}

fn import(store: &Path, json: bool, lines: &Path) -> anyhow::Result<()> {
    let Imported { new, known } = if lines == Path::new("-") {
        Store::open(store)?.import(io::stdin().lock()).context("standard input")?
    } else {
        let name = || lines.display().to_string();
        let file = File::open(lines).with_context(name)?;
        Store::open(store)?.import(BufReader::new(file)).with_context(name)?
    };
    if json {
        return console::print_json(&Json { new, known });
    }
    Ok(console::print(&format!("{new} new, {known} known already"))?)
}
