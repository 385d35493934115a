//! A run from its beginning, or from where it was interrupted.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use mnist2x2::data::mnist::Split;
use mnist2x2::data::{Loader, pendigits};
use mnist2x2::infer::{Calibration, Temperature};
use mnist2x2::train::{DataRecord, ModelRecord, Outcome, RunRecord};
use mnist2x2::{Config, Device, Recipe, Recognizer, RunFolder, Seq2Seq, Trainer, Workers};

use super::curves::Curves;
use super::options::{self, MOST_GRIDS, Plan};
use super::watch::{Interrupt, Watch};
use crate::commands::eval::{Test, grid_shape};
use crate::console;
use crate::data::Dataset;

/// A run as it is about to start or to go on.
pub(crate) struct Run {
    pub(crate) folder: RunFolder,
    pub(crate) trainer: Trainer,
    pub(crate) dataset: Dataset,
    /// Whether TensorBoard is told.
    tensorboard: bool,
}

impl Run {
    /// A new run in the folder `out`, or one named by the time.
    ///
    /// # Errors
    /// If settings, data or folder cannot be used; then nothing is written.
    pub(crate) fn start(
        plan: &Plan,
        seed: Option<u64>,
        out: Option<&Path>,
        device: &Device,
    ) -> anyhow::Result<Self> {
        let (recipe, model) = plan.resolve(seed, device)?;
        let dataset = plan.data.resolve()?;
        let (loaders, data) = training_data(&dataset, plan.strokes.as_deref(), &recipe, &model)?;
        if !plan.no_test {
            dataset.check_test_files()?;
        }
        let (teachers, records) = find_teachers(&plan.teacher, device)?;
        let (base, from) = find_base(plan.from.as_ref(), device)?;
        let trainer = trainer(&model, &recipe, loaders, &teachers, base.as_ref(), device)?;
        let record = RunRecord { teachers: records, from, ..RunRecord::new(model, recipe, data) };
        let out = out.map_or_else(|| options::default_folder(&record.recipe), Path::to_path_buf);
        let folder = RunFolder::create(&out, &record)?.with_keeping(plan.keeping());
        Ok(Self { folder, trainer, dataset, tensorboard: plan.tensorboard })
    }

    /// The interrupted run in `folder`, or the newest there is.
    ///
    /// # Errors
    /// If there is none, or it cannot go on as it would have.
    pub(crate) fn resume(folder: Option<&Path>, plan: &Plan, device: &Device) -> anyhow::Result<Self> {
        let path = match folder {
            Some(folder) => folder.to_path_buf(),
            None => options::newest_unfinished_run()?,
        };
        let (folder, RunRecord { model, recipe, data, teachers: records, from, finetune, .. }) =
            RunFolder::open(&path)?;
        ensure!(
            !RunFolder::is_finished(&path),
            "{}: this run is finished; start another without --resume",
            path.display()
        );
        ensure!(finetune.is_none(), "{}: fine-tuning is not gone on with; start it anew", path.display());
        folder.read_metrics()?;
        let dataset = Dataset::of_run(&data, &plan.data)?;
        let strokes = plan.strokes.as_deref().or(data.strokes.as_deref());
        ensure!(
            data.strokes_sha256.is_none() || strokes.is_some_and(Path::exists),
            "{}: this run mixes in pen strokes, and their file is not where it was; name it with --strokes FILE",
            path.display()
        );
        let (loaders, found) = training_data(&dataset, strokes, &recipe, &model)?;
        ensure!(
            found.is_same_as(&data),
            "{}: this run used other digits than those found now",
            path.display()
        );
        let (teachers, found) = find_teachers(records.iter().map(|record| &record.path), device)?;
        let (base, began) = find_base(from.as_ref().map(|record| &record.path), device)?;
        ensure!(
            found == records && began == from,
            "{}: this run learnt from other models than those found now",
            path.display()
        );
        let mut trainer = trainer(&model, &recipe, loaders, &teachers, base.as_ref(), device)?;
        let damaged =
            |error| console::log(&format!("{:#}; using the one before", anyhow::Error::from(error)));
        match folder.newest_checkpoint(trainer.model().parameters().count(), damaged)? {
            Some((checkpoint, file)) => {
                console::log(&format!("going on from {}", file.display()));
                trainer.restore(checkpoint)?;
            }
            None => console::log("the run has no checkpoint yet: starting from its beginning"),
        }
        let folder = folder.with_keeping(plan.keeping());
        Ok(Self { folder, trainer, dataset, tensorboard: plan.tensorboard })
    }

