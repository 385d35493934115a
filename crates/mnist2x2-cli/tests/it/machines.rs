//! Several processes that train one model, started by `mpirun`.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::Bench;

const RUN: &str = "train --data-dir mnist --config small.toml --no-test --threads 1";
const SMALL: &str = "[model]\nwidth = 16\nfeed_forward_width = 24\nencoder_layers = 1\ndecoder_layers = 1
[recipe]\nbatch_size = 20\nepoch_grids = 190\nepochs = 3\n";
/// How long a run that is to be stopped takes one process. Two processes are up to twice as fast, and must still be at work when
/// `mpirun` passes SIGTERM on, after three seconds (see [`mpirun`]).
const LONG: Duration = Duration::from_secs(15);
/// How soon all have ended once one has.
const SOON: Duration = Duration::from_secs(10);

fn bench() -> Bench {
    let bench = Bench::new();
    fs::write(bench.path("small.toml"), SMALL).unwrap();
    bench
}

/// `mpirun` in the bench's folder, more processes than cores allowed, with these words: numbers of processes and programs. It waits
/// three seconds twice before it kills what does not end, so that a busy machine can save.
fn mpirun(bench: &Bench, words: &[&str]) -> Command {
    let mut command = Command::new("mpirun");
    command.args("--oversubscribe --mca mpi_yield_when_idle 1 --mca odls_base_sigkill_timeout 3".split(' '));
    command.args(words).current_dir(bench.path(".")).env_remove("MNIST_DIR").env_remove("CARGO_PKG_NAME");
    // OpenMPI runs nothing as root unless it is told so twice.
    command.envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")]);
    command
}

/// The words that start `size` processes of the program with `arguments`.
fn ranks(size: usize, arguments: &str) -> Vec<String> {
    let words = ["-np".into(), size.to_string(), env!("CARGO_BIN_EXE_mnist2x2").into()];
    words.into_iter().chain(arguments.split(' ').map(Into::into)).collect()
}

fn run(bench: &Bench, size: usize, arguments: &str) -> Output {
    let words = ranks(size, arguments);
    mpirun(bench, &words.iter().map(String::as_str).collect::<Vec<_>>()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// All that a run leaves but how long it took.
fn results(bench: &Bench, folder: &str) -> (Vec<u8>, Vec<u8>, Vec<serde_json::Value>) {
    let metrics = String::from_utf8(bench.read(&format!("{folder}/metrics.jsonl"))).unwrap();
    let without_time = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        for time in ["seconds", "grids_per_second"] {
            line.as_object_mut().unwrap().remove(time).unwrap();
        }
        line
    };
    let [model, calibration] =
        ["model.safetensors", "calibration.json"].map(|file| bench.read(&format!("{folder}/{file}")));
    (model, calibration, metrics.lines().map(without_time).collect())
}

/// The arguments of a run that takes one process about [`LONG`] here. It leaves such a run, undisturbed, in `whole`.
fn whole(bench: &Bench) -> String {
    bench.done(&format!("{RUN} --epochs 40 --out trial"));
    let metrics = String::from_utf8(bench.read("trial/metrics.jsonl")).unwrap();
    let seconds =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["seconds"].as_f64().unwrap();
    // The quickest epoch: the others are slowed down by tests that run at the same time.
    let epoch = metrics.lines().map(seconds).fold(f64::INFINITY, f64::min);
    let long = format!("{RUN} --epochs {}", (LONG.as_secs_f64() / epoch).ceil());
    bench.done(&format!("{long} --out whole"));
    long
}

/// Starts two processes on the run that these arguments name, into `cut`, and waits for their first checkpoint.
fn start(bench: &Bench, long: &str) -> std::process::Child {
    let words = ranks(2, &format!("{long} --save-every 5 --out cut"));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let child = mpirun(bench, &words).stderr(Stdio::piped()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_mins(1);
    while bench.names("cut/checkpoints").len() < 2 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

#[test]
fn any_number_of_processes_makes_the_same_bytes() {
    let bench = bench();
    for optimizer in ["muon", "adamw"] {
        let set = format!("--set optimizer.matrix_optimizer={optimizer}");
        bench.done(&format!("{RUN} {set} --out {optimizer}"));
        let alone = results(&bench, optimizer);
        for size in [1, 2, 4] {
            let folder = format!("{optimizer}-{size}");
            let output = run(&bench, size, &format!("{RUN} {set} --out {folder}"));
            assert!(output.status.success(), "{}", said(&output));
            assert_eq!(
                said(&output).matches("epoch  1/3").count(),
                1,
                "one speaks for all: {}",
                said(&output)
            );
            assert_eq!(results(&bench, &folder), alone, "{size} processes");
        }
    }
}

#[test]
fn one_of_two_processes_tells_the_speed_of_both() {
    let output = run(&bench(), 2, "bench train --threads 1 --seconds 1 --json --network 10,40");
    assert!(output.status.success(), "{}", said(&output));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.lines().count() == 1 && told.contains("grids_per_second"), "{told}");
}

#[test]
fn a_run_of_two_that_was_stopped_goes_on_with_four() {
    let bench = bench();
    let child = start(&bench, &whole(&bench));
    let asked = Instant::now();
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success() && asked.elapsed() < SOON, "{:?} {}", asked.elapsed(), said(&output));
    assert!(said(&output).contains("stopped and saved; go on with:"), "{}", said(&output));
    let output = run(&bench, 4, "train --resume cut --no-test --threads 1");
    assert!(
        output.status.success() && said(&output).contains("going on from cut/checkpoints"),
        "{}",
        said(&output)
    );
    assert_eq!(results(&bench, "cut"), results(&bench, "whole"));
}

#[test]
fn a_process_that_is_killed_ends_all_and_the_run_goes_on_alone() {
    let bench = bench();
    let child = start(&bench, &whole(&bench));
    let is_second = |pid: &str| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|variable| variable == b"OMPI_COMM_WORLD_RANK=1")
            && status.contains(&format!("PPid:\t{}\n", child.id()))
    };
    let pids = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let second = pids.into_iter().find(|pid| is_second(pid)).expect("a second process");
    let killed = Instant::now();
    Command::new("kill").args(["-KILL", &second]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success() && killed.elapsed() < SOON, "{:?} {}", killed.elapsed(), said(&output));
    assert!(said(&output).contains("rank 1"), "{}", said(&output));
    assert!(!bench.names("cut/checkpoints").iter().any(|name| name.ends_with(".partial")));
    bench.done("train --resume cut --no-test --threads 1");
    assert_eq!(results(&bench, "cut"), results(&bench, "whole"));
}

