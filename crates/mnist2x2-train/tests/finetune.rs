//! Laws of learning from corrections: it learns, it says how it went, it refuses what cannot be told, and it repeats.

use candle_core::Device;
use mnist2x2_data::mnist::Split;
use mnist2x2_data::{Augmentation, Digits, GridShape, GridSource, Loader, Strokes, synthetic};
use mnist2x2_formats::Weights;
use mnist2x2_infer::Recognizer;
use mnist2x2_model::Config;
use mnist2x2_picture::{Drawing, ModelInput};
use mnist2x2_random::Random;
use mnist2x2_train::{Error, Finetuning, Lesson, Material, Outcome, Recipe, Trainer, Workers};

const SHAPE: GridShape = GridShape { rows: 1, cols: 3 };

fn digits() -> Digits {
    synthetic::digits(Split::Train, 240, 0)
}

/// A small model that reads most synthetic digits.
fn base(workers: &Workers) -> Recognizer {
    let mut recipe = Recipe { epochs: 5, batch: 16, ..Recipe::reference(0) };
    recipe.optimiser.learning_rate = 3e-3;
    let loader = Loader::new(digits().into(), GridSource::Fresh { grids: 1_600 }, SHAPE, 16, 0).unwrap();
    let mut trainer = Trainer::new(&Config::tiny(), recipe, loader, &Device::Cpu).unwrap();
    trainer.run(workers, &mut ()).unwrap();
    let parameters = trainer.result().unwrap().parameters().frozen().unwrap();
    Recognizer::new(Weights { parameters, digest: "base".into() }).unwrap()
}

/// Three zigzags, no two alike, and somebody who says that each is a three.
fn zigzags(number: u64) -> Lesson {
    let mut random = Random::keyed(1, "zigzag", 0, number);
    let mut at =
        |x: f32, y: f32| [x + random.uniform(-0.1, 0.1) as f32, y + random.uniform(-0.1, 0.1) as f32];
    let mut zigzag = || {
        let points = vec![at(0.2, 0.1), at(0.8, 0.3), at(0.2, 0.5), at(0.8, 0.7), at(0.2, 0.9)];
        Strokes::new(vec![points]).unwrap()
    };
    let cells = [zigzag(), zigzag(), zigzag()];
    let drawing = Drawing::from_cells(&cells, 1.0, 1.0, SHAPE).unwrap();
    let strokes = drawing.cells(SHAPE);
    Lesson::new(ModelInput::from_drawing(&drawing, SHAPE), vec![Some(3); 3], Some(strokes)).unwrap()
}

fn material(lessons: Vec<Lesson>) -> Material<'static> {
    Material { digits: digits(), pens: None, lessons, share: 0.4 }
}

fn recipe() -> Recipe {
    let mut recipe = Recipe { epochs: 1, epoch_grids: 1_200, batch: 16, ..Recipe::finetune(4) };
    recipe.optimiser.learning_rate = 3e-3;
    recipe.augmentation = Augmentation { shift: 0.5, ..Augmentation::default() };
    recipe
}

/// The weights that come of it, and how many held-out corrections were read before, after, and in all.
fn finetuned(base: &Recognizer, workers: &Workers) -> (Vec<f32>, [u64; 3]) {
    let lessons = (0..30).map(zigzags).collect();
    let mut finetuning = Finetuning::new(base, recipe(), material(lessons), workers).unwrap();
    assert_eq!(finetuning.learnt() + finetuning.held_out().len() as u64, 30);
    assert_eq!(finetuning.run(workers, &mut ()).unwrap(), Outcome::Finished);
    let verdict = finetuning.verdict(workers).unwrap();
    assert_eq!(verdict.before, finetuning.before());
    assert!(finetuning.calibration(workers).unwrap().temperature.get() > 0.0);
    let values = finetuning.result().unwrap().parameters().to_flat().unwrap();
    (values, [verdict.before.corrections, verdict.after.corrections, verdict.held_out])
}

#[test]
fn a_style_is_learnt_and_the_same_again_gives_the_same_weights() {
    let one = Workers::new(Some(1)).unwrap();
    let base = base(&one);
    let (values, [before, after, of]) = finetuned(&base, &one);
    assert!(before < after && 2 * after > of, "{before} of {of} before and {after} after");
    assert_eq!(finetuned(&base, &Workers::new(Some(3)).unwrap()).0, values);
    assert_ne!(base.model().parameters().to_flat().unwrap(), values);
}

#[test]
fn what_cannot_be_told_is_refused_before_anything_is_trained() {
    let workers = Workers::new(Some(1)).unwrap();
    let base = base(&workers);
    let refusal = |recipe, material| match Finetuning::new(&base, recipe, material, &workers) {
        Err(error) => error,
        Ok(_) => panic!("it was not refused"),
    };
    let many = || (0..30).map(zigzags).collect::<Vec<_>>();
    let few = refusal(recipe(), material((0..9).map(zigzags).collect()));
    assert!(
        matches!(few, Error::NotFinetuned { .. }) && few.to_string().contains("9 corrections are too few")
    );

    // What the model reads is right: it has nothing to learn.
    let seen: Vec<ModelInput> = many().iter().map(|lesson| lesson.seen().clone()).collect();
    let readings = base.read_batch(&seen).unwrap();
    let right = |(seen, reading): (ModelInput, &mnist2x2_infer::Reading)| {
        Lesson::new(seen, reading.cells.iter().map(|cell| cell.digit).collect(), None).unwrap()
    };
    let known = refusal(recipe(), material(seen.into_iter().zip(&readings).map(right).collect()));
    assert!(known.to_string().contains("there is nothing to learn"), "{known}");

    let wide =
        ModelInput::render_strokes(&[&Strokes::default(); 4], None, GridShape { rows: 2, cols: 2 }).unwrap();
    let wide = Lesson::new(wide, vec![None; 4], None).unwrap();
    let other = refusal(recipe(), material(many().into_iter().chain([wide]).collect()));
    assert!(other.to_string().contains("2 x 2 cells, but the model reads 1 x 3"), "{other}");

    let share = refusal(recipe(), Material { share: 0.0, ..material(many()) });
    assert!(share.to_string().contains("share of corrections is 0"), "{share}");
    let blind = refusal(Recipe { validate_one_in: 0, ..recipe() }, material(many()));
    assert!(blind.to_string().contains("`validate_one_in`"), "{blind}");
}
