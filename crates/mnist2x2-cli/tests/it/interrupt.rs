//! What is interrupted, and goes on.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Bench, Run};

const RUN: &str = "train --data-dir mnist --limit 200 --epochs 3 --no-test";

#[test]
fn an_interrupted_run_is_saved_and_goes_on_as_if_nothing_had_been() {
    let bench = Bench::new();
    bench.done(&format!("{RUN} --out whole"));

    let mut child = bench.command(&format!("{RUN} --out runs/cut")).stderr(Stdio::piped()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_mins(1);
    while bench.names("runs/cut/checkpoints").is_empty() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(2));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let status = child.wait().unwrap();
    if status.success() {
        eprintln!("the run was done before the interrupt came: nothing to resume");
        return;
    }
    assert_eq!(status.code(), Some(130));
    assert!(!bench.path("runs/cut/model.safetensors").exists());

    let resumed = bench.done("train --resume --data-dir mnist --no-test --threads 1");
    assert!(resumed.stderr.contains("going on from runs/cut/checkpoints/step-"), "{}", resumed.stderr);
    assert_eq!(bench.read("whole/model.safetensors"), bench.read("runs/cut/model.safetensors"));
}

#[test]
fn a_run_on_other_digits_does_not_go_on() {
    let bench = Bench::new();
    let child = bench.command(&format!("{RUN} --out run")).stderr(Stdio::piped()).spawn().unwrap();
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    child.wait_with_output().map(|_| ()).unwrap();
    if !bench.path("run/run.toml").exists() || bench.path("run/model.safetensors").exists() {
        eprintln!("stopped too early or too late to have a run to resume");
        return;
    }
    crate::support::edit(&bench.path("mnist/train-images-idx3-ubyte"), |bytes| bytes[500] ^= 1);
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
