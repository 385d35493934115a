//! Readers of digits (MNIST's files, pen strokes, pictures), and good bytes for each: small, and made here from the
//! project's own digits.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use image::{GrayImage, ImageFormat};
use mnist2x2_corrections::Correction;
use mnist2x2_data::download::{Source, download_pendigits};
use mnist2x2_data::mnist::Split;
use mnist2x2_data::{GridShape, SIDE, Strokes, idx, mnist, pendigits, stitch_u8, synthetic};
use mnist2x2_picture::{Dataset, Drawing, ModelInput, Picture};

use crate::files::with_files;

const SHAPE: GridShape = GridShape { rows: 2, cols: 2 };
/// Digits in a seed.
const COUNT: usize = 3;
/// So many times three bytes, and one more, are the pixels of four digits.
const COUNT_FOUND: usize = 4 * 28 * 28 / 3;

/// An unpacked file of images or labels.
pub(crate) fn idx(bytes: &[u8]) {
    with_files(&[("digits", bytes)], |folder| {
        for kind in [idx::Kind::Images, idx::Kind::Labels, idx::Kind::Writers] {
            idx::read(&folder.join("digits"), kind).ok();
        }
    });
}

pub(crate) fn idx_seeds() -> Vec<Vec<u8>> {
    vec![images(), labels()]
}

/// A gzipped file of images beside a good one of labels.
pub(crate) fn gzip(bytes: &[u8]) {
    let [images_file, labels_file] = Split::Train.files().map(|file| file.name);
    with_files(&[(&format!("{images_file}.gz"), bytes), (labels_file, &labels())], |folder| {
        mnist::load(folder, Split::Train).ok();
    });
}

/// Packed and as they are: the reader takes both under one name.
pub(crate) fn gzip_seeds() -> Vec<Vec<u8>> {
    let packed = [Compression::best(), Compression::none()].map(|level| {
        let mut encoder = GzEncoder::new(Vec::new(), level);
        encoder.write_all(&images()).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    });
    packed.into_iter().chain([images()]).collect()
}

/// A file that names the writers of good digits.
pub(crate) fn writers(bytes: &[u8]) {
    let [images_file, labels_file] = Split::Train.files().map(|file| file.name);
    let files =
        [(images_file, images()), (labels_file, labels()), (Split::Train.writers().name, bytes.into())];
    let files = files.each_ref().map(|(name, bytes)| (format!("writers/{name}"), bytes.as_slice()));
    with_files(&files.each_ref().map(|(name, bytes)| (name.as_str(), *bytes)), |folder| {
        mnist::load(&folder.join("writers"), Split::Train).map(|digits| digits.split_writers(3)).ok();
    });
}

pub(crate) fn writers_seeds() -> Vec<Vec<u8>> {
    let digits = synthetic::digits(Split::Train, COUNT, 0);
    let rows =
        (0..COUNT).flat_map(|index| [usize::from(digits.label(index)), 4, 100 + index, 1, 30, 7, 0, 0]);
    let words: Vec<usize> = [0xc02, COUNT, 8].into_iter().chain(rows).collect();
    vec![header(&words)]
}

/// A table of digits.
pub(crate) fn csv(bytes: &[u8]) {
    with_files(&[("csv/train.csv", bytes)], |folder| {
        Dataset::find(&folder.join("csv")).and_then(|dataset| dataset.load(Split::Train)).ok();
    });
}

pub(crate) fn csv_seeds() -> Vec<Vec<u8>> {
    let digits = synthetic::digits(Split::Train, COUNT, 0);
    let line = |index: usize| {
        let grays: Vec<String> = digits.image(index).iter().map(ToString::to_string).collect();
        format!("{},{}\n", digits.label(index), grays.join(","))
    };
    let lines: Vec<String> = (0..COUNT).map(line).collect();
    vec![lines.concat().into(), format!("label,pixel0\n{}", lines.concat()).into()]
}

/// Pen strokes in the UNIPEN format, drawn if they can be read.
pub(crate) fn unipen(bytes: &[u8]) {
    with_files(&[("pens", bytes)], |folder| {
        let digits = pendigits::read(&folder.join("pens")).map(|pens| pens.digits).unwrap_or_default();
        for digit in digits {
            digit.strokes.rasterize(Strokes::MNIST_WIDTH);
        }
    });
}

