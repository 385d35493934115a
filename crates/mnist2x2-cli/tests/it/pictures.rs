//! Pictures of MNIST's digits, read as anybody's picture is, give what the digits themselves give.

use std::io::Cursor;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageFormat, Luma};
use mnist2x2::data::mnist::{self, Split};
use mnist2x2::data::{Digits, GridShape, Point, StrokeRenderer, Strokes, reference, stitch_u8, synthetic};
use mnist2x2::{Arrangement, Device, Findings, ModelInput, Picture, Recognizer};

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
        let mut grays = vec![0; SHAPE.pixels()];
        stitch_u8(digits, map.grid(i), SHAPE, &mut grays);
        let label = map.grid(i).iter().map(|&k| char::from(b'0' + digits.label(k as usize))).collect();
        (GrayImage::from_raw(56, 56, grays).unwrap(), label)
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

/// Rows of 2 to 5 synthetic digits that overlap by a tenth of a digit, as large as in a photograph, and blank paper around them.
fn touching(count: usize) -> Vec<(Picture, String)> {
    let digits = synthetic::digits(Split::Test, 140, 3);
    let mut next = 0..140;
    let mut row = |count: usize| {
        let mut page = GrayImage::from_pixel(28 * 8, 56, Luma([0]));
        let (mut at, mut text) = (20, String::new());
        for digit in next.by_ref().take(count) {
            let image = digits.image(digit);
            let inked = |x: &usize| (0..28).any(|y| image[y * 28 + x] > 60);
            let columns: Vec<usize> = (0..28).filter(inked).collect();
            let (first, last) = (columns[0], columns[columns.len() - 1]);
            for (x, y) in (first..=last).flat_map(|x| (0..28).map(move |y| (x, y))) {
                let pixel = page.get_pixel_mut((at + x - first) as u32, 14 + y as u32);
                pixel.0[0] = pixel.0[0].max(image[y * 28 + x]);
            }
            at += (last - first).saturating_sub(1).max(1);
            text.push(char::from(b'0' + digits.label(digit)));
        }
        (imageops::resize(&page, 28 * 32, 56 * 4, FilterType::CatmullRom), text)
    };
    let rows = (0..count).map(|i| row(2 + i % 4));
    rows.map(|(page, text)| (Picture::new(&page.into()), text)).collect()
}

#[test]
fn digits_that_touch_in_a_row_are_read_one_after_the_other() {
    let recognizer = Recognizer::built_in(&Device::Cpu).unwrap();
    let rows = touching(40);
    let readings = rows.iter().map(|(picture, text)| (recognizer.read(picture).unwrap(), text));
    let (right, wrong): (Vec<_>, Vec<_>) = readings.partition(|(reading, text)| reading.digits == **text);
    assert!(right.len() >= 32, "{} of 40: {wrong:?}", right.len());
    assert!(wrong.iter().filter(|(reading, _)| reading.sure).count() <= 2, "{wrong:?}");
    assert!(
        right.iter().all(|(reading, text)| reading.cells.len() == text.len() && reading.layout == "line")
    );
}

/// So that people can correct them, and a model can learn them.
#[test]
fn digits_that_touch_are_cut_into_digits_that_are_read_alone() {
    let recognizer = Recognizer::built_in(&Device::Cpu).unwrap();
    let (mut digits, mut right) = (0, 0);
    for (picture, text) in touching(40) {
        let found = recognizer.find(&picture, Arrangement::Auto);
        if found.digits().count() > 1 {
            continue;
        }
        let parted = found.parted(|_| text.len());
        let alone = Findings::in_line(parted.digits().map(|digit| digit.pixels));
        let read = recognizer.read_findings(&[alone]).unwrap().swap_remove(0);
        digits += text.len();
        right += read.digits.chars().zip(text.chars()).filter(|(read, digit)| read == digit).count();
        let [end, start] = [&found, &parted].map(|found| found.digits().last().unwrap().bounds);
        assert_eq!(start[0] + start[2], end[0] + end[2], "the parts fill its place");
    }
    assert!(digits >= 50 && 10 * right >= 7 * digits, "{right} of {digits}");
}

/// One stroke after the other that no digit has, as large as a digit.
#[test]
fn what_is_no_digit_is_not_read_surely() {
    let recognizer = Recognizer::built_in(&Device::Cpu).unwrap();
    let star: Vec<Point> = (0..12)
        .map(|i| std::f32::consts::TAU * i as f32 * 5.0 / 12.0)
        .map(|a| [0.5 + 0.3 * a.cos(), 0.5 + 0.3 * a.sin()])
        .collect();
    let shapes: [Vec<Vec<Point>>; 5] = [
        vec![vec![[0.3, 0.2], [0.3, 0.8]], vec![[0.65, 0.2], [0.65, 0.8]], vec![[0.3, 0.5], [0.65, 0.5]]],
        vec![vec![[0.2, 0.75], [0.35, 0.2], [0.5, 0.75], [0.65, 0.2], [0.8, 0.75]]],
        vec![vec![[0.25, 0.25], [0.75, 0.75]], vec![[0.75, 0.25], [0.25, 0.75]]],
        vec![vec![[0.3, 0.8], [0.5, 0.2], [0.7, 0.8]], vec![[0.38, 0.6], [0.62, 0.6]]],
        vec![star],
    ];
    let canvas = StrokeRenderer::default();
    for (number, strokes) in shapes.into_iter().enumerate() {
        let strokes = Strokes::new(strokes).unwrap();
        let grays = canvas.render(&[Some(&strokes)], GridShape { rows: 1, cols: 1 });
        let page = GrayImage::from_raw(400, 400, grays).unwrap();
        let reading = recognizer.read(&Picture::new(&page.into())).unwrap();
        assert!(!reading.sure, "shape {number}: {reading:?}");
    }
}