    /// Trains to the end or the interrupt; also says how many seconds that took.
    ///
    /// # Errors
    /// As [`RunFolder::train`].
    pub(crate) fn train(
        &mut self,
        workers: &Workers,
        interrupt: &Interrupt,
    ) -> anyhow::Result<(Outcome, f64)> {
        let Recipe { name, seed, epochs, batch, .. } = self.trainer.recipe();
        console::log(&format!(
            "training recipe {name}, seed {seed}: {epochs} epochs of {} digits in batches of {batch}, {} threads",
            self.dataset.name(),
            workers.count(),
        ));
        let curves = Curves::of(&self.folder, self.tensorboard, self.trainer.steps())?;
        let mut watch = Watch::new(&self.trainer, interrupt, curves);
        let outcome = self.folder.train(&mut self.trainer, workers, &mut watch)?;
        Ok((outcome, watch.seconds()))
    }

    /// Reads the test grids with what the run ended with.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn test(&self, workers: &Workers) -> anyhow::Result<Test> {
        let calibration = Calibration::load(self.folder.path())?;
        let temperature =
            calibration.map_or_else(Temperature::default, |calibration| calibration.temperature);
        Test::run(&self.trainer.result()?, temperature, &self.dataset, workers)
    }
}

/// Grids to train on, and to validate with.
type Loaders = (Loader, Option<Loader>);

/// The teachers at these paths, and what a run's record says of them.
fn find_teachers<'a>(
    paths: impl IntoIterator<Item = &'a PathBuf>,
    device: &Device,
) -> anyhow::Result<(Vec<Seq2Seq>, Vec<ModelRecord>)> {
    paths.into_iter().map(|path| find_model(path, device)).collect()
}

/// The model that a run begins with, and what its record says of it; nothing where the weights are new.
fn find_base(
    path: Option<&PathBuf>,
    device: &Device,
) -> anyhow::Result<(Option<Seq2Seq>, Option<ModelRecord>)> {
    Ok(path.map(|path| find_model(path, device)).transpose()?.unzip())
}

fn find_model(path: &Path, device: &Device) -> anyhow::Result<(Seq2Seq, ModelRecord)> {
    let recognizer = Recognizer::load(path, device)?;
    let record = ModelRecord { path: path.into(), sha256: recognizer.digest().into() };
    Ok((recognizer.model().clone(), record))
}

fn trainer(
    model: &Config,
    recipe: &Recipe,
    (training, validation): Loaders,
    teachers: &[Seq2Seq],
    base: Option<&Seq2Seq>,
    device: &Device,
) -> anyhow::Result<Trainer> {
    let trainer = Trainer::taught(model, recipe.clone(), training, teachers, device)?;
    let trainer = match base {
        Some(base) => trainer.starting_from(base)?,
        None => trainer,
    };
    Ok(match validation {
        Some(validation) => trainer.with_validation(validation)?,
        None => trainer,
    })
}

/// The grids of a recipe, and the record of what they are made of.
fn training_data(
    dataset: &Dataset,
    strokes: Option<&Path>,
    recipe: &Recipe,
    model: &Config,
) -> anyhow::Result<(Loaders, DataRecord)> {
    let (digits, digests) = dataset.load(Split::Train)?;
    let grids = recipe.epoch_grids;
    ensure!(grids <= MOST_GRIDS, "{grids} grids are more than the {MOST_GRIDS} that are drawn");
    let pens = strokes.map(pendigits::read).transpose()?;
    let loaders = recipe.loaders(digits, pens.as_ref(), grid_shape(model))?;
    let data = dataset.record(digests, pens.as_ref().zip(strokes));
    Ok((loaders, data))
}
