//! `finetune`: fine-tunes a model on corrections, and keeps the new model only if it is better.

mod examples;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use mnist2x2::train::{
    Acceptance, DataRecord, EpochMetrics, Exposure, FinetuneData, Finetuned, Finetuning, RunRecord, Scores,
    TrainingData, with_overrides,
};
use mnist2x2::{GridShape, Recipe, RunFolder, Workers};
use serde::Serialize;
use toml::Table;

use self::examples::Examples;
use super::corrections::StoreArgs;
use super::train::{default_folder, parse_setting};
use crate::console::{self, duration, percent};
use crate::data::{DataArgs, Dataset};
use crate::device::ComputeArgs;
use crate::interrupt::{Interrupt, Interrupted};
use crate::model::{ModelArgs, exposure_note};
use crate::progress::Progress;

/// The fraction of digits that are pen strokes, if there are some. With more of them, the accuracy on MNIST's validation
/// grids fell.
const STROKES: f64 = 0.1;

/// How many corrections that are skipped are named.
const SKIPPED_SHOWN: usize = 5;

/// Options of `finetune`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
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
    /// Determines the grids and their augmentation, but not which corrections are held out
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// The fraction of training digits that come from corrections, above 0 and at most 1
    #[arg(long, value_name = "SHARE", default_value_t = FinetuneData::SHARE, value_parser = parse_share)]
    share: f64,
    /// One setting that replaces the recipe's, such as `epochs=3`; may be given several times
    #[arg(long, value_name = "SETTING=VALUE", value_parser = parse_setting)]
    set: Vec<Table>,
    /// Print one line of JSON and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    /// The new model's folder; nothing if none was written.
    model: Option<&'a Path>,
    /// Why none was.
    objection: Option<&'a str>,
    learnt: u64,
    /// Corrections that cannot be learned from.
    skipped: usize,
    /// What was found and is no digit, which is left out of the corrections that hold it.
    no_digits: usize,
    /// Whether the model that it began with was trained on the validation digits: `none`, `unknown` or `trained`.
    exposure: Exposure,
    #[serde(flatten)]
    acceptance: Acceptance,
    seconds: f64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let start = Instant::now();
    let base = args.model.load(&args.compute.device.open()?)?;
    let Examples { learnable, skipped, no_digits } = args.examples(base.shape())?;
    let earlier = args.model.record();
    let recipe = args.recipe(earlier.as_ref())?.on(base.model().parameters().device());
    let out = args.out.clone().unwrap_or_else(|| default_folder(&recipe));
    RunFolder::check_free(&out)?;
    let (dataset, workers) = (args.data.resolve()?, args.compute.workers()?);
    let (rehearsal, data_record) = args.rehearsal(&dataset, &recipe)?;
    let exposure = earlier.map_or(Exposure::Unknown, |earlier| earlier.exposure(&data_record, &recipe));
    let data =
        FinetuneData { rehearsal, exposure, examples: learnable, share: args.share, target_confidence: None };
    let mut finetuning = Finetuning::new(&base, &args.model.origin(), recipe, data, &workers)?;
    let (learnt, held_out) = (finetuning.learned(), finetuning.held_out().len());
    console::log(&format!(
        "learning {learnt} corrections beside {} digits; {held_out} are held out",
        dataset.name()
    ));
    let (outcome, epochs) = learn(&mut finetuning, &workers)?;
    let acceptance = outcome.record.acceptance;
    let objection = acceptance.objection();
    if objection.is_none() {
        let (model, recipe) = (base.model().config().clone(), finetuning.trainer().recipe().clone());
        let mut record = RunRecord::new(model, recipe, data_record);
        (record.exposure, record.finetune) = (Some(exposure), Some(outcome.record));
        let folder = RunFolder::create(&out, &record)?;
        epochs.iter().try_for_each(|epoch| folder.append_metrics(epoch))?;
        folder.save_model(&outcome.model, outcome.calibration)?;
    }
    let (model, seconds) = (objection.is_none().then_some(out.as_path()), start.elapsed().as_secs_f64());
    let (objection, skipped) = (objection.as_deref(), skipped.len());
    report(&Json { model, objection, learnt, skipped, no_digits, exposure, acceptance, seconds }, args.json)
}

