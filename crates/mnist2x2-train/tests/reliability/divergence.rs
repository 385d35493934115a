//! Loss, gradients and weights that are no numbers.

use mnist2x2_train::{Checkpoint, Error, Recipe, RunFolder, Schedule, Trainer};

use crate::support::{create, open, policy, recipe, train, trainer};

fn diverging(learning_rate: f64) -> Recipe {
    let mut recipe = Recipe { schedule: Schedule::constant(), ..recipe() };
    recipe.optimizer.learning_rate = learning_rate;
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
        let run = create(folder.path(), diverging(learning_rate)).with_checkpoint_policy(policy(1));
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
    println!("promise: what is not finite stops in that step and is never saved | a loss, and a step");
}

/// Where `trainer` is, but for weights with which each logit is large and finite and the way back to the hidden layers of
/// the decoder goes through larger ones still, `steep` times as large. Forward, nothing comes of those: what they are multiplied
/// by is 0.
fn with_steep_weights(trainer: &Trainer, steep: f32) -> Checkpoint {
    let mut checkpoint = trainer.checkpoint().clone();
    let mut rest = checkpoint.values.as_mut_slice();
    for spec in trainer.model().parameters().specs() {
        let (values, behind) = rest.split_at_mut(spec.shape.iter().product());
        let factor = match spec.name.as_str() {
            "decoder.output_proj.weight" => 1e10,
            name if name.starts_with("decoder.") && name.contains("mlp.0") => 0.0,
            name if name.starts_with("decoder.") && name.ends_with("mlp.2.weight") => steep,
            _ => 1.0,
        };
        for value in values {
            *value *= factor;
        }
        rest = behind;
    }
    checkpoint
}

/// Adam would keep the square, for good.
#[test]
fn a_gradient_whose_square_is_not_finite_stops_in_that_step_and_is_never_saved() {
    stops_before_the_step(1e15, "square of the gradient");
}

#[test]
fn a_gradient_that_is_not_finite_stops_in_that_step_though_the_loss_is() {
    stops_before_the_step(1e35, "gradient");
}

fn stops_before_the_step(steep: f32, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let run = create(folder.path(), recipe());
    let mut begun = trainer(recipe());
    let before = with_steep_weights(&begun, steep);
    begun.restore(before.clone()).unwrap();
    run.save_checkpoint(&begun).unwrap();
    for threads in [1, 3] {
        let error = train(&run, &mut begun, threads, &mut ()).unwrap_err();
        assert!(matches!(error, Error::Diverged { epoch: 1, step: 1, what } if what == expected), "{error}");
        assert!(error.to_string().contains(&format!("the {expected} is not finite")), "{error}");
    }
    assert!(*begun.checkpoint() == before, "not a number has changed");
    drop(run);
    assert!(*open(folder.path()).1.checkpoint() == before, "and the last good checkpoint loads");
}
