//! Laws of training: reproducible, indifferent to threads and interruptions, and able to learn.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use candle_core::Device;
use mnist2x2_data::mnist::Split;
use mnist2x2_data::{GridShape, GridSource, IndexMap, Loader, synthetic};
use mnist2x2_formats::{Weights, to_safetensors};
use mnist2x2_model::{Config, Seq2Seq};
use mnist2x2_train::{
    BoxError, DataRecord, EpochMetrics, Error, MatrixOptimizer, Observer, Outcome, Recipe, RunFolder,
    RunRecord, Schedule, StepReport, Trainer, Workers, evaluate,
};

const SHAPE: GridShape = GridShape { rows: 1, cols: 3 };

fn recipe(seed: u64) -> Recipe {
    // 41 grids in batches of 16: the last step has 9, which 8 shards cannot share evenly.
    let mut recipe =
        Recipe { epochs: 3, epoch_grids: 41, batch_size: 16, ..Recipe::reference().with_seed(seed) };
    recipe.optimizer.learning_rate = 3e-3;
    recipe
}

/// A recipe that uses all there is.
fn full(seed: u64) -> Recipe {
    let mut recipe = Recipe {
        epochs: 3,
        epoch_grids: 41,
        batch_size: 16,
        unaugmented_epochs: 1,
        ..Recipe::default().with_seed(seed)
    };
    recipe.optimizer.matrix_optimizer = MatrixOptimizer::Muon;
    recipe.label_smoothing = 0.05;
    recipe
}

fn loader(recipe: &Recipe, grids: usize) -> Loader {
    let digits = Arc::new(synthetic::digits(Split::Train, 60, 0));
    let indices = (0..grids * 3).map(|i| (i * 7 % 60) as u32).collect();
    let source = GridSource::Fixed(IndexMap::new(indices, 3).unwrap());
    Loader::new(digits, source, SHAPE, recipe.batch_size, recipe.seed).unwrap()
}

fn trainer(recipe: Recipe) -> Trainer {
    Trainer::new(&Config::tiny(), recipe, synthetic::digits(Split::Train, 60, 0), &Device::Cpu).unwrap()
}

fn record(recipe: &Recipe) -> RunRecord {
    let data = DataRecord {
        dataset: "synthetic".into(),
        images_sha256: String::new(),
        labels_sha256: String::new(),
        writers_sha256: None,
        strokes_sha256: None,
        folder: None,
        strokes: None,
    };
    RunRecord::new(Config::tiny(), recipe.clone(), data)
}

/// Stops the run after so many steps.
struct StopAfter(u64);

impl Observer for StopAfter {
    fn on_step(&mut self, _: &Trainer, _: &StepReport) -> Result<(), BoxError> {
        self.0 -= 1;
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.0 == 0
    }
}

/// What a run leaves behind, but for clock times: the model's bytes and the metrics.
fn results(folder: &Path) -> (Vec<u8>, Vec<(u64, u64, u64)>) {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let metrics: Vec<EpochMetrics> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let right = |line: &EpochMetrics| line.validation.map_or(0, |right| right.sequence_accuracy.to_bits());
    let numbers = |line: &EpochMetrics| (line.epoch, line.steps, line.loss.to_bits() ^ right(line));
    (fs::read(folder.join("model.safetensors")).unwrap(), metrics.iter().map(numbers).collect())
}

fn uninterrupted(recipe: &Recipe, threads: usize) -> (Vec<u8>, Vec<(u64, u64, u64)>) {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::create(folder.path(), &record(recipe)).unwrap();
    let workers = Workers::new(Some(threads)).unwrap();
    assert_eq!(run.train(&mut trainer(recipe.clone()), &workers, &mut ()).unwrap(), Outcome::Finished);
    results(folder.path())
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    for recipe in [recipe(5), full(5)] {
        let (model, metrics) = uninterrupted(&recipe, 1);
        assert_eq!(metrics.iter().map(|line| (line.0, line.1)).collect::<Vec<_>>(), [(1, 3), (2, 6), (3, 9)]);
        for threads in [1, 2, 4] {
            let again = uninterrupted(&recipe, threads);
            assert!((&model, &metrics) == (&again.0, &again.1), "{}, {threads} threads", recipe.name);
        }
        let mut other = trainer(Recipe { seed: 6, ..recipe });
        other.run(&Workers::new(None).unwrap(), &mut ()).unwrap();
        let other = to_safetensors(other.result().unwrap().parameters()).unwrap();
        assert_ne!(model, other, "another seed, other weights");
    }
}

