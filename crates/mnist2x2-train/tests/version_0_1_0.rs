//! Files of version 0.1.0 mean what they meant.
//!
//! `fixtures/run-0.1.0` was made by `train --dataset synthetic --epochs 3 --limit 8 --seed 5` of that version with a small
//! model and `--set batch=4 --set validate_one_in=6000 --set plain_epochs=1 --set average=0.9 --set
//! optimiser.matrices=adamw --set schedule.warm_up=0.25`; what came after its second epoch was removed.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::Device;
use mnist2x2_data::mnist::Split;
use mnist2x2_data::synthetic;
use mnist2x2_model::Config;
use mnist2x2_train::{
    MatrixOptimizer, ModelSelection, NUMERICS, Outcome, Recipe, RunFolder, RunRecord, Schedule, Trainer,
    ValidationSplit, Workers, read_toml, with_overrides,
};
use tempfile::TempDir;
use toml::Table;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A copy of the run that may be changed.
fn run() -> TempDir {
    let (folder, fixture) = (tempfile::tempdir().unwrap(), in_repository("tests/fixtures/run-0.1.0"));
    fs::create_dir(folder.path().join("checkpoints")).unwrap();
    for file in ["run.toml", "metrics.jsonl", "checkpoints/step-000000004.safetensors"] {
        fs::copy(fixture.join(file), folder.path().join(file)).unwrap();
    }
    folder
}

/// The recipe of that run by today's names.
fn recipe() -> Recipe {
    let mut recipe = Recipe {
        seed: 5,
        epochs: 3,
        epoch_grids: 8,
        batch_size: 4,
        validation_fraction: 1.0 / 6000.0,
        validation_split: ValidationSplit::Last,
        unaugmented_epochs: 1,
        ema_decay: 0.9,
        schedule: Schedule { warmup_fraction: 0.25, ..Schedule::linear() },
        ..Recipe::default()
    };
    recipe.optimizer.matrix_optimizer = MatrixOptimizer::AdamW;
    recipe
}

#[test]
fn a_run_is_read_and_says_which_version_made_it() {
    let folder = run();
    let record = RunRecord::read(folder.path()).unwrap();
    assert_eq!((record.recipe.clone(), record.numerics), (recipe(), 1));
    let (weights, file) = RunFolder::newest_weights(folder.path(), &Device::Cpu).unwrap().unwrap();
    assert!(file.ends_with("step-000000004.safetensors"));
    assert_eq!(weights.parameters.config(), &record.model);
    let digits = synthetic::digits(Split::Train, 6_000, 0);
    let trainer = Trainer::new(&record.model, record.recipe, digits, &Device::Cpu).unwrap();
    assert_eq!(trainer.validation().unwrap().in_order().grids(), 2, "two of the digit that is held out");
    let said = RunFolder::open(folder.path()).map(drop).unwrap_err().to_string();
    assert!(said.contains("begun by version 0.1.0, whose arithmetic (`numerics = 1`)"), "{said}");
}

#[test]
fn a_run_of_this_arithmetic_goes_on_and_of_another_does_not() {
    let folder = run();
    let file = folder.path().join("run.toml");
    let text = fs::read_to_string(&file).unwrap();
    for (numerics, goes_on) in [(NUMERICS, true), (NUMERICS - 1, false), (NUMERICS + 1, false)] {
        fs::write(&file, format!("numerics = {numerics}\n{text}")).unwrap();
        assert!(RunRecord::read(folder.path()).is_ok(), "it can be looked at");
        let opened = RunFolder::open(folder.path()).map(drop).map_err(|error| error.to_string());
        assert_eq!(opened.is_ok(), goes_on, "{opened:?}");
        let said = opened.err().unwrap_or("run.toml: begun by version 0.1.0, whose arithmetic".into());
        assert!(
            said.contains("run.toml") && said.contains("begun by version 0.1.0, whose arithmetic"),
            "{said}"
        );
    }
    // The names of 0.1.0 in a run of today's arithmetic.
    fs::write(&file, format!("numerics = {NUMERICS}\n{text}")).unwrap();
    let (run, record) = RunFolder::open(folder.path()).unwrap();
    let digits = synthetic::digits(Split::Train, 6_000, 0);
    let mut trainer = Trainer::new(&record.model, record.recipe, digits, &Device::Cpu).unwrap();
    let file = run.restore(&mut trainer, |error| panic!("{error}")).unwrap().unwrap();
    assert!(file.ends_with("step-000000004.safetensors"));
    let position = trainer.position();
    assert_eq!((trainer.steps(), position.epoch, position.best_steps), (4, 2, Some(4)));
    assert_ne!(trainer.checkpoint().ema, trainer.checkpoint().values, "both came back");
    let workers = Workers::new(Some(2)).unwrap();
    assert_eq!(run.train(&mut trainer, &workers, &mut ()).unwrap(), Outcome::Finished);
    assert_eq!(run.read_metrics().unwrap().len(), 3);
}

#[test]
fn what_is_written_has_the_new_names() {
    let RunRecord { model, recipe, data, .. } = RunRecord::read(run().path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    drop(RunFolder::create(folder.path(), &RunRecord::new(model, recipe, data)).unwrap());
    let text = fs::read_to_string(folder.path().join("run.toml")).unwrap();
    assert!(text.contains(&format!("numerics = {NUMERICS}\n")), "{text}");
    let old = "batch validate_one_in strokes keep initialisation distillation plain_epochs average matrices warm_up decay";
    for name in old.split(' ') {
        assert!(!text.lines().any(|line| line.starts_with(&format!("{name} = "))), "{name} in {text}");
    }
    assert!(text.contains("[recipe.optimizer]") && !text.contains("optimiser"), "{text}");
    assert_eq!(RunRecord::read(folder.path()).unwrap().recipe, self::recipe());
}

#[test]
fn the_records_of_the_shipped_models_are_read() {
    let built_in = RunRecord::read(&in_repository("../mnist2x2-infer/model")).unwrap();
    assert!((built_in.recipe.stroke_fraction, built_in.recipe.ema_decay) == (0.25, 0.998));
    assert_eq!(built_in.recipe.model_selection, ModelSelection::Best);
    let held_out = built_in.recipe.validation_fraction * 60_000.0;
    assert!((held_out - 5_000.0).abs() < 1e-6, "{held_out}");
    for teacher in ["two-convolutions", "three-convolutions", "four-convolutions"] {
        let file: Table =
            read_toml(&in_repository(&format!("../../assets/teachers/{teacher}.toml"))).unwrap();
        let settings = |section: &str| file[section].as_table().unwrap().clone();
        let recipe = with_overrides(&Recipe::default(), &settings("recipe"), "recipe").unwrap();
        assert!(recipe.unaugmented_epochs == 2 && (recipe.stroke_fraction - 0.3).abs() < 1e-12, "{teacher}");
        assert!(!with_overrides(&Config::reference(), &settings("model"), "model").unwrap().stem.is_empty());
    }
}
