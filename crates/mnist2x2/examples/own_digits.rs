//! Trains a model of another shape on digits of your own: here two glyphs, three to a picture.
//!
//! ```text
//! cargo run -p mnist2x2 --example own_digits
//! ```
#![allow(clippy::print_stdout, reason = "an example is a program")]

use std::sync::Arc;

use mnist2x2::data::{PIXELS, SIDE};
use mnist2x2::{Config, Device, Digits, GridShape, GridSource, Loader, Recipe, Trainer, Workers, evaluate};

/// A ring for 0, a bar for 1: 28 x 28 gray values, 0 background and 255 ink. Your own would come from files.
fn glyph(label: u8) -> [u8; PIXELS] {
    std::array::from_fn(|i| {
        let [x, y] = [(i % SIDE) as f32 - 13.5, (i / SIDE) as f32 - 13.5];
        let is_ink =
            if label == 0 { (x.hypot(y) - 8.0).abs() < 1.5 } else { x.abs() < 1.5 && y.abs() < 10.0 };
        if is_ink { 255 } else { 0 }
    })
}

fn main() -> anyhow::Result<()> {
    let labels: Vec<u8> = (0..200).map(|i| i % 2).collect();
    let pixels = labels.iter().flat_map(|&label| glyph(label)).collect();
    let digits = Digits::new(pixels, labels)?;

    // A row of three digits; everything else as published. The recipe validates with nothing here, so it keeps the last epoch.
    let config = Config { rows: 1, cols: 3, ..Config::reference() };
    let recipe = Recipe { epochs: 2, epoch_grids: 1_280, ..Recipe::reference() };
    let shape = GridShape { rows: config.rows, cols: config.cols };
    let grids = Loader::new(Arc::new(digits.clone()), GridSource::Fresh { grids: 100 }, shape, 64, 1)?;

    let workers = Workers::new(None)?;
    let mut trainer = Trainer::new(&config, recipe, digits, &Device::Cpu)?;
    trainer.run(&workers, &mut ())?; // () watches nothing

    let evaluation = evaluate(&trainer.result()?, &grids, &workers, |_| ())?;
    println!("{} of {} pictures are read right", evaluation.sequences_correct, evaluation.sequences);
    Ok(())
}
