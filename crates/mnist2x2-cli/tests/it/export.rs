//! `export`: what other programs make of our models.

use std::ffi::OsString;
use std::process::Command;
use std::{env, fs};

use image::GrayImage;
use mnist2x2::data::mnist::Split;
use mnist2x2::data::{GridSource, Layout, Loader, denormalize, mnist, normalize, reference, synthetic};
use mnist2x2::infer::{Transcript, config_for, transcribe};
use mnist2x2::train::{DataRecord, RunRecord};
use mnist2x2::{Config, Device, Parameters, Recipe, Recognizer, Seq2Seq, Tensor};
use serde_json::Value;

use crate::python::{ONNX, TORCH, is_full, python, stdout};
use crate::support::Bench;

/// Pictures that both read.
const PICTURES: usize = 500;
/// How many may be read otherwise, because two tokens are as likely: logits that are no further apart.
const TIES: [usize; 2] = [1, 2];
const TIE: f32 = 1e-3;
/// How far logits may differ.
const LOGITS: f64 = 1e-4;
/// Tokens of the model.
const START: u32 = 10;
const FINISH: u32 = 11;

/// A model's pictures of this layout: the gray values of each, and what the model sees.
struct Pictures {
    canvases: Vec<Vec<u8>>,
    images: Vec<f32>,
    layout: Layout,
}

impl Pictures {
    fn new(layout: Layout, count: usize) -> Self {
        let folder = env::var_os("MNIST_DIR").filter(|dir| is_full() && !dir.is_empty());
        let (digits, source) = match folder {
            Some(folder) => {
                let digits = mnist::load(folder.as_ref(), Split::Test).unwrap();
                let grids = reference::grids(digits.len() as u32, count, layout.max_digits());
                (digits, GridSource::Fixed(grids))
            }
            None => (synthetic::digits(Split::Test, 1_000, 0), GridSource::Fresh { grids: count }),
        };
        let batch = Loader::new(digits.into(), source, layout, count, 5).unwrap().in_order().batch(0);
        let grays: Vec<u8> = batch.images.iter().map(|&value| denormalize(value)).collect();
        let canvases = grays.chunks_exact(layout.shape().pixels()).map(<[u8]>::to_vec).collect();
        Self { canvases, images: grays.into_iter().map(normalize).collect(), layout }
    }

    /// Saves each as a PNG, and says how they are called.
    fn save(&self, bench: &Bench, name: &str) -> Vec<String> {
        let shape = self.layout.shape();
        let save = |(number, canvas): (usize, &Vec<u8>)| {
            let file = format!("{name}-{number}.png");
            let image =
                GrayImage::from_raw(shape.width() as u32, shape.height() as u32, canvas.clone()).unwrap();
            image.save(bench.path(&file)).unwrap();
            file
        };
        self.canvases.iter().enumerate().map(save).collect()
    }

    /// Writes to the exported folder `name` what the program computes, and gives what it writes.
    fn compute(&self, bench: &Bench, name: &str, model: &Seq2Seq) -> Vec<Transcript> {
        let (cases, shape) = (bench.path(&format!("{name}/cases")), self.layout.shape());
        fs::create_dir(&cases).unwrap();
        let (mut transcripts, mut tokens, mut logits) = (Vec::new(), Vec::new(), Vec::new());
        for images in self.images.chunks(PICTURES * shape.pixels()) {
            let count = images.len() / shape.pixels();
            let images =
                Tensor::from_slice(images, (count, shape.height(), shape.width()), &Device::Cpu).unwrap();
            let read = transcribe(model, &images).unwrap();
            let length = model.config().max_tokens();
            let sequence = |read: &Transcript| {
                let written = read.tokens.iter().copied().chain(std::iter::repeat(FINISH));
                std::iter::once(START).chain(written).take(length).collect::<Vec<_>>()
            };
            let given: Vec<u32> = read.iter().flat_map(sequence).collect();
            let given_tokens = Tensor::from_slice(&given, (count, length), &Device::Cpu).unwrap();
            let computed = model.forward(&images, &given_tokens).unwrap().flatten_all().unwrap();
            logits.extend(computed.to_vec1::<f32>().unwrap().into_iter().flat_map(f32::to_le_bytes));
            tokens.extend(given.into_iter().flat_map(|token| i64::from(token).to_le_bytes()));
            transcripts.extend(read);
        }
        fs::write(cases.join("pixels.u8"), self.canvases.concat()).unwrap();
        fs::write(cases.join("tokens.i64"), tokens).unwrap();
        fs::write(cases.join("logits.f32"), logits).unwrap();
        transcripts
    }
}

