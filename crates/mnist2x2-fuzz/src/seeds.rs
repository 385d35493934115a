//! Good bytes of each kind, to begin with: small, and made here from the project's own digits.

use std::io::{Cursor, Write};
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use image::{GrayImage, ImageFormat};
use mnist2x2_data::mnist::Split;
use mnist2x2_data::{GridShape, SIDE, stitch_u8, synthetic};
use mnist2x2_formats::to_safetensors;
use mnist2x2_infer::{Calibration, Temperature};
use mnist2x2_model::{Config, Device, Parameters};
use mnist2x2_train::{Checkpoint, DataRecord, Position, Recipe, RunRecord};

use crate::model::RUN;
use crate::scratch::with_files;

/// Digits in a seed.
const COUNT: usize = 3;

fn header(words: &[usize]) -> Vec<u8> {
    words.iter().flat_map(|&word| (word as u32).to_be_bytes()).collect()
}

fn images() -> Vec<u8> {
    let digits = synthetic::digits(Split::Train, COUNT, 0);
    let pixels = (0..COUNT).flat_map(|index| digits.image(index).to_vec());
    header(&[0x803, COUNT, SIDE, SIDE]).into_iter().chain(pixels).collect()
}

pub(crate) fn labels() -> Vec<u8> {
    let digits = synthetic::digits(Split::Train, COUNT, 0);
    header(&[0x801, COUNT]).into_iter().chain((0..COUNT).map(|index| digits.label(index))).collect()
}

pub(crate) fn idx() -> Vec<Vec<u8>> {
    vec![images(), labels()]
}

/// Packed and as they are: the reader takes both under one name.
pub(crate) fn gzip() -> Vec<Vec<u8>> {
    let packed = [Compression::best(), Compression::none()].map(|level| {
        let mut encoder = GzEncoder::new(Vec::new(), level);
        encoder.write_all(&images()).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    });
    packed.into_iter().chain([images()]).collect()
}

pub(crate) fn unipen() -> Vec<Vec<u8>> {
    let text = ".VERSION 1.0\n.DATA_SOURCE ours\n.COORD X Y\n.SEGMENT DIGIT 0-1 ? \"7\"\n.COMMENT 7 1 18\n.PEN_DOWN\n \
                120 410\n 305 402\n 199 97\n.PEN_UP\n.PEN_DOWN\n 140 250\n 260 255\n.PEN_UP\n.SEGMENT DIGIT 2 ? \"1\"\n\
                .COMMENT 1 30 19\n.PEN_DOWN\n 250 400\n 250 100\n.PEN_UP\n.DT 100\n";
    vec![text.into()]
}

/// Codes of 9 bits in all sorts of files: nothing but literals needs no encoder.
pub(crate) fn compress() -> Vec<Vec<u8>> {
    [0x90_u8, 0x8c, 0x10]
        .map(|flags| [&[0x1f, 0x9d, flags], nine_bits(&unipen()[0]).as_slice()].concat())
        .into()
}

fn nine_bits(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0; (9 * bytes.len()).div_ceil(8)];
    for (index, &byte) in bytes.iter().enumerate() {
        let [low, high] = (u16::from(byte) << (9 * index % 8)).to_le_bytes();
        let at = 9 * index / 8;
        packed[at] |= low;
        if let Some(next) = packed.get_mut(at + 1) {
            *next |= high;
        }
    }
    packed
}

/// The weights of [`Config::tiny`].
pub(crate) fn tiny_weights() -> &'static [u8] {
    static WEIGHTS: OnceLock<Vec<u8>> = OnceLock::new();
    WEIGHTS.get_or_init(|| {
        let parameters = Parameters::init(&Config::tiny(), 0, &Device::Cpu).expect("the sizes are right");
        to_safetensors(&parameters).expect("memory takes all")
    })
}

pub(crate) fn safetensors() -> Vec<Vec<u8>> {
    vec![tiny_weights().into()]
}

/// By PyTorch itself; see `make_tiny_pt.py` beside it.
pub(crate) fn pt() -> Vec<Vec<u8>> {
    vec![include_bytes!("../../mnist2x2-formats/tests/fixtures/tiny.pt").into()]
}

