//! `train`: trains a model and counts what it reads right.

mod options;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use mnist2x2::data::mnist::Split;
use mnist2x2::data::{GridSource, Loader};
use mnist2x2::train::{DataRecord, Outcome, RunRecord};
use mnist2x2::{Config, Device, Recipe, RunFolder, Trainer, Workers};

use crate::commands::eval;
use crate::console::{self, duration};
use crate::data::{Dataset, reference_grids};
use crate::device;

pub(crate) use options::Args;
use watch::Watch;

/// How people start this program.
const PROGRAM: &str = "cargo run -p mnist2x2-cli --";

/// A run as it is about to start or to go on.
struct Run {
    folder: RunFolder,
    trainer: Trainer,
    dataset: Dataset,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let device = device::open(args.device)?;
    let workers = Workers::new(args.threads.map(usize::from))?;
    let mut run = match &args.resume {
        Some(folder) => Run::resume(folder.as_deref(), args, &device)?,
        None => Run::start(args, &device)?,
    };
    run.announce(&workers);
    let mut watch = Watch::new(&run.trainer)?;
    let outcome = run.folder.train(&mut run.trainer, &workers, &mut watch)?;
    watch.release();
    let (path, flags) = (run.folder.path().display(), args.data.flags());
    if outcome == Outcome::Stopped {
        console::log(&format!("stopped and saved; go on with: {PROGRAM} train --resume {path}{flags}"));
        return Ok(ExitCode::from(130));
    }
    console::log(&format!("trained in {}, saved in {path}", duration(watch.seconds())));
    if !args.no_test {
        let evaluation = eval::test(run.trainer.model(), &run.dataset, &workers);
        let again =
            || format!("the model is saved, but was not tested; try: {PROGRAM} eval --model {path}{flags}");
        eval::print_table(&run.dataset, &evaluation.with_context(again)?)?;
    }
    console::log(&format!("read a picture with: {PROGRAM} predict --model {path} IMAGE"));
    Ok(ExitCode::SUCCESS)
}

impl Run {
    fn start(args: &Args, device: &Device) -> anyhow::Result<Self> {
        let recipe = args.recipe(device);
        let dataset = args.data.resolve()?;
        let (loader, data) = training_data(&dataset, &recipe, args.limit)?;
        if !args.no_test {
            dataset.check_test_files()?;
        }
        let trainer = Trainer::new(&Config::reference(), recipe.clone(), loader, device)?;
        let record = RunRecord { version: env!("CARGO_PKG_VERSION").into(), recipe, data };
        let folder = RunFolder::create(&args.out(&record.recipe), &record)?;
        Ok(Self { folder, trainer, dataset })
    }

    fn resume(folder: Option<&std::path::Path>, args: &Args, device: &Device) -> anyhow::Result<Self> {
        let path = match folder {
            Some(folder) => folder.to_path_buf(),
            None => options::newest_unfinished_run()?,
        };
        let (folder, record) = RunFolder::open(&path)?;
        ensure!(
            !RunFolder::is_finished(&path),
            "{}: this run is finished; start another without --resume",
            path.display()
        );
        folder.read_metrics()?;
        let dataset = Dataset::of_run(&record.data.dataset, &args.data)?;
        let (loader, data) = training_data(&dataset, &record.recipe, Some(record.data.grids))?;
        ensure!(data == record.data, "{}: this run used other digits than those found now", path.display());
        let mut trainer = Trainer::new(&Config::reference(), record.recipe, loader, device)?;
        let damaged =
            |error| console::log(&format!("{:#}; using the one before", anyhow::Error::from(error)));
        match folder.newest_checkpoint(trainer.model().parameters().count(), damaged)? {
            Some((checkpoint, file)) => {
                console::log(&format!("going on from {}", file.display()));
                trainer.restore(checkpoint)?;
            }
            None => console::log("the run has no checkpoint yet: starting from its beginning"),
        }
        Ok(Self { folder, trainer, dataset })
    }

    fn announce(&self, workers: &Workers) {
        let Recipe { name, seed, epochs, batch, .. } = self.trainer.recipe();
        console::log(&format!(
            "training recipe {name}, seed {seed}: {epochs} epochs of {} digits in batches of {batch}, {} threads",
            self.dataset.name(),
            workers.count(),
        ));
    }
}

/// The training grids of a recipe, and the record of what they are made of.
fn training_data(
    dataset: &Dataset,
    recipe: &Recipe,
    limit: Option<usize>,
) -> anyhow::Result<(Loader, DataRecord)> {
    let (digits, digests) = dataset.load(Split::Train)?;
    let shape = eval::grid_shape(&Config::reference());
    let grids = limit.unwrap_or(digits.len());
    ensure!(
        grids <= options::MOST_GRIDS,
        "{grids} grids are more than the {} that are drawn",
        options::MOST_GRIDS
    );
    let source = GridSource::Fixed(reference_grids(&digits, grids, shape));
    let loader = Loader::new(Arc::new(digits), source, shape, recipe.batch, recipe.seed)?;
    let data = DataRecord {
        dataset: dataset.name().into(),
        grids,
        images_sha256: digests.images,
        labels_sha256: digests.labels,
    };
    Ok((loader, data))
}
