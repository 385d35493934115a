//! Makes the animated picture of the front page: somebody draws four digits, and the reading changes while they draw.
//!
//! ```text
//! cargo xtask download-pendigits
//! cargo run -p mnist2x2 --example drawing_animation -- data/pendigits/pendigits-orig.tra > assets/drawing.svg
//! ```
//!
//! The strokes are four consecutive digits of the file from the digit that the second argument numbers.
#![allow(clippy::print_stdout, reason = "an example is a program")]

use std::cmp::Ordering;
use std::fmt::Write;

use anyhow::{Context, Result};
use mnist2x2::data::pendigits::{self, PenDigit};
use mnist2x2::data::{Point, Strokes};
use mnist2x2::{Device, Drawing, Reading, Recognizer};

/// Seconds for each point of a stroke, between two digits, and at the end.
const POINT: f64 = 0.035;
const PAUSE: f64 = 0.5;
const END: f64 = 3.0;
/// Points drawn between two readings.
const POINTS_A_READING: usize = 6;
/// The side of a cell in the picture.
const CELL: f32 = 110.0;

/// One stroke with the seconds at which it begins and ends.
struct TimedStroke {
    points: Vec<Point>,
    begin: f64,
    end: f64,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().context("name a file of pen strokes")?;
    let first: usize = arguments.next().map_or(Ok(312), |number| number.parse())?;
    let digits = pendigits::read(file.as_ref())?.digits;
    let digits = digits.get(first..first + 4).context("the file has fewer digits")?;
    let recognizer = Recognizer::built_in(&Device::Cpu)?;

    let (mut strokes, mut readings, mut time) = (Vec::new(), Vec::new(), PAUSE);
    for cell in 0..digits.len() {
        let mut drawn = 0;
        for stroke in digits[cell].strokes.iter() {
            let begin = time;
            for _ in stroke {
                (drawn, time) = (drawn + 1, time + POINT);
                if drawn % POINTS_A_READING == 0 {
                    readings.push((time, read(&recognizer, digits, cell, drawn)?));
                }
            }
            let points = stroke.iter().map(|&point| place(point, cell)).collect();
            strokes.push(TimedStroke { points, begin, end: time });
        }
        readings.push((time, read(&recognizer, digits, cell, drawn)?));
        time += PAUSE;
    }
    print!("{}", svg(&strokes, &readings, time + END)?);
    Ok(())
}

/// What is read when the digits before `cell` are whole, and the one in it has `points` points.
fn read(recognizer: &Recognizer, digits: &[PenDigit], cell: usize, points: usize) -> Result<Reading> {
    let part = |(index, digit): (usize, &PenDigit)| {
        let mut left = match index.cmp(&cell) {
            Ordering::Less => usize::MAX,
            Ordering::Equal => points,
            Ordering::Greater => 0,
        };
        let strokes = digit.strokes.iter().map(|stroke| {
            let taken = stroke.len().min(left);
            left -= taken;
            stroke[..taken].to_vec()
        });
        Strokes::new(strokes.filter(|stroke| !stroke.is_empty()).collect())
    };
    let cells = digits.iter().enumerate().map(part).collect::<Result<Vec<_>, _>>()?;
    let cells = cells.iter().map(Strokes::iter);
    Ok(recognizer.read_drawing(&Drawing::from_cells(cells, 1.0, 1.0, recognizer.shape())?)?)
}

/// A point of the unit square of a digit, in the picture.
fn place([x, y]: Point, cell: usize) -> Point {
    let corner = [(cell % 2) as f32, (cell / 2) as f32];
    [20.0 + CELL * (corner[0] + 0.1 + 0.8 * x), 20.0 + CELL * (corner[1] + 0.1 + 0.8 * y)]
}

fn svg(strokes: &[TimedStroke], readings: &[(f64, Reading)], length: f64) -> Result<String> {
    let percent = |seconds: f64| 100.0 * seconds / length;
    let side = 2.0 * CELL;
    let (mut style, mut body) = (String::new(), String::new());
    for (i, stroke) in strokes.iter().enumerate() {
        writeln!(
            style,
            "@keyframes s{i}{{0%,{:.2}%{{stroke-dashoffset:1.1}}{:.2}%,100%{{stroke-dashoffset:0}}}}.s{i}{{animation-name:s{i}}}",
            percent(stroke.begin),
            percent(stroke.end)
        )?;
        let points: Vec<String> = stroke.points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        writeln!(body, r#"<polyline class="s s{i}" pathLength="1" points="{}"/>"#, points.join(" "))?;
    }
    for (i, (begin, reading)) in readings.iter().enumerate() {
        let end = readings.get(i + 1).map_or(length, |next| next.0);
        writeln!(
            style,
            "@keyframes r{i}{{0%{{opacity:0}}{:.2}%{{opacity:1}}{:.2}%{{opacity:0}}}}.r{i}{{animation-name:r{i}}}",
            percent(*begin),
            percent(end).min(100.0)
        )?;
        writeln!(body, r#"<g class="r r{i}">{}</g>"#, cells(reading))?;
    }
    Ok(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 260" width="560" height="260" role="img">
<title>Somebody draws four digits; the reading changes while they draw</title>
<!-- Made by crates/mnist2x2/examples/drawing_animation.rs. The strokes are from E. Alpaydin and F. Alimoglu, "Pen-Based
Recognition of Handwritten Digits", UCI Machine Learning Repository, CC BY 4.0. -->
<style>
.p{{fill:#16181d}}.g{{stroke:#3a3f4b}}.s{{fill:none;stroke:#fff;stroke-width:6;stroke-linecap:round;stroke-linejoin:round;
stroke-dasharray:1 2;animation:{length:.2}s linear infinite}}
.r{{opacity:0;animation:{length:.2}s step-end infinite}}
text{{font-family:ui-sans-serif,system-ui,sans-serif;text-anchor:middle;fill:#57606a}}
.d{{font-size:56px;font-weight:600;fill:#1f6feb}}.c{{font-size:15px}}
@media (prefers-color-scheme:dark){{text{{fill:#9da7b3}}.d{{fill:#6cb0ff}}}}
{style}</style>
<rect class="p" x="20" y="20" width="{side}" height="{side}" rx="8"/>
<path class="g" d="M{middle} 28V{far}M28 {middle}H{far}"/>
{body}</svg>
"#,
        middle = 20.0 + CELL,
        far = 12.0 + side,
    ))
}

/// The digits of a reading in their cells, each with how sure the model is of it.
fn cells(reading: &Reading) -> String {
    let cell = |(i, cell): (usize, &mnist2x2::infer::CellReading)| {
        let digit = cell.digit?;
        let (x, y) = (370.0 + 120.0 * (i % 2) as f32, 85.0 + CELL * (i / 2) as f32);
        let sure = 100.0 * cell.confidence;
        Some(format!(
            r#"<text class="d" x="{x}" y="{y}">{digit}</text><text class="c" x="{x}" y="{}">{sure:.0} %</text>"#,
            y + 24.0
        ))
    };
    reading.cells.iter().enumerate().filter_map(cell).collect()
}
