//! Makes the pictures of docs/tour.md and prints its numbers, with the built-in model.
//!
//! ```text
//! cargo run -p mnist2x2 --example tour -- [PICTURE] [FOLDER]
//! ```
#![allow(clippy::print_stdout, reason = "an example is a program")]

use std::path::Path;

use anyhow::{Context, Result};
use image::{Rgb, RgbImage};
use mnist2x2::infer::cross_attention;
use mnist2x2::model::Cache;
use mnist2x2::tokenizer::{START, name, teacher_forcing};
use mnist2x2::{Device, ModelInput, Picture, Recognizer, Seq2Seq, Tensor};

/// Pixels of a picture here for each pixel that the model reads.
const SCALE: u32 = 5;
/// Pixels between two parts of a picture.
const GAP: u32 = 20;
const PAPER: Rgb<u8> = Rgb([255, 255, 255]);

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let picture = Picture::open(arguments.next().unwrap_or_else(|| "assets/grid.png".into()).as_ref())?;
    let folder = arguments.next().unwrap_or_else(|| "docs/tour".into());
    let folder = Path::new(&folder);

    let recognizer = Recognizer::built_in(&Device::Cpu)?;
    let model = recognizer.model();
    let input = ModelInput::from_picture(&picture, recognizer.shape());
    let side = input.shape().width();
    let image = Tensor::from_vec(input.normalized(), (1, input.shape().height(), side), &Device::Cpu)?;

    let given = ModelInput::resized(&picture, recognizer.shape());
    beside(&[enlarged(given.pixels(), side, SCALE), enlarged(input.pixels(), side, SCALE)])
        .save(folder.join("input.png"))?;
    cut(input.pixels(), side, model.config().patch_width).save(folder.join("patches.png"))?;

    let (memory, attention) = model.encode_with_attention(&image)?;
    println!("memory {:?}, {} blocks of attention {:?}", memory.dims(), attention.len(), attention[0].dims());
    let mut maps = Vec::new();
    for weights in [&attention[0], &attention[attention.len() - 1]] {
        let heads = weights.squeeze(0)?.to_vec3::<f32>()?; // (H, N, N)
        let head = heads.iter().max_by(|a, b| spread(a).total_cmp(&spread(b))).context("no heads")?;
        maps.extend([1, 6, 9].map(|patch| overlay(input.pixels(), side, &head[patch], Some(patch))));
    }
    beside(&maps).save(folder.join("encoder.png"))?;

    let written = write(model, &memory)?;
    let maps = cross_attention(model, &input.normalized())?;
    let maps: Vec<_> = maps.iter().map(|map| overlay(input.pixels(), side, map, None)).collect();
    beside(&maps).save(folder.join("decoder.png"))?;

    let digits: Vec<u8> = written.iter().map(|&token| token as u8).collect();
    let (tokens, targets) = teacher_forcing(&digits)?;
    let of = |ids: Vec<u32>| Tensor::from_vec(ids, (1, digits.len() + 1), &Device::Cpu);
    println!(
        "loss {:.4} nats per token",
        model.loss(&image, &of(tokens)?, &of(targets)?)?.to_scalar::<f32>()?
    );
    Ok(())
}

/// Writes the digits greedily and prints the three likeliest tokens of each step.
fn write(model: &Seq2Seq, memory: &Tensor) -> Result<Vec<u32>> {
    let mut cache = Cache::new(model, memory)?;
    let (mut token, mut written) = (START, Vec::new());
    for step in 0..model.config().cells() {
        let logits: Vec<f32> = cache.step(&Tensor::new(&[token], &Device::Cpu)?)?.squeeze(0)?.to_vec1()?;
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        order.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]));
        let best = order.iter().take(3).map(|&id| format!("{} {:.1}", name(id), logits[id as usize]));
        println!("step {step}: read {}, logits {}", name(token), best.collect::<Vec<_>>().join(", "));
        token = order[0];
        written.push(token);
    }
    Ok(written)
}

/// The largest difference between two weights of one row: how much a head prefers some patches to others.
fn spread(head: &[Vec<f32>]) -> f32 {
    let of_row = |row: &Vec<f32>| {
        let [least, most] = ends(row);
        most - least
    };
    head.iter().map(of_row).fold(0.0, f32::max)
}

/// The least and the largest of some weights.
fn ends(weights: &[f32]) -> [f32; 2] {
    weights.iter().fold([f32::INFINITY, 0.0], |[least, most], &w| [least.min(w), most.max(w)])
}

/// Square pixels of `scale` x `scale`.
fn enlarged(pixels: &[u8], width: usize, scale: u32) -> RgbImage {
    let (width, height) = (width as u32, (pixels.len() / width) as u32);
    RgbImage::from_fn(width * scale, height * scale, |x, y| {
        let gray = pixels[(y / scale * width + x / scale) as usize];
        Rgb([gray; 3])
    })
}

/// The patches of a picture, apart from one another.
fn cut(pixels: &[u8], side: usize, patch: usize) -> RgbImage {
    let (whole, patch) = (enlarged(pixels, side, SCALE), patch as u32 * SCALE);
    let count = whole.width() / patch;
    let (step, size) = (patch + GAP / 2, count * patch + (count - 1) * GAP / 2);
    RgbImage::from_fn(size, size, |x, y| {
        let inside = x % step < patch && y % step < patch;
        let from = (x / step * patch + x % step, y / step * patch + y % step);
        if inside { *whole.get_pixel(from.0, from.1) } else { PAPER }
    })
}

/// The picture under the weights of its patches: orange where they are large. The patch that asks has a frame.
fn overlay(pixels: &[u8], side: usize, weights: &[f32], asking: Option<usize>) -> RgbImage {
    let mut picture = enlarged(pixels, side, SCALE);
    let count = weights.len().isqrt();
    let patch = picture.width() / count as u32;
    let [least, most] = ends(weights);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let index = (y / patch) as usize * count + (x / patch) as usize;
        let strength = 0.75 * (weights[index] - least) / (most - least);
        for (value, ink) in pixel.0.iter_mut().zip([255.0, 140.0, 0.0]) {
            *value = ((1.0 - strength) * f32::from(*value) * 0.7 + strength * ink) as u8;
        }
        let edge = [x % patch, y % patch].iter().any(|&place| place < 3 || place >= patch - 3);
        if asking == Some(index) && edge {
            *pixel = Rgb([80, 200, 255]);
        }
    }
    picture
}

/// Pictures of one height in a row.
fn beside(pictures: &[RgbImage]) -> RgbImage {
    let width = pictures.iter().map(|picture| picture.width() + GAP).sum::<u32>() - GAP;
    let mut row =
        RgbImage::from_pixel(width, pictures.iter().map(RgbImage::height).max().unwrap_or(1), PAPER);
    let mut left = 0;
    for picture in pictures {
        image::imageops::replace(&mut row, picture, i64::from(left), 0);
        left += picture.width() + GAP;
    }
    row
}
