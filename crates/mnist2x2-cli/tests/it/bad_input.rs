//! What goes wrong: one clear line, the right exit code, nothing half-written.

use std::fs;
use std::io::Cursor;

use crate::support::{Bench, edit};

const TRAIN: &str = "train --data-dir mnist --limit 8 --epochs 1 --no-test --out run";
const IMAGES: &str = "mnist/train-images-idx3-ubyte";
const LABELS: &str = "mnist/train-labels-idx1-ubyte";

/// Training must fail, name `file`, say `problem`, and leave no run behind.
fn refuses(bench: &Bench, file: &str, problem: &str) {
    let error = bench.fails(1, TRAIN);
    assert!(error.contains(file) && error.contains(problem), "{error}");
    assert!(error.contains("cargo xtask download-mnist --to mnist"), "no next step: {error}");
    assert!(!bench.path("run").exists(), "a run was begun");
}

#[test]
fn mnist_files_that_are_missing_or_damaged() {
    type Damage = fn(&Bench);
    let cases: [(&str, &str, Damage); 6] = [
        (LABELS, "has no", |bench| fs::remove_file(bench.path(LABELS)).unwrap()),
        (IMAGES, "announces", |bench| edit(&bench.path(IMAGES), |bytes| bytes.truncate(5000))),
        (IMAGES, "begins with", |bench| edit(&bench.path(IMAGES), |bytes| bytes[3] = 9)),
        (IMAGES, "announces", |bench| edit(&bench.path(IMAGES), |bytes| bytes[4..8].fill(0xff))),
        (LABELS, "77", |bench| edit(&bench.path(LABELS), |bytes| bytes[20] = 77)),
        ("", "swapped", |bench| {
            let (images, labels) = (bench.read(IMAGES), bench.read(LABELS));
            fs::write(bench.path(IMAGES), labels).unwrap();
            fs::write(bench.path(LABELS), images).unwrap();
        }),
    ];
    for (file, problem, damage) in cases {
        let bench = Bench::new();
        damage(&bench);
        refuses(&bench, file.trim_start_matches("mnist/"), problem);
    }
}

#[test]
fn counts_that_differ_and_folders_that_are_missing() {
    let bench = Bench::new();
    edit(&bench.path(LABELS), |bytes| {
        bytes.pop();
        bytes[7] -= 1;
    });
    let error = bench.fails(1, TRAIN);
    assert!(error.contains("200") && error.contains("199"), "{error}");
    let error = bench.fails(1, "train --data-dir nowhere");
    assert!(
        error.contains("nowhere") && error.contains("cargo xtask download-mnist --to nowhere"),
        "{error}"
    );
}

#[test]
fn outputs_that_cannot_be_written_or_hold_another_run() {
    let bench = Bench::new();
    fs::write(bench.path("file"), "precious").unwrap();
    let error = bench.fails(1, &TRAIN.replace("--out run", "--out file"));
    assert!(error.contains("file: exists already"), "{error}");
    let error = bench.fails(1, &TRAIN.replace("--out run", "--out file/below"));
    assert!(error.contains("file/below"), "{error}");
    bench.done(TRAIN);
    let before = bench.read("run/model.safetensors");
    let error = bench.fails(1, TRAIN);
    assert!(error.contains("run: exists already") && error.contains("--resume"), "{error}");
    assert_eq!((bench.read("run/model.safetensors"), bench.read("file")), (before, b"precious".to_vec()));
    let error = bench.fails(1, "train --resume run");
    assert!(error.contains("is finished") && error.contains(" train --from run"), "{error}");
}

