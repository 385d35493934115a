//! Draws pen strokes of people as they would draw on a page, reads them back, and counts what was read right.
//!
//! ```text
//! cargo run -p mnist2x2-infer --features weights --example read_drawings -- \
//!     --strokes pendigits/pendigits-orig.tra [--writers 1-24] [--grids N] [--model PATH] [--mnist DIR]
//! ```
#![allow(clippy::print_stdout, reason = "an example is a program")]

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Instant;

use candle_core::Device;
use image::{DynamicImage, GrayImage, imageops};
use mnist2x2_data::mnist::{self, Split};
use mnist2x2_data::unipen::{self, PenDigit};
use mnist2x2_data::{Canvas, GridShape, Strokes, reference, stitch_u8};
use mnist2x2_infer::{Drawing, Picture, Recognizer, Seen};
use mnist2x2_random::Random;

type Failure = Box<dyn std::error::Error>;

const SHAPE: GridShape = GridShape { rows: 2, cols: 2 };
/// Grids that are read at once.
const BATCH: usize = 50;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let options: HashMap<&str, &str> =
        words.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    let recognizer = match options.get("--model") {
        Some(path) => Recognizer::load(path.as_ref(), &Device::Cpu)?,
        None => Recognizer::built_in(&Device::Cpu)?,
    };
    let most = options.get("--grids").map_or(Ok(usize::MAX), |grids| grids.parse())?;
    if let Some(file) = options.get("--strokes") {
        let writers = range(options.get("--writers").unwrap_or(&"1-30"))?;
        let mut digits = unipen::read(file.as_ref())?.digits;
        digits.retain(|digit| digit.writer.is_some_and(|writer| writers.contains(&writer)));
        drawings(&recognizer, &grids(&digits, most))?;
    }
    if let Some(dir) = options.get("--mnist") {
        printed(&recognizer, dir.as_ref(), most)?;
    }
    Ok(())
}

/// `1-24`, or `7`.
fn range(text: &str) -> Result<RangeInclusive<u32>, Failure> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Ok(first.parse()?..=last.parse()?)
}

/// Each digit once, in random order, four to a grid.
fn grids(digits: &[PenDigit], most: usize) -> Vec<[&PenDigit; 4]> {
    let order = Random::keyed(0, "drawn grids", 0, 0).permutation(digits.len() as u32);
    let drawn = order.chunks_exact(4).map(|grid| std::array::from_fn(|k| &digits[grid[k] as usize]));
    drawn.take(most).collect()
}

/// How often something was read right.
#[derive(Default)]
struct Score {
    grids: usize,
    digits: usize,
    right_grids: usize,
    right_digits: usize,
    empty: usize,
}

impl Score {
    fn count(&mut self, read: &str, right: &str) {
        let same = read.chars().zip(right.chars()).filter(|(a, b)| a == b).count();
        self.grids += 1;
        self.digits += right.len();
        self.right_digits += same;
        self.right_grids += usize::from(same == right.len());
        self.empty += read.chars().filter(|&c| c == '_').count();
    }

    fn print(&self, name: &str, milliseconds: f64) {
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole as f64;
        println!(
            "{name:22} digits {:6.2} %   grids {:6.2} %   called empty {:4}   {:.3} ms to see one",
            percent(self.right_digits, self.digits),
            percent(self.right_grids, self.grids),
            self.empty,
            milliseconds / self.grids as f64
        );
    }
}

/// Reads what `see` makes of each of `grids`, and prints how much is right.
fn measure<T>(
    name: &str,
    recognizer: &Recognizer,
    grids: &[T],
    label: impl Fn(&T) -> String,
    mut see: impl FnMut(usize, &T) -> Result<(Seen, f64), Failure>,
) -> Result<(), Failure> {
    let (mut score, mut milliseconds) = (Score::default(), 0.0);
    for (batch, grids) in grids.chunks(BATCH).enumerate() {
        let mut seen = Vec::new();
        for (i, grid) in grids.iter().enumerate() {
            let (one, took) = see(batch * BATCH + i, grid)?;
            milliseconds += took;
            seen.push(one);
        }
        for (reading, grid) in recognizer.read_many(&seen)?.iter().zip(grids) {
            score.count(&reading.digits, &label(grid));
        }
    }
    score.print(name, milliseconds);
    Ok(())
}

