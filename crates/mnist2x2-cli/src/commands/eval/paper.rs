//! `eval --paper`: reads simulated pictures of handwriting on paper as `predict` reads files, and counts by kind.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use mnist2x2::data::paper::{File, Kind, Paper, Photo};
use mnist2x2::formats::files::write_atomically;
use mnist2x2::report::{PageTable, tables_page};
use mnist2x2::{Recognizer, Workers};
use serde::Serialize;

use crate::console::{self, Bar, percent};
use crate::data::DataArgs;
use crate::model::ModelArgs;
use crate::paper_args::{PaperArgs, encode, file_name};

/// An answer of more confidence is one that people trust.
const SURE: f32 = 0.9;
const COLUMNS: [&str; 7] =
    ["kind", "strength", "pictures", "right", "wrong", "wrong, over 90 % sure", "digits counted right"];

/// What `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    paper: &'static str,
    seed: u64,
    writing: &'a str,
    #[serde(flatten)]
    all: &'a Row,
    kinds: &'a [Row],
}

/// What was read of one kind at one strength.
#[derive(Default, Serialize)]
struct Row {
    kind: String,
    strength: Option<f32>,
    pictures: usize,
    right: usize,
    wrong: usize,
    /// Wrong, at more than 90 % confidence.
    confidently_wrong: usize,
    /// As many digits were read as there are.
    counted_right: usize,
    /// Mean milliseconds to read a picture.
    milliseconds: f64,
    mistakes: Vec<Mistake>,
}

/// A picture that is not read right.
#[derive(Serialize)]
struct Mistake {
    picture: String,
    /// What was read; nothing if the file was refused.
    read: Option<String>,
    confidence: Option<f32>,
    error: Option<String>,
}

/// What `eval` was asked for.
pub(super) struct Options<'a> {
    pub(super) paper: &'a PaperArgs,
    pub(super) strokes: Option<&'a Path>,
    pub(super) data: &'a DataArgs,
    pub(super) model: &'a ModelArgs,
    pub(super) report: Option<&'a Path>,
    pub(super) json: bool,
}

pub(super) fn run(args: &Options<'_>, recognizer: &Recognizer, workers: &Workers) -> anyhow::Result<()> {
    let kinds = args.paper.kinds()?;
    let writing = args.paper.writing(args.strokes, args.data)?;
    let paper = args.paper.paper(&writing)?;
    let mut bar = Bar::new(kinds.len() * args.paper.count() as usize, "reading pictures");
    let row = |kind: &Kind| {
        let row = Row::of(recognizer, &paper, kind, args.paper.count(), workers);
        bar.advance(args.paper.count() as usize);
        row
    };
    let rows = kinds.iter().map(row).collect::<anyhow::Result<Vec<_>>>()?;
    drop(bar);
    let all = Row::sum(&rows);
    if let Some(folder) = args.report {
        write(folder, args, &writing.name(), &rows, &all)?;
    }
    if args.json {
        let (paper, seed, writing) = (args.paper.set().name(), paper.seed, &writing.name());
        return console::print_json(&Json { paper, seed, writing, all: &all, kinds: &rows });
    }
    console::row("model", args.model.origin())?;
    console::row("pictures", format!("{}, set {}", writing.name(), args.paper.set().name()))?;
    console::print(&line(&COLUMNS.map(Into::into)))?;
    rows.iter().chain([&all]).try_for_each(|row| Ok(console::print(&line(&row.cells()))?))
}