pub(crate) fn unipen_seeds() -> Vec<Vec<u8>> {
    let text = ".VERSION 1.0\n.DATA_SOURCE ours\n.COORD X Y\n.SEGMENT DIGIT 0-1 ? \"7\"\n.COMMENT 7 1 18\n.PEN_DOWN\n \
                120 410\n 305 402\n 199 97\n.PEN_UP\n.PEN_DOWN\n 140 250\n 260 255\n.PEN_UP\n.SEGMENT DIGIT 2 ? \"1\"\n\
                .COMMENT 1 30 19\n.PEN_DOWN\n 250 400\n 250 100\n.PEN_UP\n.DT 100\n";
    vec![text.into()]
}

/// A file packed by `compress`.
pub(crate) fn compress(bytes: &[u8]) {
    with_files(&[("pendigits-orig.tra.Z", bytes)], |folder| {
        download_pendigits(&folder.join("to"), &Source::Dir(folder.into()), &mut |_| ()).ok();
    });
}

/// Codes of 9 bits in all sorts of files: nothing but literals needs no encoder.
pub(crate) fn compress_seeds() -> Vec<Vec<u8>> {
    [0x90_u8, 0x8c, 0x10]
        .map(|flags| [&[0x1f, 0x9d, flags], nine_bits(&unipen_seeds()[0]).as_slice()].concat())
        .into()
}

/// Strokes as JSON, drawn if they can be read.
pub(crate) fn strokes(bytes: &[u8]) {
    let Ok(strokes) = serde_json::from_slice::<Strokes>(bytes) else { return };
    strokes.rasterize(Strokes::MNIST_WIDTH);
    if let Ok(drawing) = Drawing::new(strokes, 56.0, 56.0) {
        ModelInput::from_drawing(&drawing, SHAPE);
    }
}

pub(crate) fn strokes_seeds() -> Vec<Vec<u8>> {
    vec!["[[[1, 2.5], [7e0, 2], [3, 11.25]], [], [[2.5, -6.0], [6, 6.5]]]".into()]
}

/// A correction as JSON.
pub(crate) fn correction(bytes: &[u8]) {
    if let Ok(correction) = serde_json::from_slice::<Correction>(bytes) {
        correction.check().ok();
    }
}

pub(crate) fn correction_seeds() -> Vec<Vec<u8>> {
    let correction = |drawing: &str| {
        let model = "ab".repeat(32);
        format!(
            r#"{{"key": "a-1", "time": 1700000000000, "model": "{model}", "read": "12_4", "right": "1234", {drawing}}}"#
        )
    };
    let picture = r#""picture": "iVBORw0KGgo=", "source": "a test""#;
    let found = format!(r#""found": "{}AQ==""#, "AQEB".repeat(COUNT_FOUND));
    [r#""strokes": [[[1, 2]]]"#, picture, &found].map(|drawing| correction(drawing).into()).into()
}

/// A PNG or JPEG.
pub(crate) fn picture(bytes: &[u8]) {
    if let Ok(picture) = Picture::from_bytes(bytes) {
        ModelInput::from_picture(&picture, SHAPE);
    }
}

pub(crate) fn picture_seeds() -> Vec<Vec<u8>> {
    let mut pixels = vec![0; SHAPE.pixels()];
    stitch_u8(&synthetic::digits(Split::Test, 4, 0), &[0, 1, 2, 3], SHAPE, &mut pixels);
    let image = GrayImage::from_raw(56, 56, pixels).expect("as many pixels as that");
    let packed = |format| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).expect("memory takes all");
        bytes.into_inner()
    };
    vec![packed(ImageFormat::Png), packed(ImageFormat::Jpeg)]
}

fn images() -> Vec<u8> {
    let digits = synthetic::digits(Split::Train, COUNT, 0);
    let pixels = (0..COUNT).flat_map(|index| digits.image(index).to_vec());
    header(&[0x803, COUNT, SIDE, SIDE]).into_iter().chain(pixels).collect()
}

fn labels() -> Vec<u8> {
    let digits = synthetic::digits(Split::Train, COUNT, 0);
    header(&[0x801, COUNT]).into_iter().chain((0..COUNT).map(|index| digits.label(index))).collect()
}

fn header(words: &[usize]) -> Vec<u8> {
    words.iter().flat_map(|&word| (word as u32).to_be_bytes()).collect()
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
