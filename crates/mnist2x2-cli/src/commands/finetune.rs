//! `finetune`: trains a model on from corrections, and keeps the outcome only if it is better.

mod lessons;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use mnist2x2::corrections::Store;
use mnist2x2::data::mnist::Split;
use mnist2x2::data::pendigits;
use mnist2x2::train::{
    DataRecord, EpochMetrics, FinetuneRecord, Finetuning, Lesson, Marks, Material, Outcome, RunRecord,
    Verdict, with_overrides,
};
use mnist2x2::{Recipe, Recognizer, RunFolder, Workers, formats};
use serde::Serialize;
use toml::Table;

use super::train::{Interrupt, default_folder, parse_setting};
use crate::console::{self, duration, percent, program};
use crate::data::{DataArgs, Dataset};
use crate::device;
use crate::model::ModelArgs;
use watch::Watch;

/// The share of digits that are pen strokes, where there are some: more of them took more from MNIST's validation.
const STROKES: f64 = 0.1;

/// The share of digits that are from corrections: more would make what they show seem likelier than it is.
const SHARE: f64 = 0.08;

/// Options of `finetune`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The file that corrections are kept in; it is not changed
    #[arg(long, value_name = "FILE")]
    store: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// The new model's folder, never overwritten [default: runs/TIME-finetune-sSEED, the time in UTC]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    /// A file of pen strokes to rehearse beside MNIST (pendigits-orig.tra of `cargo xtask download-pendigits`)
    #[arg(long, value_name = "FILE")]
    strokes: Option<PathBuf>,
    /// Decides the grids and how they are augmented; which corrections are held out does not depend on it
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// The share of digits that are from corrections, above 0 and at most 1
    #[arg(long, value_name = "SHARE", default_value_t = SHARE, value_parser = parse_share)]
    share: f64,
    /// One setting in place of the recipe's, such as `epochs=3`; may be given several times
    #[arg(long, value_name = "SETTING=VALUE", value_parser = parse_setting)]
    set: Vec<Table>,
    /// Print one line of JSON and nothing else
    #[arg(long)]
    json: bool,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = device::Choice::Auto)]
    device: device::Choice,
    /// Threads on the CPU [default: one per core]; the result does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    /// The new model's folder; nothing if none was written.
    model: Option<&'a Path>,
    /// Why none was.
    objection: Option<&'a str>,
    learnt: u64,
    #[serde(flatten)]
    verdict: Verdict,
    seconds: f64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let store = Store::open_to_read(&args.store)?;
    let base = args.model.load(&device::open(args.device)?)?;
    let in_store = || args.store.display().to_string();
    let lessons = lessons::read(&store, base.shape()).with_context(in_store)?;
    let recipe = args.recipe()?.on(base.model().parameters().device());
    let out = args.out.clone().unwrap_or_else(|| default_folder(&recipe));
    RunFolder::check_free(&out)?;
    let dataset = args.data.resolve()?;
    let workers = Workers::new(args.threads.map(usize::from))?;
    let (mut finetuning, data) = args.prepare(&base, recipe, &dataset, lessons, &workers)?;
    console::log(&format!(
        "learning {} corrections beside {} digits; {} are held out",
        finetuning.learnt(),
        dataset.name(),
        finetuning.held_out().len()
    ));
    let mut watch = Watch::new(finetuning.trainer().recipe().epochs, Interrupt::listen()?);
    if finetuning.run(&workers, &mut watch)? == Outcome::Stopped {
        console::log("stopped; nothing was written");
        return Ok(ExitCode::from(130));
    }
    let verdict = finetuning.verdict(&workers)?;
    let objection = verdict.objection();
    if objection.is_none() {
        let record = args.record(&finetuning, &base, verdict, data);
        save(&out, &record, &finetuning, watch.epochs(), &workers)?;
    }
    let model = objection.is_none().then_some(out.as_path());
    let (learnt, seconds) = (finetuning.learnt(), start.elapsed().as_secs_f64());
    if args.json {
        console::print_json(&Json { model, objection: objection.as_deref(), learnt, verdict, seconds })?;
    } else {
        print_table(&verdict, seconds)?;
    }
    if let Some(objection) = objection {
        bail!("nothing was written: {objection}");
    }
    let (program, out) = (program(), out.display());
    console::log(&format!("saved in {out}; read with: {program} predict --model {out} IMAGE"));
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// The recipe with what was asked for in place of its own.
    fn recipe(&self) -> anyhow::Result<Recipe> {
        let mut recipe = Recipe::finetune(self.seed);
        recipe.strokes = if self.strokes.is_some() { STROKES } else { 0.0 };
        for setting in &self.set {
            recipe = with_overrides(&recipe, setting, "recipe")?;
        }
        recipe.validate()?;
        Ok(recipe)
    }

    /// Everything that is trained on.
    fn prepare(
        &self,
        base: &Recognizer,
        recipe: Recipe,
        dataset: &Dataset,
        lessons: Vec<Lesson>,
        workers: &Workers,
    ) -> anyhow::Result<(Finetuning, DataRecord)> {
        let (digits, digests) = dataset.load(Split::Train)?;
        let pens = self.strokes.as_deref().map(pendigits::read).transpose()?;
        let material = Material { digits, pens: pens.as_ref(), lessons, share: self.share };
        let finetuning = Finetuning::new(base, recipe, material, workers)?;
        let data = dataset.record(digests, pens.as_ref().zip(self.strokes.as_deref()));
        Ok((finetuning, data))
    }

    fn record(&self, of: &Finetuning, base: &Recognizer, verdict: Verdict, data: DataRecord) -> RunRecord {
        let finetune = FinetuneRecord {
            base: self.model.origin(),
            base_sha256: base.digest().into(),
            corrections_sha256: of.corrections_sha256().into(),
            learnt: of.learnt(),
            way: of.way(),
            verdict,
        };
        let (model, recipe) = (base.model().config().clone(), of.trainer().recipe().clone());
        RunRecord { finetune: Some(finetune), ..RunRecord::new(model, recipe, data) }
    }
}

/// Writes the model folder; the weights come last, and make it one.
fn save(
    path: &Path,
    record: &RunRecord,
    finetuning: &Finetuning,
    epochs: &[EpochMetrics],
    workers: &Workers,
) -> anyhow::Result<()> {
    let calibration = finetuning.calibration(workers)?;
    let model = finetuning.result()?;
    let folder = RunFolder::create(path, record)?;
    epochs.iter().try_for_each(|epoch| folder.append_metrics(epoch))?;
    calibration.save(path)?;
    Ok(formats::save(model.parameters(), path)?)
}

/// A share of something.
fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse().map_err(|_| "is no number".to_owned())?;
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err("must be above 0 and at most 1".into()) }
}

/// What was read right before and after.
fn print_table(verdict: &Verdict, seconds: f64) -> anyhow::Result<()> {
    let Verdict { held_out, before, after } = verdict;
    console::print(&format!("{:22}{:>12}{:>12}", "", "before", "after"))?;
    let row = |name: &str, of: &dyn Fn(&Marks) -> String| {
        console::print(&format!("{name:22}{:>12}{:>12}", of(before), of(after)))
    };
    row(&format!("of {held_out} held out, right"), &|marks| marks.corrections.to_string())?;
    row("their cells right", &|marks| marks.cells.to_string())?;
    row("validation grids right", &|marks| percent(marks.validation))?;
    Ok(console::print(&format!("time                  {}", duration(seconds)))?)
}