#[test]
fn stopped_anywhere_and_resumed_is_never_stopped() {
    for recipe in [recipe(5), full(5)] {
        let expected = uninterrupted(&recipe, 2);
        for stop in 1..9 {
            let folder = tempfile::tempdir().unwrap();
            let run = RunFolder::create(folder.path(), &record(&recipe)).unwrap();
            let one = Workers::new(Some(1)).unwrap();
            let outcome = run.train(&mut trainer(recipe.clone()), &one, &mut StopAfter(stop)).unwrap();
            assert_eq!(outcome, Outcome::Stopped);
            let second = RunFolder::open(folder.path()).unwrap_err().to_string();
            assert!(second.contains("another process is training here"), "{second}");
            drop(run);

            let (run, record) = RunFolder::open(folder.path()).unwrap();
            let mut resumed = trainer(record.recipe);
            run.restore(&mut resumed, |error| panic!("{error}")).unwrap().unwrap();
            assert_eq!(resumed.steps(), stop);
            run.train(&mut resumed, &Workers::new(Some(3)).unwrap(), &mut ()).unwrap();
            assert!(results(folder.path()) == expected, "{}, stopped after step {stop}", recipe.name);
        }
    }
}

/// A rate so high that accuracy goes up and down.
fn restless(seed: u64) -> Recipe {
    let mut recipe = Recipe {
        epochs: 6,
        epoch_grids: 480,
        batch_size: 16,
        ema_decay: 0.0,
        ..Recipe::default().with_seed(seed)
    };
    recipe.validation_fraction = 0.5;
    (recipe.unaugmented_epochs, recipe.schedule) = (6, Schedule::constant());
    recipe.optimizer.learning_rate = 2e-2;
    recipe
}

#[test]
fn the_best_epoch_is_kept_and_what_is_kept_is_what_was_validated() {
    let workers = Workers::new(Some(2)).unwrap();
    let mut has_fallen = false;
    for seed in 0..4 {
        let recipe = restless(seed);
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(folder.path(), &record(&recipe)).unwrap();
        let mut trainer = trainer(recipe.clone());
        run.train(&mut trainer, &workers, &mut ()).unwrap();
        let lines = run.read_metrics().unwrap();
        let accuracies: Vec<f64> =
            lines.iter().map(|line| line.validation.unwrap().sequence_accuracy).collect();
        let best = accuracies.iter().copied().fold(0.0, f64::max);
        has_fallen |= accuracies[5] < best;
        assert_eq!(trainer.position().best_accuracy, Some(best));
        let digits = synthetic::digits(Split::Train, 60, 0);
        let validation = recipe.loaders(digits.into(), SHAPE).unwrap().validation.unwrap();
        let saved = Seq2Seq::new(Weights::load(folder.path(), &Device::Cpu).unwrap().parameters).unwrap();
        let found = evaluate(&saved, &validation, &workers, |_| ()).unwrap().sequence_accuracy;
        assert!((found - best).abs() < 1e-12, "{found} is not {best}");
        assert!(folder.path().join("calibration.json").exists());
    }
    assert!(has_fallen, "the test needs a last epoch that is not the best");
}

#[test]
fn the_best_cannot_be_kept_without_anything_to_validate_with() {
    let recipe = full(5);
    let mut trainer =
        Trainer::from_loader(&Config::tiny(), recipe.clone(), loader(&recipe, 41), &Device::Cpu).unwrap();
    let message = trainer.run(&Workers::new(None).unwrap(), &mut ()).unwrap_err().to_string();
    assert!(
        message.contains("`model_selection` is `best`, but the run was given no grids to validate with"),
        "{message}"
    );
    assert!(message.contains("`Trainer::with_validation`"), "what to call: {message}");
}

