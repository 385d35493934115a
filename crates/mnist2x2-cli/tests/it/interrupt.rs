//! What is interrupted, and goes on.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Bench, Run, edit};

const RUN: &str = "train --data-dir mnist --limit 200 --epochs 15 --no-test";

/// Starts a run, and waits until it has a checkpoint, long before it is done.
fn start(bench: &Bench, run: &str, folder: &str) -> Child {
    let child = bench.command(&format!("{run} --out {folder}")).stderr(Stdio::piped()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_mins(1);
    let saved =
        || bench.names(&format!("{folder}/checkpoints")).iter().any(|name| name.ends_with(".safetensors"));
    while !saved() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

/// Sends it a signal; gives what it said, and how long it took to end.
fn stop(child: Child, signal: &str) -> (String, Duration) {
    let asked = Instant::now();
    Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    (String::from_utf8(output.stderr).unwrap(), asked.elapsed())
}

/// Starts a run and stops it by a signal.
fn interrupt(bench: &Bench, folder: &str, signal: &str) -> String {
    let (said, time) = stop(start(bench, RUN, folder), signal);
    assert!(!bench.path(folder).join("model.safetensors").exists());
    assert!(time < Duration::from_secs(50), "{time:?}, ten times what is promised");
    said
}

#[test]
fn an_interrupted_run_is_saved_and_goes_on_as_if_nothing_had_been() {
    let bench = Bench::new();
    bench.done(&format!("{RUN} --out whole"));
    let said = interrupt(&bench, "runs/cut", "-INT");
    let program = env!("CARGO_BIN_EXE_mnist2x2");
    assert!(said.contains(&format!("go on with: {program} train --resume runs/cut --no-test\n")), "{said}");
    let resumed = bench.done("train --resume --no-test --threads 1");
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
fn a_run_with_pen_strokes_finds_them_again_or_asks_for_them() {
    let bench = Bench::new();
    fs::write(bench.path("pens"), PENS).unwrap();
    let run = format!("{RUN} --strokes pens --set strokes=0.3");
    bench.done(&format!("{run} --out whole"));
    stop(start(&bench, &run, "cut"), "-INT");
    fs::rename(bench.path("pens"), bench.path("moved")).unwrap();
    let error = bench.fails(1, "train --resume cut --no-test");
    assert!(error.contains("their file is not where it was; name it with --strokes FILE"), "{error}");
    bench.done("train --resume cut --no-test --strokes moved");
    assert_eq!(bench.read("whole/model.safetensors"), bench.read("cut/model.safetensors"));
}

/// A seven by writer 1.
const PENS: &str =
    ".SEGMENT DIGIT 0 ? \"7\"\n.COMMENT 7 1 1\n.PEN_DOWN\n 100 400\n 300 400\n 200 100\n.PEN_UP\n";

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let bench = Bench::new();
    let first = start(&bench, RUN, "run");
    let error = bench.fails(1, "train --resume run --no-test");
    assert!(error.contains("run: another process is training here"), "{error}");
    stop(first, "-TERM");
    bench.done("train --resume run --no-test");
}

#[test]
fn a_killed_run_goes_on_as_if_nothing_had_been() {
    let bench = Bench::new();
    let run = format!("{RUN} --save-every 3");
    bench.done(&format!("{run} --out whole"));
    let mut child = start(&bench, &run, "cut");
    child.kill().unwrap();
    child.wait().unwrap();
    bench.done("train --resume cut --no-test --save-every 2");
    assert_eq!(bench.read("whole/model.safetensors"), bench.read("cut/model.safetensors"));
    let left = bench.names("cut/checkpoints");
    assert!(!left.iter().any(|name| name.ends_with(".partial")), "{left:?}");
}

#[test]
fn nothing_to_resume_is_said() {
    let bench = Bench::new();
    let error = bench.fails(1, "train --resume");
    assert!(error.contains("runs"), "{error}");
    let run = Run::new(bench.command("train --resume nowhere").output().unwrap());
    assert!(run.code == 1 && run.stderr.contains("run.toml"), "{}", run.stderr);
}
