//! `finetune`: fine-tunes a model on corrections, and keeps the new model only if it is better.

mod examples;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use mnist2x2::train::{
    Acceptance, EpochMetrics, FinetuneData, Finetuning, RunRecord, Scores, calibrate, with_overrides,
};
use mnist2x2::{Recipe, RunFolder};
use serde::Serialize;
use toml::Table;

use super::corrections::StoreArgs;
use super::train::{default_folder, parse_setting};
use crate::console::{self, duration, percent, program};
use crate::data::DataArgs;
use crate::device::ComputeArgs;
use crate::interrupt::{Interrupt, Interrupted};
use crate::model::ModelArgs;
use crate::progress::Progress;

/// The fraction of digits that are pen strokes, if there are some. With more of them, the accuracy on MNIST's validation
/// grids fell.
const STROKES: f64 = 0.1;

/// The fraction of digits that come from corrections. With more, the model would take what they show for likelier than it is.
const SHARE: f64 = 0.08;

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
    #[arg(long, value_name = "SHARE", default_value_t = SHARE, value_parser = parse_share)]
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
    #[serde(flatten)]
    acceptance: Acceptance,
    seconds: f64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let start = Instant::now();
    let store = args.store.open()?;
    let base = args.model.load(&args.compute.device.open()?)?;
    let in_store = || store.path().display().to_string();
    let examples = examples::read(&store, base.shape()).with_context(in_store)?;
    let recipe = args.recipe()?.on(base.model().parameters().device());
    let out = args.out.clone().unwrap_or_else(|| default_folder(&recipe));
    RunFolder::check_free(&out)?;
    let (dataset, workers) = (args.data.resolve()?, args.compute.workers()?);
    let (rehearsal, data_record) = dataset.training_data(args.strokes.as_deref())?;
    let data = FinetuneData { rehearsal, examples, share: args.share };
    let mut finetuning = Finetuning::new(&base, &args.model.origin(), recipe, data, &workers)?;
    console::log(&format!(
        "learning {} corrections beside {} digits; {} are held out",
        finetuning.learned(),
        dataset.name(),
        finetuning.held_out().len()
    ));
    let (interrupt, mut epochs) = (Interrupt::listen()?, Vec::new());
    let on_epoch = |metrics: &EpochMetrics| {
        epochs.push(metrics.clone());
        Ok(())
    };
    let mut progress = Progress::new(finetuning.trainer(), &interrupt, on_epoch);
    let Some(outcome) = finetuning.run(&workers, &mut progress)? else {
        bail!(Interrupted("stopped; nothing was written".into()));
    };
    let acceptance = outcome.record.acceptance;
    let objection = acceptance.objection();
    if objection.is_none() {
        let (model, recipe) = (base.model().config().clone(), finetuning.trainer().recipe().clone());
        let mut record = RunRecord::new(model, recipe, data_record);
        record.finetune = Some(outcome.record);
        let calibration = calibrate(&outcome.model, finetuning.validation(), &workers)?;
        let folder = RunFolder::create(&out, &record)?;
        epochs.iter().try_for_each(|epoch| folder.append_metrics(epoch))?;
        folder.save_model(&outcome.model, Some(calibration))?;
    }
    let model = objection.is_none().then_some(out.as_path());
    let (learnt, seconds) = (finetuning.learned(), start.elapsed().as_secs_f64());
    if args.json {
        console::print_json(&Json { model, objection: objection.as_deref(), learnt, acceptance, seconds })?;
    } else {
        print_table(&acceptance, seconds)?;
    }
    if let Some(objection) = objection {
        bail!("nothing was written: {objection}");
    }
    let (program, out) = (program(), out.display());
    console::log(&format!("saved in {out}; read with: {program} predict --model {out} IMAGE"));
    Ok(())
}

impl Args {
    /// The recipe with what was asked for in place of its own.
    fn recipe(&self) -> anyhow::Result<Recipe> {
        let mut recipe = Recipe::finetune().with_seed(self.seed);
        recipe.stroke_fraction = if self.strokes.is_some() { STROKES } else { 0.0 };
        for setting in &self.set {
            recipe = with_overrides(&recipe, setting, "recipe")?;
        }
        recipe.validate()?;
        Ok(recipe)
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
    row("validation grids right", &|scores| percent(scores.validation))?;
    Ok(console::print(&format!("time                  {}", duration(seconds)))?)
}