#[test]
fn eight_grids_are_learned_by_heart() {
    let recipe = Recipe { epochs: 150, batch_size: 8, ..recipe(1) };
    let loader = loader(&recipe, 8);
    let mut trainer = Trainer::from_loader(&Config::tiny(), recipe, loader.clone(), &Device::Cpu).unwrap();
    let workers = Workers::new(None).unwrap();
    trainer.run(&workers, &mut ()).unwrap();
    let evaluation = evaluate(trainer.model(), &loader, &workers, |_| ()).unwrap();
    assert_eq!((evaluation.sequences, evaluation.sequences_correct), (8, 8));
}

#[test]
fn a_damaged_checkpoint_is_set_aside_and_the_one_before_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::create(folder.path(), &record(&recipe(5))).unwrap();
    let mut finished = trainer(recipe(5));
    run.train(&mut finished, &Workers::new(None).unwrap(), &mut ()).unwrap();
    let newest = run.restore(&mut finished, |error| panic!("{error}")).unwrap().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&newest, bytes).unwrap();

    let mut reports = Vec::new();
    let path = run.restore(&mut finished, |error| reports.push(error.to_string())).unwrap().unwrap();
    assert_eq!((finished.steps(), reports.len()), (6, 1), "{reports:?}");
    assert!(newest.with_extension("damaged-1").exists() && path.exists());
    assert!(reports[0].contains("step-000000009.safetensors: damaged checkpoint"), "{reports:?}");
}

#[test]
fn where_no_checkpoint_is_whole_nothing_is_renamed_or_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::create(folder.path(), &record(&recipe(5))).unwrap();
    let mut stopped = trainer(recipe(5));
    run.train(&mut stopped, &Workers::new(None).unwrap(), &mut StopAfter(2)).unwrap();
    let file = folder.path().join("checkpoints/step-000000002.safetensors");
    fs::write(&file, "damaged").unwrap();
    for _ in 0..2 {
        let message = run.restore(&mut stopped, |error| panic!("{error}")).unwrap_err().to_string();
        assert!(message.contains("step-000000002.safetensors: damaged checkpoint"), "{message}");
        assert!(file.exists());
    }
}

#[test]
fn a_run_does_not_go_on_under_another_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::create(folder.path(), &record(&recipe(5))).unwrap();
    let mut stopped = trainer(recipe(5));
    run.train(&mut stopped, &Workers::new(None).unwrap(), &mut StopAfter(2)).unwrap();
    drop(run);
    let file = folder.path().join("run.toml");
    let edited = fs::read_to_string(&file).unwrap().replace("learning_rate = 0.003", "learning_rate = 0.03");
    fs::write(&file, edited).unwrap();
    let (run, _) = RunFolder::open(folder.path()).unwrap();
    let message = run.restore(&mut stopped, |error| panic!("{error}")).unwrap_err().to_string();
    assert!(message.contains("was made under another run.toml"), "{message}");
}

#[test]
fn a_folder_with_another_run_is_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.txt"), "precious").unwrap();
    let message = RunFolder::create(folder.path(), &record(&recipe(0))).unwrap_err().to_string();
    assert!(message.contains("never overwritten"), "{message}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn divergence_is_named_and_leaves_the_last_values() {
    let mut recipe = recipe(2);
    recipe.optimizer.learning_rate = 1e30;
    let mut trainer = trainer(recipe);
    let error = trainer.run(&Workers::new(None).unwrap(), &mut ()).unwrap_err();
    assert!(matches!(error, Error::Diverged { epoch: 1, .. }), "{error}");
}

#[test]
fn a_finished_run_is_a_model_folder() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::create(folder.path(), &record(&recipe(5))).unwrap();
    let mut trainer = trainer(recipe(5));
    run.train(&mut trainer, &Workers::new(None).unwrap(), &mut ()).unwrap();
    let weights = Weights::load(folder.path(), &Device::Cpu).unwrap();
    assert_eq!(weights.parameters.to_flat().unwrap(), trainer.model().parameters().to_flat().unwrap());
}
