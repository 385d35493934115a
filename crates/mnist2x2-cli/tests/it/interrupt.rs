//! What is interrupted, and goes on.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Bench, Run, edit};

const RUN: &str = "train --data-dir mnist --limit 200 --epochs 40 --no-test";

/// Starts a run, and sends it a signal once it has a checkpoint and long before it is done.
fn interrupt(bench: &Bench, folder: &str, signal: &str) {
    let mut child = bench.command(&format!("{RUN} --out {folder}")).stderr(Stdio::piped()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_mins(1);
    let saved =
        || bench.names(&format!("{folder}/checkpoints")).iter().any(|name| name.ends_with(".safetensors"));
    while !saved() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(2));
    }
    Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!bench.path(folder).join("model.safetensors").exists());
}

#[test]
fn an_interrupted_run_is_saved_and_goes_on_as_if_nothing_had_been() {
    let bench = Bench::new();
    bench.done(&format!("{RUN} --out whole"));
    interrupt(&bench, "runs/cut", "-INT");
    let resumed = bench.done("train --resume --data-dir mnist --no-test --threads 1");
    assert!(resumed.stderr.contains("going on from runs/cut/checkpoints/step-"), "{}", resumed.stderr);
    assert_eq!(bench.read("whole/model.safetensors"), bench.read("runs/cut/model.safetensors"));
}

#[test]
fn a_run_on_other_digits_does_not_go_on() {
    let bench = Bench::new();
    interrupt(&bench, "run", "-TERM");
    edit(&bench.path("mnist/train-images-idx3-ubyte"), |bytes| bytes[500] ^= 1);
    let error = bench.fails(1, "train --resume run --data-dir mnist");
    assert!(error.contains("used other digits"), "{error}");
}

#[test]
fn nothing_to_resume_is_said() {
    let bench = Bench::new();
    let error = bench.fails(1, "train --resume");
    assert!(error.contains("runs"), "{error}");
    let run = Run::new(bench.command("train --resume nowhere").output().unwrap());
    assert!(run.code == 1 && run.stderr.contains("run.toml"), "{}", run.stderr);
}
