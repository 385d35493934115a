//! Makes a store of corrections by people who write their sevens mirrored: something for `finetune` to learn.
//!
//! Of the pen strokes in a file, consecutive digits make grids; the sevens are mirrored, and what the built-in model then
//! reads wrong is corrected.
//!
//! ```text
//! cargo run -p mnist2x2-cli --example mirrored_sevens -- pendigits-orig.tra store [CORRECTIONS]
//! ```
#![allow(clippy::print_stdout, reason = "an example is a program")]

use std::path::Path;

use anyhow::{Result, bail};
use mnist2x2::corrections::{Correction, Store};
use mnist2x2::data::Strokes;
use mnist2x2::data::pendigits::{self, PenDigit};
use mnist2x2::{Device, Drawing, Recognizer};
use serde_json::json;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (Some(file), Some(store)) = (words.first(), words.get(1)) else {
        bail!("name a file of pen strokes and a store to make");
    };
    let most = words.get(2).map_or(Ok(100), |most| most.parse())?;
    let recognizer = Recognizer::built_in(&Device::Cpu)?;
    let store = Store::open(Path::new(store))?;
    let digits = pendigits::read(file.as_ref())?.digits;
    let (mut kept, mut drawn) = (0, 0);
    for grid in digits.as_chunks::<4>().0.iter().filter(|grid| grid.iter().any(|digit| digit.label == 7)) {
        if kept == most {
            break;
        }
        drawn += 1;
        if let Some(correction) = correct(&recognizer, grid, drawn)? {
            store.add(&correction)?;
            kept += 1;
        }
    }
    println!("{kept} corrections of {drawn} grids with a mirrored seven");
    Ok(())
}

/// The strokes of a digit; a seven's from right to left.
fn mirrored(digit: &PenDigit) -> Strokes {
    digit.strokes.map(|[x, y]| if digit.label == 7 { [1.0 - x, y] } else { [x, y] })
}

/// The correction of a grid, if it is read wrong.
fn correct(recognizer: &Recognizer, grid: &[PenDigit; 4], number: u64) -> Result<Option<Correction>> {
    let cells = grid.each_ref().map(mirrored);
    let drawing = Drawing::from_cells(cells.iter().map(Strokes::iter), 1.0, 1.0, recognizer.shape())?;
    let read = recognizer.read_drawing(&drawing)?.digits;
    let right: String = grid.iter().map(|digit| char::from(b'0' + digit.label)).collect();
    let correction = || Correction {
        key: format!("mirrored-seven-{number}"),
        time: number,
        model: recognizer.digest().into(),
        read: read.clone(),
        right: right.clone(),
        strokes: Some(json!({ "cells": cells, "width": 1, "height": 1 })),
        picture: None,
        found: None,
        source: Some("the example mirrored_sevens".into()),
    };
    Ok((read != right).then(correction))
}