/// Trains. Returns what came of it, and the metrics of each epoch.
///
/// # Errors
/// As [`Finetuning::run`]; [`Interrupted`] where somebody stops it.
fn learn(finetuning: &mut Finetuning, workers: &Workers) -> anyhow::Result<(Finetuned, Vec<EpochMetrics>)> {
    let (interrupt, mut epochs) = (Interrupt::listen()?, Vec::new());
    let on_epoch = |metrics: &EpochMetrics| {
        epochs.push(metrics.clone());
        Ok(())
    };
    let mut progress = Progress::new(finetuning.trainer(), &interrupt, on_epoch);
    match finetuning.run(workers, &mut progress)? {
        Some(outcome) => Ok((outcome, epochs)),
        None => bail!(Interrupted("stopped; nothing was written".into())),
    }
}

/// Prints the scores, and says where the new model is.
///
/// # Errors
/// If nothing was written: the reason.
fn report(result: &Json, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        console::print_json(result)?;
    } else {
        print_table(&result.acceptance, result.seconds)?;
    }
    if let Some(note) = exposure_note(result.exposure) {
        console::log(note);
    }
    if let Some(objection) = result.objection {
        bail!("nothing was written: {objection}");
    }
    if let Some(folder) = result.model {
        let next = console::command("predict --model", folder, &["IMAGE".into()]);
        console::log(&format!("saved in {}; read with: {next}", folder.display()));
    }
    Ok(())
}

impl Args {
    /// What the store has to teach, for a model that reads grids of `shape`; says what is skipped.
    fn examples(&self, shape: GridShape) -> anyhow::Result<Examples> {
        let store = self.store.open()?;
        let examples = examples::read(&store, shape).with_context(|| store.path().display().to_string())?;
        report_skipped(&examples.skipped, store.path());
        if examples.no_digits > 0 {
            console::log(&format!(
                "left out, because the model has no sign for what is no digit: {} of what was found",
                examples.no_digits
            ));
        }
        Ok(examples)
    }

    /// The digits that are learned beside the corrections, and their record. Their writers are known only to a recipe that
    /// holds out writers.
    fn rehearsal(&self, dataset: &Dataset, recipe: &Recipe) -> anyhow::Result<(TrainingData, DataRecord)> {
        let (mut rehearsal, mut record) = dataset.training_data(self.strokes.as_deref())?;
        if !recipe.holds_out_writers(&rehearsal.digits) {
            (rehearsal.digits, record.writers_sha256) = (rehearsal.digits.without_writers(), None);
        }
        Ok((rehearsal, record))
    }

    /// The recipe with what was asked for in place of its own. It holds out what the model's own run held out, if that is known:
    /// on those digits the model can be judged.
    fn recipe(&self, earlier: Option<&RunRecord>) -> anyhow::Result<Recipe> {
        let mut recipe = Recipe::finetune().with_seed(self.seed);
        if let Some(earlier) = earlier.filter(|earlier| earlier.recipe.validation_fraction > 0.0) {
            recipe.validation_fraction = earlier.recipe.validation_fraction;
            recipe.validation_split = earlier.split();
        }
        recipe.stroke_fraction = if self.strokes.is_some() { STROKES } else { 0.0 };
        for setting in &self.set {
            recipe = with_overrides(&recipe, setting, "recipe")?;
        }
        recipe.validate()?;
        Ok(recipe)
    }
}

/// Says which corrections cannot be learned from, and why: the first few, and how many there are.
fn report_skipped(skipped: &[(String, anyhow::Error)], store: &Path) {
    for (key, problem) in skipped.iter().take(SKIPPED_SHOWN) {
        console::log(&format!("correction {key} is skipped: {problem:#}"));
    }
    if let Some((key, _)) = skipped.first() {
        let (count, next) =
            (skipped.len(), console::command("corrections remove --store", store, std::slice::from_ref(key)));
        console::log(&format!("corrections that cannot be learned from: {count}; to remove one: {next}"));
    }
}

/// A share of something.
fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse().map_err(|_| "is no number".to_owned())?;
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err("must be above 0 and at most 1".into()) }
}

/// The scores before and after.
fn print_table(acceptance: &Acceptance, seconds: f64) -> anyhow::Result<()> {
    let Acceptance { held_out, before, after } = acceptance;
    console::print(&format!("{:22}{:>12}{:>12}", "", "before", "after"))?;
    let row = |name: &str, of: &dyn Fn(&Scores) -> String| {
        console::print(&format!("{name:22}{:>12}{:>12}", of(before), of(after)))
    };
    row(&format!("of {held_out} held out, right"), &|scores| scores.corrections.to_string())?;
    row("their cells right", &|scores| scores.cells.to_string())?;
    row("confidence, 0 if wrong", &|scores| percent(scores.confidence))?;
    row("validation grids right", &|scores| percent(scores.validation))?;
    Ok(console::print(&format!("time                  {}", duration(seconds)))?)
}
