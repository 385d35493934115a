//! A small run, and what it leaves behind.

use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::SystemTime;

use candle_core::Device;
use mnist2x2_data::mnist::Split;
use mnist2x2_data::synthetic;
use mnist2x2_model::Config;
use mnist2x2_random::Random;
use mnist2x2_train::{
    BoxError, CheckpointPolicy, DataRecord, Error, Observer, Outcome, Recipe, RunFolder, RunRecord,
    StepReport, Trainer, Workers,
};

/// Steps of [`recipe`].
pub(crate) const STEPS: u64 = 60;
/// Steps between checkpoints.
pub(crate) const EVERY: u64 = 5;

/// Everything at once: Muon, an average, the best epoch kept, a last epoch without augmentation; 15 steps an epoch, so
/// that checkpoints fall at its end and within.
pub(crate) fn recipe() -> Recipe {
    Recipe {
        epochs: 4,
        epoch_grids: 57,
        batch_size: 4,
        unaugmented_epochs: 1,
        ..Recipe::default().with_seed(11)
    }
}

pub(crate) fn trainer(recipe: Recipe) -> Trainer {
    Trainer::new(&Config::tiny(), recipe, synthetic::digits(Split::Train, 60, 0), &Device::Cpu).unwrap()
}

pub(crate) fn record(recipe: Recipe) -> RunRecord {
    let data = DataRecord {
        dataset: "synthetic".into(),
        images_sha256: String::new(),
        labels_sha256: String::new(),
        writers_sha256: None,
        strokes_sha256: None,
        folder: None,
        strokes: None,
    };
    RunRecord::new(Config::tiny(), recipe, data)
}

pub(crate) fn create(folder: &Path, recipe: Recipe) -> RunFolder {
    RunFolder::create(folder, &record(recipe)).unwrap().with_checkpoint_policy(policy(EVERY))
}

pub(crate) fn policy(every: u64) -> CheckpointPolicy {
    CheckpointPolicy {
        every_steps: NonZeroU64::new(every).unwrap(),
        keep_last: NonZeroUsize::new(3).unwrap(),
    }
}

/// The run in `folder`, and a trainer that goes on with it; the steps that it has taken already.
pub(crate) fn open(folder: &Path) -> (RunFolder, Trainer) {
    let (run, record) = RunFolder::open(folder).unwrap();
    let mut trainer = trainer(record.recipe);
    run.restore(&mut trainer, |error| panic!("{error}")).unwrap();
    (run.with_checkpoint_policy(policy(EVERY)), trainer)
}

pub(crate) fn train(
    run: &RunFolder,
    trainer: &mut Trainer,
    threads: usize,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    run.train(trainer, &Workers::new(Some(threads)).unwrap(), observer)
}

/// What a run leaves behind, but for clock times.
#[derive(Debug, PartialEq)]
pub(crate) struct Results {
    model: Vec<u8>,
    calibration: Vec<u8>,
    /// Epoch, steps, and the bits of the losses and accuracies.
    metrics: Vec<[u64; 6]>,
}

pub(crate) fn results(run: &RunFolder) -> Results {
    let read = |name: &str| fs::read(run.path().join(name)).unwrap();
    let lines = run.read_metrics().unwrap();
    let metrics = lines.iter().map(|line| {
        let validation = line.validation.unwrap();
        let [a, b, c] = [validation.loss, validation.sequence_accuracy, validation.digit_accuracy];
        [line.epoch, line.steps, line.loss.to_bits(), a.to_bits(), b.to_bits(), c.to_bits()]
    });
    Results {
        model: read("model.safetensors"),
        calibration: read("calibration.json"),
        metrics: metrics.collect(),
    }
}

/// What [`recipe`] leaves behind when nothing happens to it.
pub(crate) fn undisturbed() -> Results {
    let folder = tempfile::tempdir().unwrap();
    let run = create(folder.path(), recipe());
    assert_eq!(train(&run, &mut trainer(recipe()), 2, &mut ()).unwrap(), Outcome::Finished);
    results(&run)
}

/// A step at which to be disturbed, and how.
pub(crate) struct At<F>(pub(crate) u64, pub(crate) F);

impl<F: FnMut() -> Result<ControlFlow<()>, BoxError>> Observer for At<F> {
    fn on_step(&mut self, trainer: &Trainer, _: &StepReport) -> Result<(), BoxError> {
        if trainer.steps() == self.0 && self.1()?.is_break() {
            self.0 = 0;
        }
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.0 == 0
    }
}

/// Chance that is another in each run of the tests; messages name the seed.
pub(crate) fn chance() -> (u64, Random) {
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    (seed, Random::keyed(seed, "reliability", 0, 0))
}
