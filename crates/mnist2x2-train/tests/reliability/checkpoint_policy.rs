//! Which checkpoints stay.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mnist2x2_train::{BoxError, EpochMetrics, Observer, Recipe, Schedule, Trainer};

use crate::support::{create, recipe, train, trainer};

/// A rate so high that accuracy goes up and down.
fn restless(seed: u64) -> Recipe {
    let mut recipe = Recipe { epochs: 6, epoch_grids: 480, batch_size: 16, ema_decay: 0.0, seed, ..recipe() };
    (recipe.validation_fraction, recipe.unaugmented_epochs, recipe.schedule) = (0.5, 6, Schedule::constant());
    recipe.optimizer.learning_rate = 2e-2;
    recipe
}

/// Looks into the folder of checkpoints after each epoch.
struct Look {
    folder: PathBuf,
    /// Whether the best was ever older than the last three.
    has_outlived: bool,
}

impl Observer for Look {
    fn on_epoch(&mut self, trainer: &Trainer, _: &EpochMetrics) -> Result<(), BoxError> {
        let (steps, best) = (trainer.steps(), trainer.position().best_steps.unwrap());
        let last = [steps, steps - 5, steps - 10];
        let expected: BTreeSet<u64> = last.into_iter().chain([best]).collect();
        assert_eq!(steps_in(&self.folder), expected);
        self.has_outlived |= expected.len() > last.len();
        Ok(())
    }
}

fn steps_in(folder: &Path) -> BTreeSet<u64> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let steps = |name: String| name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok();
    names.filter_map(steps).collect()
}

#[test]
fn the_last_three_and_the_best_stay() {
    let mut has_outlived = false;
    for seed in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let run = create(folder.path(), restless(seed));
        let mut look = Look { folder: folder.path().join("checkpoints"), has_outlived };
        train(&run, &mut trainer(restless(seed)), 2, &mut look).unwrap();
        has_outlived = look.has_outlived;
    }
    assert!(has_outlived, "the test needs a best epoch that is older than the last three checkpoints");
}
