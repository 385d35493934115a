//! Pictures of MNIST's digits, read as anybody's picture is, give what the digits themselves give.

use std::io::Cursor;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageFormat};
use mnist2x2::data::mnist::{self, Split};
use mnist2x2::data::{Digits, GridShape, reference, stitch_u8};
use mnist2x2::{Device, ModelInput, Picture, Recognizer};

const SHAPE: GridShape = GridShape { rows: 2, cols: 2 };
/// Training digits that were held out, and grids of them.
const DIGITS: usize = 5_000;
const GRIDS: usize = 400;
/// 0.3 % of the grids.
const TOLERANCE: usize = 1;

/// Each grid and its digits.
fn grids(digits: &Digits) -> Vec<(GrayImage, String)> {
    let map = reference::grids(DIGITS as u32, GRIDS, SHAPE.cells());
    let grid = |i| {
        let mut greys = vec![0; SHAPE.pixels()];
        stitch_u8(digits, map.grid(i), SHAPE, &mut greys);
        let label = map.grid(i).iter().map(|&k| char::from(b'0' + digits.label(k as usize))).collect();
        (GrayImage::from_raw(56, 56, greys).unwrap(), label)
    };
    (0..GRIDS).map(grid).collect()
}

fn png(grid: &GrayImage, side: u32, filter: FilterType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = imageops::resize(grid, side, side, filter);
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    bytes
}

#[test]
fn mnist_grids_read_from_pictures_are_read_as_well_as_from_the_digits() {
    let Some(dir) = std::env::var_os("MNIST_DIR") else {
        eprintln!("skipped: MNIST_DIR does not name a folder with MNIST");
        return;
    };
    let digits = mnist::load(Path::new(&dir), Split::Train).unwrap().split_last(DIGITS).1;
    let grids = grids(&digits);
    let recognizer = Recognizer::built_in(&Device::Cpu).unwrap();
    let right = |read: &dyn Fn(&GrayImage) -> String| {
        grids.iter().filter(|(grid, label)| read(grid) == *label).count()
    };
    let plain = |grid: &GrayImage| ModelInput::resized(&Picture::new(&grid.clone().into()), SHAPE);
    let as_they_are = right(&|grid| recognizer.read_input(&plain(grid)).unwrap().digits);
    assert!(as_they_are > GRIDS * 95 / 100, "{as_they_are} of {GRIDS}");
    for (side, filter) in
        [(56, FilterType::Nearest), (560, FilterType::Nearest), (560, FilterType::CatmullRom)]
    {
        let read = right(&|grid| recognizer.read_bytes(&png(grid, side, filter)).unwrap().digits);
        let difference = read.abs_diff(as_they_are);
        assert!(difference <= TOLERANCE, "{side} pixels, {filter:?}: {read} instead of {as_they_are}");
    }
}
