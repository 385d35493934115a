//! Loss, gradients and weights that are no numbers.

use mnist2x2_train::{Error, Recipe, RunFolder, Schedule};

use crate::support::{create, keeping, open, recipe, train, trainer};

fn diverging(learning_rate: f64) -> Recipe {
    let mut recipe = Recipe { schedule: Schedule::constant(), ..recipe() };
    recipe.optimiser.learning_rate = learning_rate;
    recipe
}

/// Trains until it diverges: the step in which, from 1, and what was not finite.
fn train_to_divergence(run: &RunFolder, recipe: Recipe) -> (usize, &'static str) {
    match train(run, &mut trainer(recipe), 2, &mut ()) {
        Err(Error::Diverged { epoch: 1, step, what }) => (step, what),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_finite_stops_in_that_step_and_is_never_saved() {
    for (learning_rate, expected) in [(1e19, "loss"), (1e38, "step")] {
        let folder = tempfile::tempdir().unwrap();
        let run = create(folder.path(), diverging(learning_rate)).with_keeping(keeping(1));
        let (step, what) = train_to_divergence(&run, diverging(learning_rate));
        drop(run);
        assert_eq!(what, expected, "{learning_rate:e}");

        let (run, mut resumed) = open(folder.path());
        assert_eq!(resumed.steps(), step as u64 - 1, "{what}");
        let checkpoint = resumed.checkpoint();
        assert!(checkpoint.values.iter().all(|value| value.is_finite()), "{what}");
        let again = train(&run, &mut resumed, 2, &mut ()).unwrap_err();
        let same =
            matches!(again, Error::Diverged { step: other, what: it, .. } if (other, it) == (step, what));
        assert!(same, "{again}");
    }
}