/// What a transcript says.
fn digits(transcript: &Transcript) -> String {
    let before_finish = transcript.tokens.iter().take_while(|&&token| token != FINISH);
    before_finish.filter(|&&token| token < START).map(ToString::to_string).collect()
}

/// Whether the program's two likeliest tokens are as likely where `theirs` begins to differ.
fn is_tie(ours: &Transcript, theirs: &str) -> bool {
    let text = digits(ours);
    let place = text.chars().zip(theirs.chars()).take_while(|(a, b)| a == b).count();
    let mut logits = ours.logits[place.min(ours.logits.len() - 1)].clone();
    logits.sort_by(|a, b| b.total_cmp(a));
    logits[0] - logits[1] < TIE
}

/// Exports both built-in models in this form, and holds what `script` reads in PNG files against what the program reads.
fn reads_what_the_program_reads(bench: &Bench, python: &OsString, script: &str) {
    let grid = Recognizer::built_in(&Device::Cpu).unwrap();
    let line = Recognizer::built_in_line(&Device::Cpu).unwrap();
    for (name, recognizer) in [("grid", grid), ("line", line)] {
        let pictures = Pictures::new(recognizer.layout(), PICTURES);
        let views: Vec<&[u8]> = pictures.canvases.iter().map(Vec::as_slice).collect();
        let readings = recognizer.read_canvases(&views).unwrap();
        let mut command = Command::new(python);
        command.arg(bench.path(&format!("{name}/{script}"))).args(pictures.save(bench, name));
        let read = stdout(command.current_dir(bench.path("")));
        assert_eq!(read.lines().count(), PICTURES);
        let others: Vec<_> =
            read.lines().zip(&readings).filter(|(theirs, ours)| **theirs != ours.digits).collect();
        assert!(others.len() <= TIES[0], "{name}: {others:?}");
    }
}

#[test]
fn onnxruntime_reads_what_the_program_reads() {
    let bench = Bench::new();
    bench.done("export --format onnx --out grid --check");
    bench.done("export --format onnx --model line --out line");
    let preprocessor = String::from_utf8(bench.read("line/preprocessor_config.json")).unwrap();
    let preprocessor: Value = serde_json::from_str(&preprocessor).unwrap();
    assert_eq!((&preprocessor["size"]["width"], &preprocessor["max_digits"]), (&224.into(), &8.into()));
    assert!(fs::metadata(bench.path("grid/encoder_model.onnx")).unwrap().len() > 600_000);
    match python(ONNX) {
        Ok(python) => reads_what_the_program_reads(&bench, &python, "run_onnx.py"),
        Err(why) => eprintln!("{why}"),
    }
}

#[test]
fn pytorch_reads_what_the_program_reads() {
    let python = match python(TORCH) {
        Ok(python) => python,
        Err(why) => return eprintln!("{why}"),
    };
    let bench = Bench::new();
    bench.done("export --format hf --out grid");
    bench.done("export --format hf --model line --out line");
    reads_what_the_program_reads(&bench, &python, "modeling_mnist2x2.py");
}

/// Models with seeded random weights: the 4 x 4 preset, and others that have what it has not.
fn random_models() -> Vec<(&'static str, Config)> {
    let scattered = config_for(Config::tiny_with_stem(), "scatter:4".parse().unwrap());
    let scattered = Config { patch_width: 14, ..scattered };
    vec![
        ("4x4", Config::reference_4x4()),
        ("fine", Config::fine()),
        ("tiny", Config::tiny()),
        ("scatter", scattered),
    ]
}

