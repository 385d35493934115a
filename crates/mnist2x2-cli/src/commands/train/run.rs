//! A run from its beginning, or from where it was interrupted.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use mnist2x2::data::{GridShape, Layout};
use mnist2x2::train::{EpochMetrics, Exposure, ModelRecord, Outcome, RunRecord, evaluate};
use mnist2x2::{Config, Device, Group, Recipe, Recognizer, RunFolder, Seq2Seq, Trainer, Workers};

use super::curves::Curves;
use super::options::{self, Plan};
use crate::commands::eval::{Test, TestGrids};
use crate::console::{self, duration, percent};
use crate::data::Dataset;
use crate::interrupt::{Interrupt, Interrupted};
use crate::layout_args::described;
use crate::model::{ModelArgs, exposure_note, patches};
use crate::progress::Progress;

/// Sequence accuracy of the published model on the reference test grids, 2 x 2 of MNIST's digits.
const PUBLISHED: f64 = 0.9377;

/// A run that is about to start or to continue.
pub(crate) struct Run {
    /// Where it is kept: by the first rank alone.
    pub(crate) folder: Option<RunFolder>,
    pub(crate) trainer: Trainer,
    pub(crate) dataset: Dataset,
    workers: Workers,
    /// Whether it writes TensorBoard's files.
    tensorboard: bool,
    /// The options that it needs again when it is resumed.
    flags: Vec<String>,
}

/// What a run learns from.
struct Sources<'a> {
    dataset: &'a Dataset,
    strokes: Option<&'a Path>,
    teachers: Vec<&'a Path>,
    /// The model whose weights it begins with.
    base: Option<&'a Path>,
    /// Whether writers may be held out; a run that goes on does what it did.
    may_hold_out_writers: bool,
}

impl Run {
    /// A new run in the folder `out`, or one named by the time, shared by the processes of `group`.
    ///
    /// # Errors
    /// If settings, data or folder cannot be used; then nothing is written.
    pub(crate) fn start(
        plan: &Plan,
        seed: Option<u64>,
        out: Option<&Path>,
        group: &Group,
    ) -> anyhow::Result<Self> {
        let device = plan.compute.device.open()?;
        let (recipe, model) = plan.resolve(seed, &device)?;
        let dataset = plan.data.resolve()?;
        if !plan.no_test {
            dataset.check_test_files()?;
        }
        let sources = Sources {
            dataset: &dataset,
            strokes: plan.strokes.as_deref(),
            teachers: plan.teacher.iter().map(PathBuf::as_path).collect(),
            base: plan.from.as_deref(),
            may_hold_out_writers: true,
        };
        let (mut trainer, record) = sources.trainer(model, recipe, &device)?;
        group.check_same("recipe or data", &record.identity())?;
        trainer.join(group)?;
        let out = out.map_or_else(|| options::default_folder(&record.recipe), Path::to_path_buf);
        let folder = group.is_first().then(|| RunFolder::create(&out, &record)).transpose()?;
        Self::new(plan, folder, trainer, dataset, group)
    }

    /// The interrupted run in `folder`, or the newest there is, shared by the processes of `group`: the first reads it, and tells
    /// the others.
    ///
    /// # Errors
    /// If there is none, or it cannot go on as it would have.
    pub(crate) fn resume(plan: &Plan, folder: Option<&Path>, group: &Group) -> anyhow::Result<Self> {
        let found = if group.is_first() { Some(Self::unfinished(folder)?) } else { None };
        let (folder, record) = found.unzip();
        let name = folder.as_ref().map_or("the run".into(), |folder| folder.path().display().to_string());
        let record: RunRecord = serde_json::from_slice(&group.broadcast(serde_json::to_vec(&record)?))?;
        let dataset = Dataset::of_run(&record.data, &plan.data)?;
        let strokes = plan.strokes.as_deref().or(record.data.strokes.as_deref());
        ensure!(
            record.data.strokes_sha256.is_none() || strokes.is_some_and(Path::exists),
            "{name}: this run mixes in pen strokes, and their file is not where it was; name it with --strokes FILE"
        );
        let teachers = record.teachers.iter().map(|teacher| teacher.path.as_path()).collect();
        let base = record.from.as_ref().map(|base| base.path.as_path());
        let may_hold_out_writers = record.data.writers_sha256.is_some();
        let sources = Sources { dataset: &dataset, strokes, teachers, base, may_hold_out_writers };
        let device = plan.compute.device.open()?;
        let (mut trainer, found) = sources.trainer(record.model.clone(), record.recipe.clone(), &device)?;
        ensure_same(&found, &record).context(name)?;
        let damaged =
            |error| console::log(&format!("{:#}; using the one before", anyhow::Error::from(error)));
        match folder.as_ref().map(|folder| folder.restore(&mut trainer, damaged)).transpose()?.flatten() {
            Some(file) => console::log(&format!("going on from {}", file.display())),
            None => console::log("the run has no checkpoint yet: starting from its beginning"),
        }
        trainer.join(group)?;
        Self::new(plan, folder, trainer, dataset, group)
    }

