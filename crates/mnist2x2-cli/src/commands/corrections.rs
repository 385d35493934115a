//! `corrections`: lists, exports, imports and removes the corrections that people made.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Subcommand;
use mnist2x2::corrections::{Error, Imported, Store, Summary};
use serde_json::json;

use crate::clock::utc;
use crate::console;

/// Corrections that are read from the store at a time.
const PAGE: u32 = 1000;
/// Digits of a model's digest in the table.
const SHORT: usize = 12;

/// Options of `corrections`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List what was read and what is right, oldest first
    List {
        #[command(flatten)]
        store: StoreArgs,
        /// Print a line of JSON for each correction and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Write all corrections to standard output as JSON Lines, as `GET /api/corrections` does
    Export(StoreArgs),
    /// Remove corrections for good
    Remove {
        /// The file with the corrections
        #[arg(long, value_name = "FILE")]
        store: PathBuf,
        /// Print one line of JSON and nothing else
        #[arg(long)]
        json: bool,
        /// What they are known by, as `list` shows it last
        #[arg(value_name = "KEY", required = true)]
        keys: Vec<String>,
    },
    /// Add the corrections of an export, all or none; those that the store has already stay as they are
    Import {
        /// The file to keep corrections in, created if need be
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

/// A store of corrections that is only read.
#[derive(clap::Args)]
pub(crate) struct StoreArgs {
    /// The file with the corrections; it is only read
    #[arg(long, value_name = "FILE")]
    store: PathBuf,
}

impl StoreArgs {
    /// Opens the store.
    pub(crate) fn open(&self) -> anyhow::Result<Store> {
        Ok(Store::open_to_read(&self.store)?)
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.action {
        Action::List { store, json } => list(&store.open()?, *json),
        Action::Export(store) => export(&store.open()?),
        Action::Remove { store, json, keys } => remove(store, *json, keys),
        Action::Import { store, json, lines } => import(store, *json, lines),
    }
}

fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    if json {
        return each(store, console::print_json);
    }
    let mut width = "right".len();
    each(store, |summary| {
        width = width.max(summary.right.len());
        Ok(())
    })?;
    console::print(&format!(
        "{:>5}  {:16}  {:width$}  {:width$}  {:15}  {:SHORT$}  key",
        "place", "time (UTC)", "read", "right", "drawing", "model"
    ))?;
    each(store, |summary| Ok(console::print(&line(summary, width))?))?;
    console::log(&format!("{} corrections", store.count()?));
    Ok(())
}

/// Calls `job` with every correction, oldest first.
pub(super) fn each(store: &Store, mut job: impl FnMut(&Summary) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut id = 0;
    loop {
        let page = store.page(id, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        id = last.id;
        page.iter().try_for_each(&mut job)?;
    }
}

fn line(summary: &Summary, width: usize) -> String {
    let Summary { id, key, time, model, read, right, .. } = summary;
    let drawing = drawing(summary);
    let (time, model) = (utc(time / 1000), &model[..SHORT.min(model.len())]);
    format!("{id:5}  {time:16}  {read:width$}  {right:width$}  {drawing:15}  {model:SHORT$}  {key}")
}

/// In which form a drawing is kept; of digits that were found, how many of them are none.
fn drawing(summary: &Summary) -> String {
    let Summary { strokes_bytes, picture_bytes, found_bytes, right, .. } = summary;
    match (strokes_bytes, picture_bytes, right.matches('_').count()) {
        (.., 0) if *found_bytes > 0 => "digits".into(),
        (.., none) if *found_bytes > 0 => format!("digits, {none} none"),
        (0, ..) => "picture".into(),
        (_, 0, _) => "strokes".into(),
        _ => "strokes+picture".into(),
    }
}

fn export(store: &Store) -> anyhow::Result<()> {
    let count = store.export(BufWriter::new(io::stdout().lock())).map_err(|error| match error {
        // As it is: a reader who has stopped is no failure.
        Error::Stream(error) => anyhow::Error::from(error),
        error => error.into(),
    })?;
    console::log(&format!("{count} corrections"));
    Ok(())
}

fn remove(path: &Path, json: bool, keys: &[String]) -> anyhow::Result<()> {
    ensure!(path.exists(), "{}: there is no such store", path.display());
    let (store, mut missing) = (Store::open(path)?, Vec::new());
    for key in keys {
        if !store.remove(key)? {
            missing.push(key.as_str());
        }
    }
    let removed = keys.len() - missing.len();
    if json {
        console::print_json(&json!({ "removed": removed, "missing": missing }))?;
    } else {
        console::print(&format!("{removed} removed"))?;
    }
    ensure!(missing.is_empty(), "{}: it has no correction {}", path.display(), missing.join(", "));
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
        return console::print_json(&json!({ "new": new, "known": known }));
    }
    Ok(console::print(&format!("{new} new, {known} known already"))?)
}