pub(crate) fn config() -> Vec<Vec<u8>> {
    let temperature = Temperature::new(1.25).expect("above 0");
    let calibration = Calibration { temperature, grids: 7, nll_before: 0.5, nll_after: 0.25 };
    let mut sizes = serde_json::json!(Config::tiny());
    sizes["format"] = 1.into();
    vec![sizes.to_string().into(), serde_json::json!(calibration).to_string().into()]
}

pub(crate) fn recipe() -> Vec<Vec<u8>> {
    let data = DataRecord {
        dataset: "mnist".into(),
        images_sha256: "0".repeat(64),
        labels_sha256: "1".repeat(64),
        strokes_sha256: None,
        folder: Some("data".into()),
        strokes: None,
    };
    let record = RunRecord::new(Config::tiny(), Recipe::recommended(0), data);
    let settings = "batch = 32\noptimiser.learning_rate = 1\n[augmentation]\nshift = 0.5";
    let [record, recipe] =
        [toml::to_string(&record), toml::to_string(&record.recipe)].map(|text| text.expect("TOML holds it"));
    vec![record.into(), recipe.into(), settings.into()]
}

pub(crate) fn checkpoint() -> Vec<Vec<u8>> {
    let ones = || vec![1.0; RUN.1];
    let position = Position { epoch: 1, step: 2, best_steps: Some(4), ..Position::default() };
    let checkpoint = Checkpoint {
        position,
        optimiser_steps: 6,
        values: ones(),
        first_moment: ones(),
        second_moment: ones(),
        average: ones(),
        best: vec![],
    };
    let bytes = with_files(&[], |folder| {
        let path = folder.join("seed");
        checkpoint.save(&path, RUN.0).map(|()| std::fs::read(path))
    });
    vec![bytes.ok().and_then(Result::ok).expect("the temporary folder can be written to")]
}

pub(crate) fn strokes() -> Vec<Vec<u8>> {
    vec!["[[[1, 2.5], [7e0, 2], [3, 11.25]], [], [[2.5, -6.0], [6, 6.5]]]".into()]
}

pub(crate) fn drawing() -> Vec<Vec<u8>> {
    let text = r#"{"cells": [[[[1, 2.5], [-30, 9]]], [], [[], [[5, 5]]], [[[1, 1], [9, 9]]]], "width": 30, "height": 40}"#;
    vec![text.into()]
}

pub(crate) fn correction() -> Vec<Vec<u8>> {
    let correction = |drawing: &str| {
        let model = "ab".repeat(32);
        format!(
            r#"{{"key": "a-1", "time": 1700000000000, "model": "{model}", "read": "12_4", "right": "1234", {drawing}}}"#
        )
    };
    let picture = r#""picture": "iVBORw0KGgo=", "source": "a test""#;
    vec![correction(r#""strokes": [[[1, 2]]]"#).into(), correction(picture).into()]
}

pub(crate) fn request() -> Vec<Vec<u8>> {
    let drawing = String::from_utf8(drawing().swap_remove(0)).expect("it is text");
    let post = |headers: &str, body: &str| {
        format!("POST /api/predict?seen=true HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}")
    };
    let length = drawing.len();
    let whole = post(
        &format!("Connection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"),
        &drawing,
    );
    let chunked = "Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n";
    let chunks = post(chunked, "4\r\n\u{7f}PNG\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n");
    let get =
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\nGET /api/model HTTP/1.0\r\n\r\n"
            .to_owned();
    [whole, chunks, get].map(String::into_bytes).into()
}

pub(crate) fn picture() -> Vec<Vec<u8>> {
    let shape = GridShape { rows: 2, cols: 2 };
    let mut pixels = vec![0; shape.pixels()];
    stitch_u8(&synthetic::digits(Split::Test, 4, 0), &[0, 1, 2, 3], shape, &mut pixels);
    let image = GrayImage::from_raw(56, 56, pixels).expect("as many pixels as that");
    let packed = |format| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).expect("memory takes all");
        bytes.into_inner()
    };
    vec![packed(ImageFormat::Png), packed(ImageFormat::Jpeg)]
}
