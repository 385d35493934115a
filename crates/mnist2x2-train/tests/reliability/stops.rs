//! Stopped and resumed, at chance.

use std::ops::ControlFlow;

use mnist2x2_random::Random;
use mnist2x2_train::Outcome;

use crate::support::{At, EVERY, STEPS, chance, create, open, recipe, results, train, undisturbed};

/// So many steps of a run, in order.
fn draw_steps(random: &mut Random, count: usize) -> Vec<u64> {
    let mut steps = random.permutation(STEPS as u32 - 1);
    steps.truncate(count);
    steps.sort_unstable();
    steps.into_iter().map(|step| u64::from(step) + 1).collect()
}

#[test]
fn stopped_at_20_random_steps_and_resumed_is_never_stopped() {
    let (seed, mut random) = chance();
    let folder = tempfile::tempdir().unwrap();
    drop(create(folder.path(), recipe()));
    for step in draw_steps(&mut random, 20) {
        let (run, mut trainer) = open(folder.path());
        let threads = 1 + random.below(4) as usize;
        let mut stop = At(step, || Ok(ControlFlow::Break(())));
        assert_eq!(train(&run, &mut trainer, threads, &mut stop).unwrap(), Outcome::Stopped, "seed {seed}");
        assert_eq!(trainer.steps(), step, "seed {seed}");
    }
    let (run, mut trainer) = open(folder.path());
    train(&run, &mut trainer, 3, &mut ()).unwrap();
    assert!(results(&run) == undisturbed(), "seed {seed}");
    println!(
        "promise: stopped at 20 random steps, on any number of threads, it ends the same | the same bytes"
    );
}

#[test]
fn broken_off_at_20_random_steps_it_loses_no_more_than_one_interval() {
    let (seed, mut random) = chance();
    let folder = tempfile::tempdir().unwrap();
    drop(create(folder.path(), recipe()));
    for step in draw_steps(&mut random, 20) {
        let (run, mut trainer) = open(folder.path());
        assert!(trainer.steps().is_multiple_of(EVERY), "seed {seed}: nothing is saved in between");
        let mut fail = At(step, || Err("broken off".into()));
        train(&run, &mut trainer, 1, &mut fail).unwrap_err();
        drop(run);
        let saved = open(folder.path()).1.steps();
        assert!(saved <= step && step - saved < EVERY, "seed {seed}: {saved} saved of {step}");
    }
    let (run, mut resumed) = open(folder.path());
    train(&run, &mut resumed, 2, &mut ()).unwrap();
    assert!(results(&run) == undisturbed(), "seed {seed}");
}
