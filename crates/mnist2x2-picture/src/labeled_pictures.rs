//! A folder of pictures of one digit each, whose labels are the names of folders (`7/any.png`) or begin the names of files
//! (`7_any.png`).

use std::fs;
use std::path::{Path, PathBuf};

use mnist2x2_data::mnist::Split;
use mnist2x2_data::{Digits, GridShape};

use crate::{Error, ModelInput, Picture};

/// How folders of training pictures, and of test pictures, are called.
pub(crate) const SPLITS: [[&str; 2]; 2] = [["train", "training"], ["test", "testing"]];
/// The most pictures that are read.
const MAX_PICTURES: usize = 240_000;
/// The endings of pictures that are read, as [`Picture::open`] reads them.
const READ: [&str; 8] = ["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff"];
/// Those of pictures that are not.
const NOT_READ: [&str; 4] = ["heic", "heif", "avif", "svg"];

/// The folder with the pictures of `split` in `path`, which is that folder itself if it is not divided; nothing if there
/// are no labeled pictures.
pub(crate) fn folder(path: &Path, split: Split) -> Option<PathBuf> {
    let has_digits =
        |folder: &PathBuf| entries(folder).is_ok_and(|all| all.iter().any(|it| label(it).is_some()));
    let named =
        |split: Split| SPLITS[split as usize].map(|name| path.join(name)).into_iter().find(has_digits);
    let is_divided = [Split::Train, Split::Test].into_iter().any(|split| named(split).is_some());
    if is_divided { named(split) } else { Some(path.into()).filter(has_digits) }
}

/// The digits of all pictures in `folder`, in an order that depends on their names alone.
///
/// # Errors
/// [`Error::Labeled`] names a picture that has no label, cannot be read, or shows no digit.
pub(crate) fn read(folder: &Path) -> Result<Digits, Error> {
    let bad = |path: &Path, problem: &str| Error::Labeled { path: path.into(), problem: problem.into() };
    let mut pictures = Vec::new();
    for entry in entries(folder)? {
        match (entry.is_dir(), label(&entry)) {
            (true, Some(label)) => {
                pictures.extend(entries(&entry)?.into_iter().map(|path| (path, Some(label))));
            }
            (true, None) => {}
            (false, label) => pictures.push((entry, label)),
        }
        if pictures.len() > MAX_PICTURES {
            return Err(bad(folder, "holds more pictures than are read; the most is 240,000"));
        }
    }
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for (path, label) in &pictures {
        if has_ending(path, &NOT_READ) {
            return Err(bad(path, "is no PNG, JPEG, WebP, BMP, GIF or TIFF; convert it, or take it away"));
        }
        if !has_ending(path, &READ) {
            continue; // Notes, and what file managers leave.
        }
        let label =
            label.ok_or_else(|| bad(path, "has no label; call it 7_name.png, or put it into a folder 7"))?;
        pixels.extend(digit(path).map_err(|error| bad(path, &error.to_string()))?);
        labels.push(label);
    }
    // Sorted by label, the last ones would be of one kind, and those are held out.
    Ok(Digits::new(pixels, labels)?.shuffled(0))
}

/// The one digit of a picture, in MNIST's look.
fn digit(path: &Path) -> Result<impl Iterator<Item = u8>, Error> {
    let input = ModelInput::from_picture(&Picture::open(path)?, GridShape { rows: 1, cols: 1 });
    if input.empty()[0] {
        Err(Error::Image("no digit is found in it".into()))
    } else {
        Ok(input.cell(0).into_iter())
    }
}

/// What a folder holds, in the order of its names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Io { path: folder.into(), source };
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

/// The digit that a folder is called by, or that begins a picture's name.
fn label(path: &Path) -> Option<u8> {
    let name = path.file_name()?.to_str()?;
    let (digit, rest) = name.split_at_checked(1)?;
    let is_label = if path.is_dir() {
        rest.is_empty()
    } else {
        rest.starts_with(['_', '-', '.']) && has_ending(path, &READ)
    };
    digit.parse().ok().filter(|_| is_label)
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default();
    endings.iter().any(|ending| extension.eq_ignore_ascii_case(ending))
}
