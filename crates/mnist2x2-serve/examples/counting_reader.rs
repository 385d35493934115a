//! The server with a reader that counts: the digit of a cell is the number of its strokes, and nothing is learned.
//!
//! It shows what a [`Reader`] is, and it is what the browser tests talk to: whoever counts can be told what to answer.
//! Give it an address and a file of corrections; it says where it listens and stops when its standard input ends.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

use std::io::Read;
use std::sync::Arc;
use std::{env, io, thread};

use mnist2x2_infer::{Alternative, CellReading, Reading};
use mnist2x2_serve::{
    Answer, Content, Drawing, Error, Input, InputImage, ModelInfo, Reader, Server, Settings,
};

/// The side of a cell in what it claims to see, in pixels, and of a patch.
const CELL: usize = 28;
const PATCH: usize = 14;
/// What it says of every cell, and of all.
const CONFIDENCE: f32 = 0.97;

struct Counter(ModelInfo);

impl Reader for Counter {
    fn model(&self) -> &ModelInfo {
        &self.0
    }

    fn read(&self, batch: &[Input]) -> Vec<Result<Answer, Error>> {
        batch.iter().map(|input| self.answer(input)).collect()
    }
}

impl Counter {
    fn answer(&self, input: &Input) -> Result<Answer, Error> {
        let drawing = match &input.content {
            Content::Drawing(drawing) => drawing.clone(),
            Content::Picture(bytes) => tally(bytes)?,
            _ => return Err(Error::Input("this is neither a picture nor a drawing".into())),
        };
        let digits: String = drawing.cells.iter().map(|cell| digit(cell.len())).collect();
        let cell = |digit: char| CellReading::new(digit.to_digit(10).map(|d| d as u8), CONFIDENCE);
        let cells: Vec<_> = digits.chars().map(cell).collect();
        let alternatives = vec![other(&digits, "7", 0.02), other(&digits, "1", 0.005)];
        let mut reading = Reading::new(cells, CONFIDENCE.powi(4), alternatives);
        if matches!(input.content, Content::Picture(_)) {
            reading.layout = format!("{}x{}", self.0.rows, self.0.cols);
        }
        let mut answer = Answer::from(reading);
        let pixels = self.render(&drawing);
        answer.attention = input.options.attention.then(|| self.attention(&pixels));
        let image = InputImage { width: self.width(), height: self.0.rows * CELL, pixels };
        answer.image = input.options.image.then_some(image);
        Ok(answer)
    }

    fn width(&self) -> usize {
        self.0.cols * CELL
    }

    /// The strokes as a pen of two pixels leaves them: light ink on a dark ground.
    fn render(&self, drawing: &Drawing) -> Vec<u8> {
        let mut pixels = vec![0; self.0.cells() * CELL * CELL];
        let scale = [CELL as f32 / drawing.width, CELL as f32 / drawing.height];
        for (index, stroke) in
            drawing.cells.iter().enumerate().flat_map(|(i, cell)| cell.iter().map(move |s| (i, s)))
        {
            let corner = [(index % self.0.cols * CELL) as f32, (index / self.0.cols * CELL) as f32];
            for (a, b) in stroke.iter().zip(stroke.iter().skip(1)) {
                for step in 0..=CELL {
                    let t = step as f32 / CELL as f32;
                    let at = |axis: usize| corner[axis] + scale[axis] * (a[axis] + t * (b[axis] - a[axis]));
                    self.dab(&mut pixels, at(0), at(1));
                }
            }
        }
        pixels
    }

    /// Leaves ink on the pixels around a point, the more the nearer.
    fn dab(&self, pixels: &mut [u8], x: f32, y: f32) {
        let (width, height) = (self.width(), self.0.rows * CELL);
        let near = |middle: f32, end: usize| {
            (middle - 2.0).max(0.0) as usize..((middle + 3.0).max(0.0) as usize).min(end)
        };
        for row in near(y, height) {
            for col in near(x, width) {
                let distance = (col as f32 + 0.5 - x).hypot(row as f32 + 0.5 - y);
                let ink = (255.0 * (1.6 - distance).clamp(0.0, 1.0)) as u8;
                let pixel = &mut pixels[row * width + col];
                *pixel = ink.max(*pixel);
            }
        }
    }

    /// A look at the ink of each cell: the shares of the patches in it, (cells, patches).
    fn attention(&self, pixels: &[u8]) -> Vec<Vec<f32>> {
        let width = self.width();
        let across = width / PATCH;
        let mut ink = vec![0.01; pixels.len() / (PATCH * PATCH)];
        for (place, &pixel) in pixels.iter().enumerate() {
            ink[place / width / PATCH * across + place % width / PATCH] += f32::from(pixel);
        }
        let is_in = |patch: usize, cell: usize| {
            let (row, col) = (patch / across * PATCH / CELL, patch % across * PATCH / CELL);
            row * self.0.cols + col == cell
        };
        let row = |cell| {
            let weigh = |(patch, &ink): (usize, &f32)| if is_in(patch, cell) { ink } else { 0.05 * ink };
            let weights: Vec<f32> = ink.iter().enumerate().map(weigh).collect();
            let sum: f32 = weights.iter().sum();
            weights.into_iter().map(|weight| weight / sum).collect()
        };
        (0..self.0.cells()).map(row).collect()
    }
}

/// What is counted in a picture: it must begin as a PNG or JPEG does, and then holds 1, 2, 3 and 4.
fn tally(bytes: &[u8]) -> Result<Drawing, Error> {
    if !bytes.starts_with(b"\x89PNG") && !bytes.starts_with(b"\xff\xd8") {
        return Err(Error::Input("this is neither a PNG nor a JPEG".into()));
    }
    let stroke = |n: usize| vec![[3.0 * n as f32 + 6.0, 6.0], [3.0 * n as f32 + 6.0, 22.0]];
    let cells = (1..=4).map(|count| (0..count).map(stroke).collect()).collect();
    Ok(Drawing { cells, width: 28.0, height: 28.0 })
}

fn digit(count: usize) -> char {
    match count {
        0 => '_',
        count => char::from(b'0' + (count % 10) as u8),
    }
}

/// The digits with another one at the end.
fn other(digits: &str, last: &str, confidence: f32) -> Alternative {
    let rest = &digits[..digits.len() - 1];
    Alternative::new(format!("{rest}{last}"), confidence)
}

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:7860".into()).parse()?;
    let mut settings = Settings::default();
    settings.address = address;
    settings.store = arguments.next().map(Into::into);
    let info = ModelInfo::new("c0de".repeat(16), "an example that counts strokes", 2, 2);
    let reload = |_: Option<&str>| Err(Error::Model("there is no other".into()));
    let server = Server::bind(settings, Arc::new(Counter(info)), reload, |line| println!("{line}"))?;
    println!("http://{}/", server.address());
    let stopper = server.stopper();
    thread::spawn(move || {
        // However it ends, it has ended.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        stopper.stop();
    });
    server.run();
    Ok(())
}
