//! `export`: what other programs make of our models.

use std::process::Command;
use std::{env, fs};

use image::GrayImage;
use mnist2x2::data::mnist::Split;
use mnist2x2::data::{GridSource, Layout, Loader, denormalize, synthetic};
use mnist2x2::{Device, Recognizer};

use crate::support::Bench;

/// Pictures that both read.
const PICTURES: usize = 500;
/// How many may be read otherwise, because two tokens are as likely.
const TIES: usize = 1;

/// Writes pictures of this layout, and says what `recognizer` reads in them.
fn draw(bench: &Bench, name: &str, recognizer: &Recognizer, layout: Layout) -> (Vec<String>, Vec<String>) {
    let digits = synthetic::digits(Split::Test, 1_000, 0);
    let source = GridSource::Fresh { grids: PICTURES };
    let batch = Loader::new(digits.into(), source, layout, PICTURES, 5).unwrap().in_order().batch(0);
    let shape = layout.shape();
    let canvases: Vec<Vec<u8>> = batch
        .images
        .chunks_exact(shape.pixels())
        .map(|image| image.iter().map(|&value| denormalize(value)).collect())
        .collect();
    let readings = recognizer.read_canvases(&canvases.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    let save = |(number, canvas): (usize, Vec<u8>)| {
        let file = format!("{name}-{number}.png");
        let image = GrayImage::from_raw(shape.width() as u32, shape.height() as u32, canvas).unwrap();
        image.save(bench.path(&file)).unwrap();
        file
    };
    let files = canvases.into_iter().enumerate().map(save).collect();
    (files, readings.into_iter().map(|reading| reading.digits).collect())
}

#[test]
fn onnxruntime_reads_what_the_program_reads() {
    let bench = Bench::new();
    bench.done("export --format onnx --out grid");
    bench.done("export --format onnx --model line --out line");
    let preprocessor = String::from_utf8(bench.read("line/preprocessor_config.json")).unwrap();
    let preprocessor: serde_json::Value = serde_json::from_str(&preprocessor).unwrap();
    assert_eq!((&preprocessor["size"]["width"], &preprocessor["max_digits"]), (&224.into(), &8.into()));
    assert!(fs::metadata(bench.path("grid/encoder_model.onnx")).unwrap().len() > 600_000);
    let Some(python) = env::var_os("ONNX_PYTHON") else {
        eprintln!(
            "onnxruntime is not asked: ONNX_PYTHON names no Python that has it (pip install onnxruntime numpy pillow)"
        );
        return;
    };
    let grid = Recognizer::built_in(&Device::Cpu).unwrap();
    let line = Recognizer::built_in_line(&Device::Cpu).unwrap();
    for (name, recognizer) in [("grid", grid), ("line", line)] {
        let (files, expected) = draw(&bench, name, &recognizer, recognizer.layout());
        let mut command = Command::new(&python);
        command.arg(bench.path(&format!("{name}/run_onnx.py"))).args(files).current_dir(bench.path(""));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = String::from_utf8(output.stdout).unwrap();
        assert_eq!(read.lines().count(), PICTURES);
        let others: Vec<_> = read.lines().zip(&expected).filter(|(theirs, ours)| theirs != ours).collect();
        assert!(others.len() <= TIES, "{name}: {others:?}");
    }
}