/// Cells in columns.
fn line(cells: &[String]) -> String {
    let widths = COLUMNS.iter().enumerate().map(|(i, name)| if i == 0 { 22 } else { name.len().max(8) + 2 });
    let aligned =
        cells.iter().zip(widths).enumerate().map(|(i, (cell, width))| {
            if i == 0 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
    aligned.collect()
}

impl Row {
    fn of(
        recognizer: &Recognizer,
        paper: &Paper<'_>,
        kind: &Kind,
        count: u64,
        workers: &Workers,
    ) -> anyhow::Result<Self> {
        let read = |index| read(recognizer, paper, kind, index);
        let mut row = Self { kind: kind.name.into(), strength: kind.strength, ..Self::default() };
        for part in in_parallel(count, workers.count() as u64, read) {
            row.add(part?);
        }
        row.milliseconds /= count as f64;
        Ok(row)
    }

    fn add(&mut self, answer: Answer) {
        self.pictures += 1;
        self.milliseconds += answer.milliseconds;
        self.counted_right += usize::from(answer.is_counted_right);
        let Some(mistake) = answer.mistake else {
            self.right += 1;
            return;
        };
        self.wrong += 1;
        self.confidently_wrong += usize::from(mistake.confidence.is_some_and(|confidence| confidence > SURE));
        self.mistakes.push(mistake);
    }

    /// All rows as one, without the mistakes.
    fn sum(rows: &[Self]) -> Self {
        let of = |count: fn(&Self) -> usize| rows.iter().map(count).sum();
        let time: f64 = rows.iter().map(|row| row.milliseconds * row.pictures as f64).sum();
        let pictures: usize = of(|row| row.pictures);
        Self {
            kind: "all".into(),
            strength: None,
            pictures,
            right: of(|row| row.right),
            wrong: of(|row| row.wrong),
            confidently_wrong: of(|row| row.confidently_wrong),
            counted_right: of(|row| row.counted_right),
            milliseconds: time / pictures.max(1) as f64,
            mistakes: Vec::new(),
        }
    }

    fn cells(&self) -> [String; COLUMNS.len()] {
        let share = |count: usize| percent(count as f64 / self.pictures.max(1) as f64);
        [
            self.kind.clone(),
            self.strength.map(|strength| strength.to_string()).unwrap_or_default(),
            self.pictures.to_string(),
            share(self.right),
            share(self.wrong),
            share(self.confidently_wrong),
            share(self.counted_right),
        ]
    }
}

/// What came of one picture.
struct Answer {
    is_counted_right: bool,
    milliseconds: f64,
    mistake: Option<Mistake>,
}

/// Takes a picture, and reads its file.
fn read(recognizer: &Recognizer, paper: &Paper<'_>, kind: &Kind, index: u64) -> anyhow::Result<Answer> {
    let photo = paper.photograph(kind, index);
    let file = encode(&photo)?;
    let start = Instant::now();
    let reading = recognizer.read_bytes(&file);
    let milliseconds = 1e3 * start.elapsed().as_secs_f64();
    let (read, confidence, error) = match reading {
        Ok(reading) => (Some(reading.digits.replace('_', "")), Some(reading.confidence), None),
        Err(error) => (None, None, Some(error.to_string())),
    };
    let expected = expected(&photo);
    let length = |digits: &Option<String>| digits.as_ref().map(String::len);
    let is_counted_right = length(&read) == length(&expected);
    let mistake = (read != expected).then(|| Mistake {
        picture: file_name(kind, index, &photo),
        read,
        confidence,
        error,
    });
    Ok(Answer { is_counted_right, milliseconds, mistake })
}

/// What is to be read: the digits; nothing if the file is to be refused.
fn expected(photo: &Photo) -> Option<String> {
    let is_damaged = matches!(photo.file, File::Jpeg { is_truncated: true, .. });
    (!is_damaged).then(|| photo.digits.iter().map(|&digit| char::from(b'0' + digit)).collect())
}

/// `job` of the numbers below `count`, in their order, on so many threads.
fn in_parallel<R: Send>(count: u64, threads: u64, job: impl Fn(u64) -> R + Sync) -> Vec<R> {
    let job = &job;
    let mut results: Vec<(u64, R)> = std::thread::scope(|scope| {
        let of = |first| (first..count).step_by(threads as usize).map(|i| (i, job(i))).collect::<Vec<_>>();
        let started: Vec<_> = (0..threads).map(|first| scope.spawn(move || of(first))).collect();
        started
            .into_iter()
            .flat_map(|thread| thread.join().expect("a panic was reported where it was"))
            .collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Writes `index.html` to `folder`: the table, and the wrong answers that somebody would trust.
fn write(folder: &Path, args: &Options<'_>, writing: &str, rows: &[Row], all: &Row) -> anyhow::Result<()> {
    let facts = [
        ("model".into(), args.model.origin()),
        ("pictures".into(), format!("{writing}, set {}", args.paper.set().name())),
    ];
    let cells = rows.iter().chain([all]).map(|row| row.cells().to_vec()).collect();
    let mistake = |mistake: &Mistake| {
        let read = mistake.read.clone().unwrap_or_else(|| mistake.error.clone().unwrap_or_default());
        let confidence = mistake.confidence.map(|confidence| percent(f64::from(confidence)));
        vec![mistake.picture.clone(), read, confidence.unwrap_or_default()]
    };
    let mistakes = rows.iter().flat_map(|row| &row.mistakes).map(mistake).collect();
    let page = tables_page(
        "How well mnist2x2 reads pictures of paper",
        &facts,
        vec![
            PageTable { caption: "Pictures by kind and strength", columns: &COLUMNS, rows: cells },
            PageTable {
                caption: "What is not read right",
                columns: &["picture", "read", "confidence"],
                rows: mistakes,
            },
        ],
    );
    let path = folder.join("index.html");
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    write_atomically(&path, page.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    console::log(&format!("wrote {}", path.display()));
    Ok(())
}