    /// The folder and the record of the interrupted run in `folder`, or of the newest there is.
    fn unfinished(folder: Option<&Path>) -> anyhow::Result<(RunFolder, RunRecord)> {
        let path = folder.map_or_else(options::newest_unfinished_run, |folder| Ok(folder.to_path_buf()))?;
        let name = path.display();
        let (folder, record) = RunFolder::open(&path)?;
        ensure!(
            !RunFolder::is_finished(&path),
            "{name}: this run is finished; to train its model further, start a new run: {}",
            console::command("train --from", &path, &[])
        );
        ensure!(record.finetune.is_none(), "{name}: fine-tuning cannot be resumed; start it anew");
        folder.read_metrics()?;
        Ok((folder, record))
    }

    fn new(
        plan: &Plan,
        folder: Option<RunFolder>,
        trainer: Trainer,
        dataset: Dataset,
        group: &Group,
    ) -> anyhow::Result<Self> {
        let folder = folder.map(|folder| folder.with_checkpoint_policy(plan.checkpoint_policy()));
        let workers = plan.compute.workers_in(group)?;
        let (tensorboard, flags) = (plan.tensorboard, plan.flags_to_resume());
        Ok(Self { folder, trainer, dataset, workers, tensorboard, flags })
    }

    /// Trains to the end, and returns the seconds that it took.
    ///
    /// # Errors
    /// As [`RunFolder::train`]; [`Interrupted`] once an interrupted run is saved.
    pub(crate) fn train(&mut self, interrupt: &Interrupt) -> anyhow::Result<f64> {
        let start = Instant::now();
        let Some(folder) = &self.folder else {
            let mut progress = Progress::new(&self.trainer, interrupt, |_: &EpochMetrics| Ok(()));
            let outcome = self.trainer.run(&self.workers, &mut progress)?;
            ensure!(outcome == Outcome::Finished, Interrupted("stopped with the other processes".into()));
            return Ok(start.elapsed().as_secs_f64());
        };
        self.announce(folder);
        let mut curves = Curves::of(folder, self.tensorboard, self.trainer.steps())?;
        let mut has_passed = self.trainer.position().epoch > 0;
        // What is published is of MNIST's digits, two by two.
        let is_published =
            self.layout() == GridShape { rows: 2, cols: 2 }.into() && self.dataset.name() == "mnist";
        let on_epoch = |metrics: &EpochMetrics| {
            let accuracy = metrics.validation.map(|validation| validation.sequence_accuracy);
            if is_published && !has_passed && accuracy.is_some_and(|accuracy| accuracy >= PUBLISHED) {
                has_passed = true;
                let (published, time) = (percent(PUBLISHED), duration(start.elapsed().as_secs_f64()));
                console::log(&format!("passed the published sequence accuracy, {published}, after {time}"));
            }
            curves.add(metrics)
        };
        let mut progress = Progress::new(&self.trainer, interrupt, on_epoch);
        if folder.train(&mut self.trainer, &self.workers, &mut progress)? == Outcome::Stopped {
            let next = console::command("train --resume", folder.path(), &self.flags);
            bail!(Interrupted(format!("stopped and saved; go on with: {next}")));
        }
        Ok(start.elapsed().as_secs_f64())
    }

    /// How the digits of the pictures lie.
    fn layout(&self) -> Layout {
        self.trainer.training().layout()
    }

