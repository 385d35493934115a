//! Learns how one person writes: fours of one stroke, without the bar that crosses it.
//!
//! Of the pen strokes in a file, those of one writer make grids with such a four in each; the last stroke of every four is left
//! out. The built-in model learns from 20 grids as `finetune` does, and then reads 50 others, of other fours.
//!
//! ```text
//! cargo run -p mnist2x2-cli --example finetune_one_writer -- pendigits-orig.tra MNIST_FOLDER [WRITER ...]
//! ```
#![allow(clippy::print_stdout, reason = "an example is a program")]

use anyhow::{Context, Result, bail};
use mnist2x2::data::mnist::{self, Split};
use mnist2x2::data::pendigits::{self, PenDigit};
use mnist2x2::data::{GridShape, Strokes};
use mnist2x2::random::Random;
use mnist2x2::train::{Exposure, FinetuneData, Finetuning, LabeledExample, ValidationSplit};
use mnist2x2::{Device, Drawing, ModelInput, Recipe, Recognizer, Workers, formats};

/// Grids to learn from, and grids to read afterwards.
const CORRECTIONS: usize = 20;
const LATER: usize = 50;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [file, folder, writers @ ..] = &words[..] else {
        bail!("name a file of pen strokes and MNIST's folder");
    };
    let pens = pendigits::read(file.as_ref())?.digits;
    let (base, workers) = (Recognizer::built_in(&Device::Cpu)?, Workers::new(None)?);
    let first = ["1".to_owned()];
    for writer in if writers.is_empty() { &first } else { writers } {
        let writer: u32 = writer.parse()?;
        let theirs: Vec<&PenDigit> = pens.iter().filter(|digit| digit.writer == Some(writer)).collect();
        let is_four = |digit: &&&PenDigit| digit.label == 4 && digit.strokes.iter().count() > 1;
        let fours: Vec<&PenDigit> = theirs.iter().filter(is_four).copied().collect();
        let others: Vec<&PenDigit> = theirs.iter().filter(|digit| digit.label != 4).copied().collect();
        let (learned, later) = fours.split_at(fours.len() / 2);
        let corrections = grids(learned, &others, CORRECTIONS, base.shape(), 0)?;
        let later = grids(later, &others, LATER, base.shape(), 1)?;

        let rehearsal = mnist::load(folder.as_ref(), Split::Train)?.into();
        let data = FinetuneData {
            rehearsal,
            exposure: Exposure::None,
            examples: corrections,
            share: FinetuneData::SHARE,
            target_confidence: None,
        };
        // What the built-in model was not trained on.
        let recipe = Recipe { validation_split: ValidationSplit::Last, ..Recipe::finetune() };
        let mut finetuning = Finetuning::new(&base, "built in", recipe, data, &workers)?;
        let outcome = finetuning.run(&workers, &mut ())?.context("it was stopped")?;
        let weights = formats::Weights::new(outcome.model.parameters().frozen()?, "");
        let (before, after) = (right(&base, &later)?, right(&Recognizer::new(weights)?, &later)?);
        let acceptance = outcome.record.acceptance;
        println!(
            "writer {writer}: of {LATER} later grids {before} right before, {after} after; validation {:.2} % before, {:.2} % \
             after; alpha {}; {}",
            100.0 * acceptance.before.validation,
            100.0 * acceptance.after.validation,
            outcome.record.alpha,
            acceptance.objection().unwrap_or_else(|| "accepted".into()),
        );
    }
    Ok(())
}

/// How many of these are read right.
fn right(recognizer: &Recognizer, examples: &[LabeledExample]) -> Result<usize> {
    let inputs: Vec<ModelInput> = examples.iter().map(|example| example.input().clone()).collect();
    let readings = recognizer.read_batch(&inputs)?;
    let is_right = |(reading, example): &(&mnist2x2::infer::Reading, &LabeledExample)| {
        reading.cells.iter().map(|cell| cell.digit).eq(example.labels().iter().copied())
    };
    Ok(readings.iter().zip(examples).filter(is_right).count())
}

/// Grids of three digits of `others` and one of `fours` without its last stroke, each digit a little turned, sheared and stretched.
fn grids(
    fours: &[&PenDigit],
    others: &[&PenDigit],
    count: usize,
    shape: GridShape,
    purpose: u64,
) -> Result<Vec<LabeledExample>> {
    let one = |number: usize| {
        let mut random = Random::keyed(0, "one writer", purpose, number as u64);
        let place = random.below(4);
        let mut digit = |cell: u32| {
            let from = if cell == place { fours } else { others };
            let digit = from[random.below(from.len() as u32) as usize];
            let kept = if cell == place { digit.strokes.iter().count() - 1 } else { usize::MAX };
            let strokes: Vec<_> = digit.strokes.iter().take(kept).map(<[_]>::to_vec).collect();
            let mut near = |x: f64| random.uniform(x - 0.08, x + 0.08) as f32;
            let (a, b, c, d) = (near(1.0), near(0.0), near(0.0), near(1.0));
            let strokes = Strokes::new(strokes)?.map(|[x, y]| {
                let (x, y) = (x - 0.5, y - 0.5);
                [0.5 + a * x + b * y, 0.5 + c * x + d * y]
            });
            anyhow::Ok((strokes, digit.label))
        };
        let cells = (0..4).map(&mut digit).collect::<Result<Vec<_>, _>>()?;
        let drawing = Drawing::from_cells(cells.iter().map(|(strokes, _)| strokes.iter()), 1.0, 1.0, shape)?;
        let labels = cells.iter().map(|&(_, label)| Some(label)).collect();
        let input = ModelInput::from_drawing(&drawing, shape);
        Ok(LabeledExample::new(input, labels, Some(drawing.cells(shape)))?)
    };
    (0..count).map(one).collect()
}