#[test]
fn python_computes_what_the_program_computes() {
    let pythons = [("torch", python(TORCH)), ("onnx", python(ONNX))];
    for why in pythons.iter().filter_map(|(_, python)| python.as_ref().err()) {
        eprintln!("{why}");
    }
    if pythons.iter().all(|(_, python)| python.is_err()) {
        return;
    }
    let bench = Bench::new();
    let mut models = Vec::new();
    for (name, model, count) in [("grid", "", 10_000), ("line", "--model line", 1_000)] {
        bench.done(&format!("export --format hf --out {name} {model}"));
        models.push((name, if is_full() { count } else { PICTURES }));
    }
    for (name, config) in random_models() {
        let parameters = Parameters::init(&config, 7, &Device::Cpu).unwrap();
        mnist2x2::save(&parameters, &bench.path(&format!("{name}.model"))).unwrap();
        bench.done(&format!("export --format hf --model {name}.model --out {name}"));
        models.push((name, 20));
    }
    let written = models.iter().map(|&(name, count)| {
        let recognizer = Recognizer::load(&bench.path(name), &Device::Cpu).unwrap();
        Pictures::new(recognizer.layout(), count).compute(&bench, name, recognizer.model())
    });
    let written: Vec<Vec<Transcript>> = written.collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/compare_exports.py");
    for (kind, python) in pythons {
        let Ok(python) = python else { continue };
        let mut command = Command::new(&python);
        command.args([script, kind]).args(models.iter().map(|(name, _)| name)).current_dir(bench.path(""));
        let said = stdout(&mut command);
        assert_eq!(said.lines().count(), models.len());
        for (((name, count), ours), line) in models.iter().zip(&written).zip(said.lines()) {
            let theirs: Value = serde_json::from_str(line).unwrap();
            let difference = theirs["difference"].as_f64().unwrap();
            let read: Vec<&str> =
                theirs["digits"].as_array().unwrap().iter().map(|read| read.as_str().unwrap()).collect();
            assert_eq!(read.len(), *count);
            let others: Vec<_> =
                ours.iter().zip(read).filter(|(ours, theirs)| digits(ours) != *theirs).collect();
            println!(
                "{kind}, {name}: {} of {count} read otherwise, logits differ by up to {difference:.1e}",
                others.len()
            );
            assert!(difference <= LOGITS, "{kind}, {name}: {difference}");
            assert!(others.len() <= TIES[1], "{kind}, {name}: {others:?}");
            assert!(others.iter().all(|(ours, theirs)| is_tie(ours, theirs)), "{kind}, {name}: {others:?}");
        }
    }
}

/// The card in a folder, which must be filled in.
fn card(bench: &Bench, folder: &str) -> String {
    let card = String::from_utf8(bench.read(&format!("{folder}/README.md"))).unwrap();
    assert!(card.starts_with("---\n") && !card.contains(['{', '}']), "{card}");
    card
}

#[test]
fn a_hugging_face_folder_is_the_model_and_says_what_is_known() {
    let bench = Bench::new();
    let said = bench.done("export --format hf --out it --check --data-dir mnist");
    assert!(
        said.stdout.starts_with("sequence accuracy ") && said.stdout.contains(" of 40)"),
        "{}",
        said.stdout
    );
    assert!(said.stderr.contains("checked: sizes, weights and calibration"), "{}", said.stderr);
    let built_in = bench.done("info --json").json().remove(0);
    let again = bench.done("info --json --model it").json().remove(0);
    for field in ["sha256", "config", "temperature", "parameters"] {
        assert_eq!(built_in[field], again[field], "{field}");
    }
    let text = card(&bench, "it");
    let digest = built_in["sha256"].as_str().unwrap();
    for expected in ["license: mit\n", "pipeline_tag: ", "model-index:\n", "name: sequence accuracy", digest]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let record: RunRecord = toml::from_str(Recognizer::BUILT_IN_RECORD).unwrap();
    assert!(text.contains(&record.data.images_sha256) && text.contains(&record.teachers[0].sha256), "{text}");
    let config: Value = serde_json::from_slice(&bench.read("it/config.json")).unwrap();
    assert_eq!(config["format"], 1);
    assert_eq!(bench.names("it/onnx").len(), 4);
    // A copy of the copy is the same, but for what the card says of its origin.
    bench.done("export --format hf --model it --out next");
    for name in bench.names("it").iter().filter(|name| !["README.md", "onnx"].contains(&name.as_str())) {
        assert_eq!(bench.read(&format!("it/{name}")), bench.read(&format!("next/{name}")), "{name}");
    }
}

