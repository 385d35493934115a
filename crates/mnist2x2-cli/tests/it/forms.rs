//! Weights and digits in the forms in which people have them.

use std::fs;
use std::path::Path;

use mnist2x2::data::mnist::Split;
use mnist2x2::data::synthetic;
use serde_json::{Map, Value};

use crate::support::Bench;

/// The built-in weights as a safetensors file whose tensors have other names.
fn weights(rename: impl Fn(&str) -> String) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mnist2x2-infer/model/model.safetensors");
    let bytes = fs::read(path).unwrap();
    let (length, rest) = bytes.split_first_chunk().unwrap();
    let (header, numbers) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: Map<String, Value> = serde_json::from_slice(header).unwrap();
    let renamed = header.into_iter().map(|(name, entry)| match name.as_str() {
        "__metadata__" => (name, entry),
        tensor => (rename(tensor), entry),
    });
    let header = serde_json::to_vec(&renamed.collect::<Map<_, _>>()).unwrap();
    [(header.len() as u64).to_le_bytes().as_slice(), &header, numbers].concat()
}

#[test]
fn what_was_done_to_read_weights_is_said_in_one_line() {
    let bench = Bench::new();
    bench.write_grid("grid.png");
    fs::write(bench.path("compiled.ckpt"), weights(|name| format!("_orig_mod.{name}"))).unwrap();
    fs::write(bench.path("plain.safetensors"), weights(str::to_owned)).unwrap();
    let plain = bench.done("predict --json --model plain.safetensors grid.png");
    assert_eq!(plain.stderr, "", "nothing was done");
    let run = bench.done("predict --json --model compiled.ckpt grid.png");
    assert_eq!(
        (run.stdout, run.stderr.trim_end()),
        (plain.stdout, "compiled.ckpt: took `_orig_mod.` off all names")
    );
    fs::create_dir(bench.path("hf")).unwrap();
    fs::write(bench.path("hf/model.safetensors"), weights(str::to_owned)).unwrap();
    let run = bench.done("predict --json --model hf grid.png");
    assert_eq!(run.stderr.trim_end(), "hf: it has no config.json; read with the published architecture");
    let wrong = weights(|name| if name.contains("norm1") { format!("x.{name}") } else { name.into() });
    fs::write(bench.path("wrong.pth"), wrong).unwrap();
    let error = bench.fails(1, "predict --model wrong.pth grid.png");
    assert!(error.contains("missing `") && error.contains("save the whole `model.state_dict()`"), "{error}");
    let error = bench.fails(1, "eval --model runs/nope --data-dir mnist");
    assert!(error.contains("runs/nope does not exist"), "{error}");
}

#[test]
fn digits_are_reported_and_recorded_as_what_they_are() {
    let bench = Bench::new();
    let run = bench.done("train --data-dir mnist --limit 8 --epochs 1 --no-test --out run");
    assert!(run.stderr.contains("1 epochs of grids of 2 x 2 own digits"), "{}", run.stderr);
    let record = String::from_utf8(bench.read("run/run.toml")).unwrap();
    assert!(record.contains("dataset = \"own\""), "{record}");
    assert!(bench.done("info --model run").stdout.contains("trained on own digits"));
}

#[test]
fn pictures_of_digits_are_a_data_set() {
    let bench = Bench::new();
    let digits = synthetic::digits(Split::Test, 40, 9);
    for i in 0..digits.len() {
        let folder = bench.path(&format!("pictures/{}", digits.label(i)));
        fs::create_dir_all(&folder).unwrap();
        let image = image::GrayImage::from_raw(28, 28, digits.image(i).to_vec()).unwrap();
        image.save(folder.join(format!("{i}.png"))).unwrap();
    }
    let eval = bench.done("eval --json --data-dir pictures").json().remove(0);
    assert_eq!((&eval["dataset"], &eval["sequences"]), (&"own".into(), &40.into()), "{eval}");
    let error = bench.fails(1, "train --data-dir pictures --limit 8 --epochs 1");
    assert!(error.contains("has no digits to test with; train with --no-test"), "{error}");
    fs::create_dir(bench.path("other")).unwrap();
    fs::write(bench.path("other/train.parquet"), "PAR1").unwrap();
    let error = bench.fails(1, "eval --data-dir other");
    assert!(error.contains("holds `train.parquet`") && error.contains("what is read: "), "{error}");
}

#[test]
fn inverted_digits_are_refused_unless_they_are_asked_for() {
    let bench = Bench::new();
    let path = bench.path("mnist/t10k-images-idx3-ubyte");
    let mut bytes = fs::read(&path).unwrap();
    bytes[16..].iter_mut().for_each(|gray| *gray = 255 - *gray);
    fs::write(&path, bytes).unwrap();
    let error = bench.fails(1, "eval --data-dir mnist");
    assert!(error.contains("dark on light paper") && error.contains("--as-is"), "{error}");
    bench.done("eval --data-dir mnist --as-is --json");
}
