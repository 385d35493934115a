//! What goes right: train, evaluate, predict, sample, info.

use std::fs::{self, File};

use crate::support::{Bench, Run};

#[test]
fn a_run_is_trained_evaluated_and_reads_a_picture() {
    let bench = Bench::new();
    let run = bench.done("train --data-dir mnist --limit 64 --epochs 2 --out run");
    assert!(run.stderr.contains("epoch  2/2  loss "), "{}", run.stderr);
    assert!(run.stdout.contains("40 reference test grids of own digits"), "{}", run.stdout);
    assert!(run.stderr.contains("predict --model run IMAGE"), "the next command to try: {}", run.stderr);
    let files = [
        "accuracy.svg",
        "calibration.json",
        "checkpoints",
        "config.json",
        "loss.svg",
        "metrics.jsonl",
        "model.safetensors",
        "run.toml",
    ];
    assert_eq!(bench.names("run"), files);

    let eval = bench.done("eval --model run --data-dir mnist --json --report report").json().remove(0);
    assert!(String::from_utf8(bench.read("report/index.html")).unwrap().starts_with("<!DOCTYPE html>"));
    assert!(eval["calibration_error"].is_number() && eval["temperature"].is_number(), "{eval}");
    assert_eq!(eval["accuracy_at_coverage"].as_array().unwrap().len(), 3, "{eval}");
    for (field, expected) in [("dataset", "own"), ("grids", "reference")] {
        assert_eq!(eval[field], expected, "{eval}");
    }
    assert_eq!((&eval["sequences"], &eval["digits"]), (&40.into(), &160.into()), "{eval}");
    assert_eq!(eval["per_position"].as_array().unwrap().len(), 4);
    assert_eq!(eval["confusion"].as_array().unwrap().len(), 10);
    assert!(eval["confusion"][9].as_array().unwrap().len() == 11 && eval["seconds"].is_number(), "{eval}");

    let pictures =
        bench.done("eval --model run --data-dir mnist --json --pictures 112 --threads 3").json().remove(0);
    assert_eq!((&pictures["pictures"], &pictures["digits"]), (&112.into(), &160.into()), "{pictures}");

    bench.write_grid("grid.png");
    let read = bench.done("predict --model run/model.safetensors --json grid.png").json().remove(0);
    assert_eq!(read["image"], "grid.png");
    assert_eq!(read["digits"].as_str().unwrap().len(), 4);
    assert_eq!(read["cells"].as_array().unwrap().len(), 4);
    assert!(read["cells"][3]["confidence"].is_number() && read["confidence"].is_number(), "{read}");
    assert_eq!(read["alternatives"].as_array().unwrap().len(), 4);

    assert!(bench.done("info --model run").stdout.contains("249997 in 95 tensors"));
    let info = bench.done("info --model run --json").json().remove(0);
    assert_eq!((&info["parameters"], &info["config"]["rows"]), (&249_997.into(), &2.into()), "{info}");
    assert_eq!(info["tensors"].as_array().unwrap().len(), 95);
    assert_eq!(info["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn what_comes_next_is_said_as_the_program_was_started() {
    let bench = Bench::new();
    let train = |out: &str| {
        bench.command(&format!("train --data-dir mnist --limit 8 --epochs 1 --no-test --out {out}"))
    };
    let by_name = Run::new(train("a").output().unwrap()).stderr;
    let expected = format!("with: {} predict --model a IMAGE", env!("CARGO_BIN_EXE_mnist2x2"));
    assert!(by_name.contains(&expected), "{by_name}");
    let by_cargo = Run::new(train("b").env("CARGO_PKG_NAME", "mnist2x2-cli").output().unwrap()).stderr;
    assert!(by_cargo.contains("with: cargo run -p mnist2x2-cli -- predict --model b IMAGE"), "{by_cargo}");
}

#[cfg(unix)]
#[test]
fn what_is_suggested_can_be_pasted() {
    let bench = Bench::new();
    fs::rename(bench.path("mnist"), bench.path("my data")).unwrap();
    let mut train = bench.command("train --limit 8 --epochs 1");
    let run = Run::new(train.args(["--data-dir", "my data", "--out", "run 1"]).output().unwrap());
    assert!(run.stderr.contains("predict --model 'run 1' IMAGE"), "{}", run.stderr);
    fs::remove_file(bench.path("my data/t10k-labels-idx1-ubyte")).unwrap();
    let run = Run::new(bench.command("train").args(["--data-dir", "my data"]).output().unwrap());
    assert!(run.stderr.contains("`cargo xtask download-mnist --to 'my data'`"), "{}", run.stderr);
}

#[test]
fn a_model_is_found_by_what_people_have_of_it() {
    let bench = Bench::new();
    bench.write_grid("grid.png");
    let train = |out: &str| {
        bench.done(&format!("train --data-dir mnist --limit 8 --epochs 1 --no-test --out runs/{out}"));
    };
    train("z");
    train("a");
    let newest = bench.done("predict --model newest --json grid.png").json();
    assert_eq!(newest, bench.done("predict --model runs/a --json grid.png").json());
    let error = bench.fails(1, "predict --model runs grid.png");
    assert!(error.contains("runs holds runs") && error.contains("the newest: --model runs/a"), "{error}");

    // As an interrupted run is left: with checkpoints and without a model.
    let before = bench.done("predict --model runs/a/model.safetensors --json grid.png").json().remove(0);
    for files in [&["model.safetensors"][..], &["config.json", "calibration.json"]] {
        for file in files {
            fs::remove_file(bench.path(&format!("runs/a/{file}"))).ok();
        }
        let run = bench.done("predict --model runs/a --json grid.png");
        assert!(run.stderr.contains("not finished; reading with runs/a/checkpoints/step-"), "{}", run.stderr);
        assert_eq!(run.json()[0]["digits"], before["digits"]);
    }
    fs::remove_dir_all(bench.path("runs/a/checkpoints")).unwrap();
    fs::create_dir(bench.path("runs/a/checkpoints")).unwrap();
    let error = bench.fails(1, "predict --model runs/a grid.png");
    assert!(error.contains("no checkpoint yet") && error.contains("train --resume runs/a"), "{error}");
}

#[test]
fn the_same_command_makes_the_same_model_and_no_file_twice() {
    let bench = Bench::new();
    for (out, threads) in [("a", 1), ("b", 2)] {
        let run = bench.done(&format!(
            "train --data-dir mnist --limit 70 --epochs 1 --no-test --out {out} --threads {threads}"
        ));
        assert!(run.stderr.contains("fitting the temperature to"), "{}", run.stderr);
    }
    assert_eq!(bench.read("a/model.safetensors"), bench.read("b/model.safetensors"));
    for _ in 0..2 {
        bench.done("train --data-dir mnist --limit 8 --epochs 1 --no-test --seed 7");
    }
    let runs = bench.names("runs");
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert!(runs.iter().all(|run| run.contains("Z-default-s7")), "{runs:?}");
}

#[test]
fn settings_come_from_the_recipe_then_the_file_then_the_flags() {
    let bench = Bench::new();
    let config = "[recipe]\nbatch = 4\noptimiser.learning_rate = 0.5\n\
                  [model]\nencoder_layers = 1\nstem = [{channels = 3, stride = 2}]\n";
    fs::write(bench.path("my.toml"), config).unwrap();
    let train = "train --data-dir mnist --limit 8 --epochs 1 --no-test";
    bench.done(&format!(
        "{train} --config my.toml --set optimiser.learning_rate=0.25 --set keep=last --seed 3 --tensorboard --out a"
    ));
    let record = String::from_utf8(bench.read("a/run.toml")).unwrap();
    for line in [
        "batch_size = 4",
        "learning_rate = 0.25",
        "model_selection = \"last\"",
        "seed = 3",
        "encoder_layers = 1",
        "[[model.stem]]",
        "epoch_grids = 8",
    ] {
        assert!(record.lines().any(|found| found == line), "{line} is not in {record}");
    }
    assert_eq!(bench.names("a/tensorboard").len(), 1);
    // A run's record is a configuration that makes the same run again.
    bench.done("train --data-dir mnist --no-test --config a/run.toml --out b");
    assert_eq!(bench.read("a/model.safetensors"), bench.read("b/model.safetensors"));
}

#[test]
fn an_experiment_trains_each_seed_and_tells_mean_and_spread() {
    let bench = Bench::new();
    let run = bench.done("experiment --seeds 3,1 --data-dir mnist --limit 8 --epochs 1 --out runs");
    assert_eq!(bench.names("runs"), ["seed-1", "seed-3"]);
    let lines: Vec<Vec<&str>> = run.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["seed", "validation", "sequences", "digits", "time"]);
    assert_eq!([lines[1][0], lines[2][0], lines[3][0]], ["3", "1", "mean"], "{}", run.stdout);
    assert!(lines[3].contains(&"+-"), "{}", run.stdout);
    for words in [
        "  validation loss ",
        "  sequence accuracy ",
        "\nvalidation, sequences: grids with all digits right",
        "\nthe last line: mean +- standard deviation over the seeds",
        "\nseed 3: runs/seed-3\nseed 1: runs/seed-1",
    ] {
        assert!(run.stderr.contains(words), "{words:?}: {}", run.stderr);
    }
}

#[test]
fn figures_stand_beside_words() {
    let bench = Bench::new();
    let table = bench.done("eval --data-dir mnist").stdout;
    for words in [
        "  intervals ",
        "calibration error ",
        "confidence is off by ",
        " in the mean",
        "right are ",
        " most confident",
    ] {
        assert!(table.contains(words), "{words:?}: {table}");
    }
    for what in ["train", "decode"] {
        let usual = bench.done(&format!("bench {what} --seconds 1")).stderr;
        assert!(usual.contains("grids/s on one core") && usual.contains("with AVX2 alone"), "{usual}");
    }
}

#[test]
fn without_a_network_it_trains_on_synthetic_digits_and_says_so() {
    let bench = Bench::new();
    let run = bench.done("train --limit 8 --epochs 1 --no-test --out run");
    assert!(run.stderr.starts_with("MNIST cannot be fetched (no network): using built-in synthetic digits"));
    assert!(String::from_utf8(bench.read("run/run.toml")).unwrap().contains("dataset = \"synthetic\""));
    let eval = bench.done("eval --model run --dataset synthetic").stdout;
    assert!(
        eval.contains("run, trained on synthetic digits") && eval.contains("grids of synthetic digits"),
        "{eval}"
    );
}

#[test]
fn no_test_never_opens_the_test_files() {
    let bench = Bench::new();
    fs::remove_file(bench.path("mnist/t10k-images-idx3-ubyte")).unwrap();
    bench.done("train --data-dir mnist --limit 8 --epochs 1 --no-test --out run");
}

#[test]
fn the_built_in_model_reads_a_picture_from_standard_input() {
    let bench = Bench::new();
    bench.write_grid("grid.png");
    let from_file = bench.done("predict grid.png");
    let input = File::open(bench.path("grid.png")).unwrap();
    let from_input = Run::new(bench.command("predict -").stdin(input).output().unwrap());
    assert_eq!(from_input.stdout.replace("-: ", "grid.png: "), from_file.stdout);
}

#[test]
fn a_sheet_of_samples_is_a_picture() {
    let bench = Bench::new();
    bench.done("sample --data-dir mnist --grids 6 --out sheet.png");
    let sheet = image::open(bench.path("sheet.png")).unwrap();
    assert_eq!((sheet.width(), sheet.height()), (8 + 4 * 64, 8 + 2 * 78));
    bench.done("sample --data-dir mnist --grids 6 --augment --out augmented.png");
    assert_ne!(image::open(bench.path("augmented.png")).unwrap(), sheet);
}

/// A short run on the small MNIST.
const SHORT: &str = "train --data-dir mnist --epochs 1 --epoch-grids 64 --threads 2";

#[test]
fn people_are_held_out_where_the_files_that_name_them_are_found() {
    let bench = Bench::new();
    bench.done(&format!("{SHORT} --no-test --out before"));
    let error = bench.fails(1, "eval --data-dir mnist --one-writer");
    assert!(error.contains("nothing tells who wrote the ") && error.contains("--writers"), "{error}");
    bench.name_writers("train", "train", 24);
    bench.name_writers("test", "t10k", 8);
    let text = |name: &str| String::from_utf8(bench.read(name)).unwrap();

    let run = bench.done(&format!("{SHORT} --out people"));
    assert!(run.stderr.contains("grids by writers whom nothing was chosen by: "), "{}", run.stderr);
    assert!(run.stdout.contains("by drawing 8 writers anew a thousand times"), "{}", run.stdout);
    let eval = bench.done("eval --model people --data-dir mnist --one-writer --json").json().remove(0);
    assert_eq!((&eval["grids"], &eval["interval_unit"]), (&"one-writer".into(), &"writer".into()), "{eval}");
    let error = bench.fails(1, "eval --model line --data-dir mnist --one-writer");
    assert!(error.contains("grids by one writer are full ones, but the layout is line:8"), "{error}");
    let record = text("people/run.toml");
    assert!(
        record.contains("validation_split = \"writers\"") && record.contains("writers_sha256 = "),
        "{record}"
    );
    for (arguments, out) in [("--recipe reference", "published"), ("--set validation_split=last", "last")] {
        let run = bench.done(&format!("{SHORT} {arguments} --no-test --out {out}"));
        assert!(!run.stderr.contains("whom nothing was chosen by"), "{}", run.stderr);
        assert!(!text(&format!("{out}/run.toml")).contains("writers_sha256"));
    }

    // A run goes on with the digits that it held out, whatever is found now.
    for run in ["before", "people"] {
        fs::remove_file(bench.path(&format!("{run}/model.safetensors"))).unwrap();
        let record = text(&format!("{run}/run.toml"));
        bench.done(&format!("train --resume {run} --no-test"));
        assert_eq!(text(&format!("{run}/run.toml")), record);
    }
    fs::remove_file(bench.path("mnist/qmnist-train-labels-idx2-int")).unwrap();
    fs::remove_file(bench.path("people/model.safetensors")).unwrap();
    let error = bench.fails(1, "train --resume people --no-test");
    assert!(error.contains("the files that name the writers are not where they were"), "{error}");
}

#[test]
fn whether_the_first_model_knows_the_held_out_digits_is_told_and_recorded() {
    let bench = Bench::new();
    bench.name_writers("train", "train", 24);
    bench.write_grid("grid.png");
    let text = |name: &str| String::from_utf8(bench.read(name)).unwrap();
    bench.done(&format!("{SHORT} --no-test --out people"));
    bench.done(&format!("{SHORT} --no-test --recipe reference --out published"));
    fs::copy(bench.path("published/model.safetensors"), bench.path("alone.safetensors")).unwrap();
    for (from, exposure, said) in [
        ("people", "none", ""),
        ("published", "trained", "was trained on the held-out digits"),
        ("alone.safetensors", "unknown", "nothing tells whether"),
    ] {
        let out = format!("from-{exposure}");
        let run = bench.done(&format!("{SHORT} --no-test --from {from} --out {out}"));
        assert_eq!(run.stderr.contains("held-out digits: accuracy"), exposure != "none", "{}", run.stderr);
        assert!(run.stderr.contains(said), "{}", run.stderr);
        assert!(text(&format!("{out}/run.toml")).contains(&format!("exposure = \"{exposure}\"")));
        let calibration = text(&format!("{out}/calibration.json"));
        assert_eq!(calibration.contains(&format!("\"exposure\": \"{exposure}\"")), exposure != "none");
        bench.done(&format!("predict --model {out} grid.png"));
    }
}