    /// Says what is about to be trained: recipe, data and model.
    fn announce(&self, folder: &RunFolder) {
        let Recipe { name, seed, epochs, batch_size, .. } = self.trainer.recipe();
        let (dataset, threads) = (self.dataset.name(), self.workers.count());
        let processes = match self.workers.group().size() {
            1 => String::new(),
            size => format!("{size} processes of "),
        };
        let pictures = described(self.layout(), dataset);
        console::log(&format!(
            "training with recipe {name}, seed {seed}: {epochs} epochs of {pictures}, in batches of {batch_size}, {processes}{threads} threads; \
             saved in {}",
            folder.path().display()
        ));
        if self.trainer.unseen().is_some() {
            console::log(
                "held out: the digits of some writers to validate with, those of as many others to compare runs by",
            );
        }
        if let Some(note) = exposure_note(self.trainer.exposure()) {
            console::log(note);
        }
        let parameters = self.trainer.model().parameters();
        let Config { encoder_layers, decoder_layers, width, .. } = parameters.config();
        console::log(&format!(
            "model: {} parameters; {}; {encoder_layers} encoder and {decoder_layers} decoder blocks of width {width}",
            parameters.count(),
            patches(parameters.config()),
        ));
    }

    /// The sequence accuracy of the finished model on the digits of writers by whom nothing was chosen, if there are any.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn unseen_accuracy(&self) -> anyhow::Result<Option<f64>> {
        let Some(loader) = self.trainer.unseen() else { return Ok(None) };
        let evaluation = evaluate(&self.trainer.result()?, loader, &self.workers, |_| ())?;
        let (accuracy, grids) = (evaluation.sequence_accuracy, evaluation.sequences);
        console::log(&format!(
            "sequence accuracy on {grids} grids by writers whom nothing was chosen by: {}",
            percent(accuracy)
        ));
        Ok(Some(accuracy))
    }

    /// Reads the test grids with the finished model.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn test(&self) -> anyhow::Result<Test> {
        let device = self.trainer.model().parameters().device();
        let folder = self.folder.as_ref().context("only the first of several processes tests")?;
        let recognizer = Recognizer::load(folder.path(), device)?;
        Test::run(&recognizer, &self.dataset, TestGrids::Reference, self.layout(), &self.workers)
    }
}

impl Sources<'_> {
    /// A trainer before its first step, and the record of what it is made of.
    fn trainer(
        &self,
        model: Config,
        recipe: Recipe,
        device: &Device,
    ) -> anyhow::Result<(Trainer, RunRecord)> {
        let (mut data, mut data_record) = self.dataset.training_data(self.strokes)?;
        if !(self.may_hold_out_writers && recipe.holds_out_writers(&data.digits)) {
            (data.digits, data_record.writers_sha256) = (data.digits.without_writers(), None);
        }
        let found = self.teachers.iter().map(|path| find_model(path, device));
        let (teachers, teacher_records): (Vec<_>, _) =
            found.collect::<anyhow::Result<Vec<_>>>()?.into_iter().unzip();
        let (base, from) = self.base.map(|path| find_model(path, device)).transpose()?.unzip();
        let mut trainer = Trainer::new(&model, recipe.clone(), data, device)?.with_teachers(&teachers)?;
        let mut record = RunRecord::new(model, recipe, data_record);
        if let (Some(base), Some(path)) = (base, self.base) {
            let earlier = ModelArgs::at(path.into()).record();
            let look = |earlier: RunRecord| earlier.exposure(&record.data, &record.recipe);
            let exposure = earlier.map_or(Exposure::Unknown, look);
            trainer = trainer.starting_from(&base, exposure)?;
            record.exposure = Some(exposure);
        }
        (record.teachers, record.from) = (teacher_records, from);
        Ok((trainer, record))
    }
}

/// Refuses to go on with other digits or models than those that a run was begun with.
fn ensure_same(found: &RunRecord, begun: &RunRecord) -> anyhow::Result<()> {
    ensure!(
        found.data.writers_sha256 == begun.data.writers_sha256,
        "this run held out some writers, and the files that name the writers are not where they were, or are others"
    );
    ensure!(found.data.is_same_as(&begun.data), "this run used other digits than those found now");
    ensure!(
        found.teachers == begun.teachers && found.from == begun.from,
        "this run learned from other models than those found now"
    );
    Ok(())
}

/// The model at `path`, and its entry in a run's record.
fn find_model(path: &Path, device: &Device) -> anyhow::Result<(Seq2Seq, ModelRecord)> {
    let recognizer = ModelArgs::at(path.into()).load(device)?;
    let record = ModelRecord { path: path.into(), sha256: recognizer.digest().into() };
    Ok((recognizer.model().clone(), record))
}