#[test]
fn a_card_has_no_figure_that_was_not_counted() {
    let bench = Bench::new();
    let parameters = Parameters::init(&Config::tiny(), 3, &Device::Cpu).unwrap();
    mnist2x2::save(&parameters, &bench.path("own")).unwrap();
    let said = bench.done("export --format hf --model own --out plain --check").stderr;
    assert!(said.contains("not scored: there is no MNIST here"), "{said}");
    let text = card(&bench, "plain");
    assert!(!text.contains("model-index") && !text.contains("license:"), "{text}");
    for expected in ["No figures came with it", "Nobody recorded it", "has not said under which license"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let counted = bench.done("eval --json --model own --data-dir mnist").stdout;
    fs::write(bench.path("counted.json"), &counted).unwrap();
    bench.done("export --format hf --model own --out told --evaluation counted.json --license cc0-1.0 --check --data-dir mnist");
    let (text, counted) = (card(&bench, "told"), serde_json::from_str::<Value>(&counted).unwrap());
    let right = format!("({} of 40)", counted["sequences_correct"]);
    assert!(
        text.contains(&right) && text.contains("model-index:\n") && text.contains("license: cc0-1.0\n"),
        "{text}"
    );
    let message = bench.fails(1, "export --format hf --out other --evaluation counted.json");
    assert!(
        message.contains("counted.json is about the model with SHA-256") && !bench.path("other").exists(),
        "{message}"
    );
    fs::write(bench.path("own/evaluation.json"), "{}").unwrap();
    let message = bench.fails(1, "export --format hf --model own --out other");
    assert!(message.contains("evaluation.json is not what `eval --json` prints"), "{message}");
    let run = bench.run("export --format onnx --model own --out other --evaluation counted.json");
    assert!(run.code == 2 && run.stderr.contains("needs '--format hf'"), "{}", run.stderr);
    assert!(!bench.path("other").exists());
}

#[test]
fn a_run_is_exported_with_its_record_and_without_its_paths() {
    let bench = Bench::new();
    mnist2x2::save(&Parameters::init(&Config::tiny(), 3, &Device::Cpu).unwrap(), &bench.path("run")).unwrap();
    let data = DataRecord {
        dataset: "own".into(),
        images_sha256: "1f".repeat(32),
        folder: Some("somewhere/private".into()),
        ..DataRecord::default()
    };
    let record = RunRecord::new(Config::tiny(), Recipe { seed: 77, ..Recipe::default() }, data);
    fs::write(bench.path("run/run.toml"), toml::to_string(&record).unwrap()).unwrap();
    let validation = r#""validation":{"loss":0.5,"sequence_accuracy":0.4375,"digit_accuracy":0.75}"#;
    let epoch =
        format!(r#"{{"epoch":1,"steps":2,"loss":0.5,"seconds":1.0,"grids_per_second":9.0,{validation}}}"#);
    fs::write(bench.path("run/metrics.jsonl"), epoch + "\n").unwrap();
    bench.done("export --format hf --model run --out it");
    let text = card(&bench, "it");
    for expected in [&*"1f".repeat(32), "seed 77", "epoch by epoch: 43.75 %", "recipe `default`"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let exported = RunRecord::read(&bench.path("it")).unwrap();
    assert!(exported.data.is_same_as(&record.data) && exported.recipe == record.recipe);
    for name in bench.names("it").iter().filter(|name| *name != "onnx") {
        assert!(!String::from_utf8_lossy(&bench.read(&format!("it/{name}"))).contains("private"), "{name}");
    }
}
