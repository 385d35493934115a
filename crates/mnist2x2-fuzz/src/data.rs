//! Readers of digits: MNIST's files, pen strokes, pictures.

use mnist2x2_corrections::Correction;
use mnist2x2_data::download::{Source, download_pendigits};
use mnist2x2_data::mnist::Split;
use mnist2x2_data::{GridShape, Strokes, idx, mnist, pendigits};
use mnist2x2_picture::{Drawing, ModelInput, Picture};

use crate::scratch::with_files;
use crate::seeds;

const SHAPE: GridShape = GridShape { rows: 2, cols: 2 };

/// An unpacked file of images or labels.
pub(crate) fn idx(bytes: &[u8]) {
    with_files(&[("digits", bytes)], |folder| {
        for kind in [idx::Kind::Images, idx::Kind::Labels] {
            idx::read(&folder.join("digits"), kind).ok();
        }
    });
}

/// A gzipped file of images beside a good one of labels.
pub(crate) fn gzip(bytes: &[u8]) {
    let [images, labels] = Split::Train.files().map(|file| file.name);
    let packed = format!("{images}.gz");
    with_files(&[(&packed, bytes), (labels, &seeds::labels())], |folder| {
        mnist::load(folder, Split::Train).ok();
    });
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

/// A file packed by `compress`.
pub(crate) fn compress(bytes: &[u8]) {
    with_files(&[("pendigits-orig.tra.Z", bytes)], |folder| {
        download_pendigits(&folder.join("to"), &Source::Dir(folder.into()), &mut |_| ()).ok();
    });
}

/// Strokes as JSON, drawn if they can be read.
pub(crate) fn strokes(bytes: &[u8]) {
    let Ok(strokes) = serde_json::from_slice::<Strokes>(bytes) else { return };
    strokes.rasterize(Strokes::MNIST_WIDTH);
    if let Ok(drawing) = Drawing::new(strokes, 56.0, 56.0) {
        ModelInput::from_drawing(&drawing, SHAPE);
    }
}

/// A correction as JSON.
pub(crate) fn correction(bytes: &[u8]) {
    if let Ok(correction) = serde_json::from_slice::<Correction>(bytes) {
        correction.check().ok();
    }
}

/// A PNG or JPEG.
pub(crate) fn picture(bytes: &[u8]) {
    if let Ok(picture) = Picture::from_bytes(bytes) {
        ModelInput::from_picture(&picture, SHAPE);
    }
}