#[test]
fn models_that_do_not_fit() {
    let bench = Bench::new();
    bench.done(TRAIN);
    bench.write_grid("grid.png");
    for command in ["predict --model nowhere grid.png", "eval --data-dir mnist --model runs/nope"] {
        let error = bench.fails(1, command);
        assert!(error.contains(" does not exist; `--model newest`"), "{error}");
    }
    let error = bench.fails(1, "predict --model newest grid.png");
    assert!(error.contains("runs holds no finished run"), "{error}");
    edit(&bench.path("run/config.json"), |bytes| {
        let text = String::from_utf8(bytes.clone())
            .unwrap()
            .replace("\"encoder_layers\": 4", "\"encoder_layers\": 5");
        *bytes = text.into_bytes();
    });
    let error = bench.fails(1, "predict --model run grid.png");
    assert!(error.contains("model.safetensors: missing `encoder.layers.4."), "{error}");
    edit(&bench.path("run/model.safetensors"), |bytes| {
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let error = bench.fails(1, "eval --data-dir mnist --model run/model.safetensors");
    assert!(error.contains("model.safetensors: ") && error.contains("holds the value NaN"), "{error}");
}

#[test]
fn images_that_are_none_do_not_stop_the_others() {
    let bench = Bench::new();
    bench.write_grid("grid.png");
    fs::write(bench.path("text.png"), "not a picture").unwrap();
    let run = bench.run("predict --json text.png grid.png nowhere.png");
    assert_eq!(run.code, 1);
    let lines = run.json();
    assert_eq!(lines.len(), 3, "{}", run.stdout);
    assert!(
        lines[0]["error"].as_str().unwrap().contains("PNG, JPEG, WebP, BMP, GIF and TIFF are read"),
        "{}",
        lines[0]
    );
    assert!(lines[1]["digits"].is_string() && lines[1].get("error").is_none(), "{}", lines[1]);
    assert!(lines[2]["error"].as_str().unwrap().contains("nowhere.png"), "{}", lines[2]);

    // A picture of 30,000 x 30,000 pixels is refused by its header, before memory is set aside for it.
    let mut bytes = Vec::new();
    let huge = image::GrayImage::new(30_000, 1);
    huge.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    fs::write(bench.path("huge.png"), bytes).unwrap();
    let run = bench.run("predict huge.png");
    assert!(run.code == 1 && run.stderr.starts_with("huge.png: is larger than"), "{}", run.stderr);
}

#[test]
fn settings_that_are_unknown_or_impossible() {
    let bench = Bench::new();
    for (text, expected) in [
        ("[recipe]\nepoch = 3", "my.toml: `recipe.epoch` is no setting; did you mean `epochs`?"),
        ("[recipes]", "unknown field `recipes`"),
        ("[model]\nwidth = \"broad\"", "my.toml: `model.width` is \"broad\", but must be of type integer"),
        ("[model]\nheads = 5", "`heads` (5) does not divide the width (64)"),
        ("[recipe]\naugmentation.stroke = 2", "`stroke` is 2, but must be 0 to 1"),
        ("[recipe", "my.toml: line 1: "),
        ("[model]\ncell = 32", "`model.cell` is 32, but models that read digits have 28"),
        ("[model]\nvocabulary = 12", "`model.vocabulary` is 12, but models that read digits have"),
    ] {
        fs::write(bench.path("my.toml"), text).unwrap();
        let error = bench.fails(1, "train --data-dir mnist --no-test --config my.toml --out run");
        assert!(error.contains(expected), "{error}");
    }
    let error = bench.fails(1, "train --data-dir mnist --no-test --set optimizr.beta1=0.5 --out run");
    assert!(error.contains("`recipe.optimizr` is no setting; did you mean `optimizer`?"), "{error}");
    let error = bench.fails(1, "train --data-dir mnist --no-test --set learning_rate=0.1 --out run");
    assert!(error.contains("did you mean `optimizer.learning_rate`?"), "{error}");
    for (setting, hint) in
        [("model.cell=20", "in the table [model]"), ("recipe.epochs=3", "without `recipe.`")]
    {
        let run = bench.run(&format!("train --data-dir mnist --no-test --set {setting} --out run"));
        assert!(run.code == 2 && run.stderr.contains(hint), "{}", run.stderr);
    }
    for (options, expected) in [
        ("--layout 4", "such as 4x4, line:8 or scatter:10"),
        ("--layout line:65", "such as 4x4, line:8 or scatter:10"),
        ("--blanks 0.95", "a probability of 0 to 0.9 is needed"),
    ] {
        let error = bench.fails(2, &format!("train --data-dir mnist --no-test {options} --out run"));
        assert!(error.contains(expected), "{error}");
    }
    let error = bench.fails(1, "train --data-dir mnist --no-test --layout line:3 --blanks 0.2 --out run");
    assert!(error.contains("only the cells of a grid can be empty"), "{error}");
    fs::write(bench.path("config.json"), "{}").unwrap();
    let error = bench.fails(1, "train --data-dir mnist --no-test --config config.json --out run");
    assert!(error.contains("read from TOML") && error.contains("[model]"), "{error}");
    let error = bench.fails(1, "train --data-dir mnist --no-test --config nowhere.toml --out run");
    assert!(error.contains("nowhere.toml"), "{error}");
    let error = bench.fails(1, "experiment --seeds 1,2,1 --data-dir mnist --no-test");
    assert!(error.contains("names a seed twice"), "{error}");
    assert!(!bench.path("run").exists());
}

#[test]
fn values_out_of_range_are_usage_errors() {
    let bench = Bench::new();
    for arguments in [
        "train --epochs 0",
        "train --limit 0",
        "train --threads 0",
        "train --recipe best",
        "train --resume run --epochs 3",
        "train --resume run --set batch=3",
        "train --set batch",
        "predict",
        "sample --out sheet.png --grids 0",
        "sample --out sheet.png --count 3",
        "sample --out sheet.png --augment --seed 3",
        "sample --out sheet.png --grids 6 --strokes pens",
        "sample --out pictures --paper clean --augment",
        "sample --out pictures --strokes pens --layout 3x3",
        "eval --set held-back",
        "eval --strokes pens --seed 1",
        "eval --strokes pens --layout 2x2",
        "eval --strokes pens --writers 25-30 --seed 3",
        "eval --strokes pens --variants --count 3",
        "eval --strokes pens --paper clean --writers 25-30",
        "eval --paper clean --blanks 0.1",
        "eval --paper clean --pictures 200",
        "eval --pictures 200 --writers 25-30",
        "eval --one-writer --count 3",
        "bench train --level avx1024",
        "bench decode --batch 0",
        "nonsense",
    ] {
        assert_eq!(bench.run(arguments).code, 2, "{arguments}");
    }
    assert_eq!(bench.names(""), ["mnist"], "nothing was written");
}

#[test]
#[cfg(not(all(target_os = "macos", target_arch = "aarch64")))]
fn accelerators_that_are_not_there_and_what_a_build_for_them_needs() {
    let bench = Bench::new();
    let error = bench.fails(1, "train --device metal");
    assert!(error.contains("built without Metal"), "{error}");
    if !cfg!(feature = "cuda") {
        let error = bench.fails(1, "train --device cuda");
        assert!(error.contains("--features cuda") && error.contains("NVIDIA's CUDA toolkit"), "{error}");
    }
}

/// Each of two processes would train the whole model, and both into one folder.
#[cfg(not(feature = "mpi"))]
#[test]
fn several_processes_need_a_program_that_was_built_for_them() {
    let bench = Bench::new();
    let run =
        bench.command("train --data-dir mnist --out run").env("OMPI_COMM_WORLD_SIZE", "2").output().unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("error: mpirun started 2 processes") && said.contains("--features mpi"),
        "{said}"
    );
    assert!(!bench.path("run").exists());
}