#[test]
fn a_full_disk_of_the_first_ends_all_with_its_error() {
    let bench = bench();
    let program = env!("CARGO_BIN_EXE_mnist2x2");
    let arguments = format!("{RUN} --out cut");
    let limited = format!("trap '' XFSZ; ulimit -f 20; exec {program} {arguments}");
    let mut words = vec!["-np", "1", "sh", "-c", &limited, ":"];
    let others = ranks(1, &arguments);
    words.extend(others.iter().map(String::as_str));
    let start = Instant::now();
    let output = mpirun(&bench, &words).output().unwrap();
    assert!(!output.status.success() && start.elapsed() < SOON, "{:?} {}", start.elapsed(), said(&output));
    let errors: Vec<String> =
        said(&output).lines().filter(|line| line.starts_with("error")).map(Into::into).collect();
    assert!(matches!(&errors[..], [one] if one.contains("cannot") && one.contains("cut/")), "{errors:?}");
    bench.done("train --resume cut --no-test --threads 1");
}

#[test]
fn processes_that_would_train_something_else_are_refused() {
    let bench = bench();
    let [one, other] = ["--seed 0", "--seed 1"].map(|seed| ranks(1, &format!("{RUN} {seed} --out run")));
    let words: Vec<&str> =
        one.iter().map(String::as_str).chain([":"]).chain(other.iter().map(String::as_str)).collect();
    let output = mpirun(&bench, &words).output().unwrap();
    assert!(!output.status.success());
    assert!(
        said(&output).contains("recipe or data of rank 1 differs from that of rank 0"),
        "{}",
        said(&output)
    );
    assert!(!bench.path("run").exists());
    let output = run(&bench, 4, &format!("{RUN} --set shards=2 --out run"));
    assert!(said(&output).contains("too few for 4 processes"), "{}", said(&output));
}

#[test]
fn seeds_are_shared_out() {
    let bench = bench();
    let experiment = RUN.replace("train", "experiment --seeds 0-2");
    let alone = bench.done(&format!("{experiment} --out alone"));
    let output = run(&bench, 2, &format!("{experiment} --out shared"));
    assert!(output.status.success(), "{}", said(&output));
    for seed in 0..3 {
        let [alone, shared] =
            ["alone", "shared"].map(|folder| results(&bench, &format!("{folder}/seed-{seed}")));
        assert_eq!(alone, shared, "seed {seed}");
    }
    let without_time = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().take(4).collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(without_time(&alone.stdout), without_time(&String::from_utf8_lossy(&output.stdout)));
}