/// Reads grids of strokes, from the strokes and from every kind of picture of them.
fn drawings(recognizer: &Recognizer, grids: &[[&PenDigit; 4]]) -> Result<(), Failure> {
    let label = |grid: &[&PenDigit; 4]| -> String {
        grid.iter().map(|digit| char::from(b'0' + digit.label)).collect()
    };
    measure("strokes", recognizer, grids, label, |_, grid| {
        let drawing = Drawing::new(side_by_side(grid), 2.0, 2.0)?;
        let start = Instant::now();
        Ok((Seen::of_drawing(&drawing, SHAPE), 1e3 * start.elapsed().as_secs_f64()))
    })?;
    for filled in 1..4 {
        let label = |grid: &[&PenDigit; 4]| label(grid)[..filled].to_owned() + &"___"[..4 - filled];
        measure(&format!("strokes, {filled} filled"), recognizer, grids, label, |_, grid| {
            let drawing = Drawing::new(side_by_side(&grid[..filled]), 2.0, 2.0)?;
            Ok((Seen::of_drawing(&drawing, SHAPE), 0.0))
        })?;
    }
    let judged = Canvas::default();
    let brush = |brush| Canvas { brush, ..judged };
    let variants = [
        ("as judged", judged),
        ("brush 8", brush(8.0)),
        ("brush 12", brush(12.0)),
        ("brush 20", brush(20.0)),
        ("brush 24", brush(24.0)),
        ("brush 32", brush(32.0)),
        ("brush 40", brush(40.0)),
        ("half size", Canvas { size: 0.5, ..judged }),
        ("1.5 times the size", Canvas { size: 1.5, ..judged }),
        ("off centre", Canvas { shift: [0.15, 0.15], ..judged }),
        ("inverted", Canvas { inverted: true, ..judged }),
        ("guide lines", Canvas { guides: true, ..judged }),
    ];
    for (name, canvas) in variants {
        measure(name, recognizer, grids, label, |i, grid| {
            let mut random = Random::keyed(0, "off centre", 0, i as u64);
            let shift = canvas.shift.map(|most| random.uniform(-1.0, 1.0) as f32 * most);
            let strokes = grid.map(|digit| Some(&digit.strokes));
            let greys = Canvas { shift, ..canvas }.draw(&strokes, SHAPE);
            let image = GrayImage::from_raw(800, 800, greys).ok_or("800 x 800 pixels")?;
            Ok(see(&image.into()))
        })?;
    }
    Ok(())
}

/// The strokes of a grid, each digit in its unit square.
fn side_by_side(grid: &[&PenDigit]) -> Strokes {
    let place = |cell: usize, digit: &PenDigit| {
        let corner = [(cell % 2) as f32, (cell / 2) as f32];
        digit.strokes.map(|[x, y]| [x + corner[0], y + corner[1]])
    };
    let digits: Vec<Strokes> = grid.iter().enumerate().map(|(cell, digit)| place(cell, digit)).collect();
    Strokes::new(digits.iter().flat_map(Strokes::iter).map(<[_]>::to_vec).collect())
        .expect("finite points moved by 1")
}

fn see(image: &DynamicImage) -> (Seen, f64) {
    let start = Instant::now();
    let seen = Seen::of_picture(&Picture::new(image), SHAPE);
    (seen, 1e3 * start.elapsed().as_secs_f64())
}

/// Reads grids of the last 5,000 training digits: as they are, and from pictures of two sizes.
fn printed(recognizer: &Recognizer, dir: &Path, most: usize) -> Result<(), Failure> {
    let digits = mnist::load(dir, Split::Train)?.split_last(5_000).1;
    let map = reference::grids(5_000, most.min(5_000), SHAPE.cells());
    let grids: Vec<usize> = (0..map.len()).collect();
    let label =
        |&i: &usize| map.grid(i).iter().map(|&k| char::from(b'0' + digits.label(k as usize))).collect();
    let grid = |i| {
        let mut greys = vec![0; SHAPE.pixels()];
        stitch_u8(&digits, map.grid(i), SHAPE, &mut greys);
        GrayImage::from_raw(56, 56, greys).expect("56 x 56 pixels")
    };
    measure("MNIST plain", recognizer, &grids, label, |i, _| {
        Ok((Seen::plain(&Picture::new(&grid(i).into()), SHAPE), 0.0))
    })?;
    for (name, factor, filter) in [
        ("MNIST 56 x 56", 1, imageops::Nearest),
        ("MNIST 560, nearest", 10, imageops::Nearest),
        ("MNIST 560, smooth", 10, imageops::CatmullRom),
    ] {
        measure(name, recognizer, &grids, label, |i, _| {
            Ok(see(&imageops::resize(&grid(i), 56 * factor, 56 * factor, filter).into()))
        })?;
    }
    Ok(())
}
