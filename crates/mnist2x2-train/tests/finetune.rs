//! Laws of learning from corrections: it learns, it says how it went, it refuses what cannot be told, and it repeats.

use candle_core::Device;
use mnist2x2_data::mnist::Split;
use mnist2x2_data::{Augmentation, Digits, GridShape, GridSource, Loader, Strokes, synthetic};
use mnist2x2_formats::Weights;
use mnist2x2_infer::{Calibration, Recognizer, Temperature};
use mnist2x2_model::Config;
use mnist2x2_picture::{Drawing, ModelInput};
use mnist2x2_random::Random;
use mnist2x2_train::{
    Acceptance, Error, Exposure, FinetuneData, Finetuning, LabeledExample, Recipe, Trainer, Workers, evaluate,
};

const SHAPE: GridShape = GridShape { rows: 1, cols: 3 };

fn digits() -> Digits {
    synthetic::digits(Split::Train, 240, 0)
}

/// A small model that reads most synthetic digits, so that few grids of validation hang on chance, which would decide how much of a
/// style is taken.
fn base(workers: &Workers) -> Recognizer {
    let mut recipe = Recipe { epochs: 12, batch_size: 16, ..Recipe::reference() };
    recipe.optimizer.learning_rate = 3e-3;
    let loader = Loader::new(digits().into(), GridSource::Fresh { grids: 1_600 }, SHAPE, 16, 0).unwrap();
    let mut trainer = Trainer::from_loader(&Config::tiny(), recipe, loader, &Device::Cpu).unwrap();
    trainer.run(workers, &mut ()).unwrap();
    let parameters = trainer.result().unwrap().parameters().frozen().unwrap();
    Recognizer::new(Weights::new(parameters, "base")).unwrap()
}

/// Three zigzags, no two alike, and somebody who says that each is a three.
fn zigzags(number: u64) -> LabeledExample {
    let mut random = Random::keyed(1, "zigzag", 0, number);
    // So little that the style is learned on every processor, whose last bits differ, from every beginning.
    let mut at =
        |x: f32, y: f32| [x + random.uniform(-0.03, 0.03) as f32, y + random.uniform(-0.03, 0.03) as f32];
    let mut zigzag = || {
        let points = vec![at(0.2, 0.1), at(0.8, 0.3), at(0.2, 0.5), at(0.8, 0.7), at(0.2, 0.9)];
        Strokes::new(vec![points]).unwrap()
    };
    let cells = [zigzag(), zigzag(), zigzag()];
    let drawing = Drawing::from_cells(cells.iter().map(Strokes::iter), 1.0, 1.0, SHAPE).unwrap();
    let strokes = drawing.cells(SHAPE);
    LabeledExample::new(ModelInput::from_drawing(&drawing, SHAPE), vec![Some(3); 3], Some(strokes)).unwrap()
}

/// 30 zigzags, and what `base` reads in them, as if it were right.
fn read_right(base: &Recognizer) -> Vec<LabeledExample> {
    let seen: Vec<ModelInput> = (0..30).map(|number| zigzags(number).input().clone()).collect();
    let readings = base.read_batch(&seen).unwrap();
    let labels = readings.iter().map(|reading| reading.cells.iter().map(|cell| cell.digit).collect());
    seen.into_iter()
        .zip(labels)
        .map(|(seen, labels)| LabeledExample::new(seen, labels, None).unwrap())
        .collect()
}

fn data(examples: Vec<LabeledExample>) -> FinetuneData {
    let rehearsal = digits().into();
    FinetuneData { rehearsal, exposure: Exposure::None, examples, share: 0.4, target_confidence: None }
}

fn recipe() -> Recipe {
    let mut recipe =
        Recipe { epochs: 1, epoch_grids: 1_200, batch_size: 16, ..Recipe::finetune().with_seed(4) };
    recipe.optimizer.learning_rate = 3e-3;
    recipe.augmentation = Augmentation { shift: 0.5, ..Augmentation::default() };
    recipe
}

/// The same as one to five digits that were found in a row.
fn row_of_zigzags(number: u64) -> LabeledExample {
    let cell = |cell: u64| zigzags(10 * number + cell / 3).input().cell(cell as usize % 3);
    let digits: Vec<_> = (0..=number % 5).map(cell).collect();
    LabeledExample::of_digits(&digits, &vec![3; digits.len()]).unwrap()
}

/// The weights that come of 30 examples, and how many held-out corrections were read before, after, and in all.
fn finetuned(
    base: &Recognizer,
    example: impl Fn(u64) -> LabeledExample,
    workers: &Workers,
) -> (Vec<f32>, [u64; 3]) {
    let examples = (0..30).map(example).collect();
    let mut finetuning = Finetuning::new(base, "base", recipe(), data(examples), workers).unwrap();
    assert_eq!(finetuning.learned() + finetuning.held_out().len() as u64, 30);
    let outcome = finetuning.run(workers, &mut ()).unwrap().expect("nobody stopped it");
    let Acceptance { held_out, before, after, .. } = outcome.record.acceptance;
    let accuracy =
        |model| evaluate(model, finetuning.validation(), workers, |_| ()).unwrap().sequence_accuracy;
    let bits = |found: [f64; 2]| found.map(f64::to_bits);
    let validation = [accuracy(base.model()), accuracy(&outcome.model)];
    assert_eq!(bits([before.validation, after.validation]), bits(validation));
    assert!(before.confidence.is_sign_positive(), "-0 is no confidence");
    let record = outcome.record;
    assert_eq!((record.learned, record.base_sha256), (finetuning.learned(), "base".into()));
    (outcome.model.parameters().to_flat().unwrap(), [before.corrections, after.corrections, held_out])
}

#[test]
fn a_style_is_learned_and_the_same_again_gives_the_same_weights() {
    let one = Workers::new(Some(1)).unwrap();
    let base = base(&one);
    let (values, [before, after, of]) = finetuned(&base, zigzags, &one);
    assert!(before < after && 2 * after > of, "{before} of {of} before and {after} after");
    assert_eq!(finetuned(&base, zigzags, &Workers::new(Some(3)).unwrap()).0, values);
    assert_ne!(base.model().parameters().to_flat().unwrap(), values);
}

#[test]
fn a_model_goes_no_farther_than_to_be_sure_of_what_it_learns() {
    let workers = Workers::new(Some(1)).unwrap();
    let base = base(&workers);
    let outcome = |target_confidence| {
        let data = FinetuneData { target_confidence, ..data((0..30).map(zigzags).collect()) };
        let mut finetuning = Finetuning::new(&base, "base", recipe(), data, &workers).unwrap();
        finetuning.run(&workers, &mut ()).unwrap().expect("nobody stopped it")
    };
    let (farthest, part) = (outcome(None), outcome(Some(0.1)));
    assert!(
        0.0 < part.record.alpha && part.record.alpha < farthest.record.alpha,
        "{} of {}",
        part.record.alpha,
        farthest.record.alpha
    );
    assert_eq!(outcome(Some(1.0)).record.alpha.to_bits(), farthest.record.alpha.to_bits());
    let [old, far, near] =
        [base.model(), &farthest.model, &part.model].map(|model| model.parameters().to_flat().unwrap());
    let ratio = (part.record.alpha / farthest.record.alpha) as f32;
    for ((old, far), found) in old.iter().zip(far).zip(near) {
        let expected = old + ratio * (far - old);
        assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
    }
}

#[test]
fn the_old_model_is_judged_without_its_calibration_as_the_new_one_is() {
    let workers = Workers::new(Some(1)).unwrap();
    let examples = read_right(&base(&workers)).into_iter().take(20).chain((20..30).map(zigzags));
    let examples: Vec<_> = examples.collect();
    let before = |base: Recognizer| {
        let mut finetuning =
            Finetuning::new(&base, "base", recipe(), data(examples.clone()), &workers).unwrap();
        let outcome = finetuning.run(&workers, &mut ()).unwrap().expect("nobody stopped it");
        outcome.record.acceptance.before
    };
    let temperature = Temperature::new(2.0).unwrap();
    let doubtful =
        Calibration { temperature, grids: 1, nll_before: 0.0, nll_after: 0.0, exposure: Exposure::None };
    let found = before(base(&workers).with_calibration(doubtful));
    assert_eq!(found, before(base(&workers)));
    assert!(0.0 < found.confidence && found.corrections > 0, "else nothing is compared: {found:?}");
}

/// They are read in portions, as pictures are, and each is learned.
#[test]
fn digits_of_any_arrangement_teach_as_grids_do() {
    let one = Workers::new(Some(1)).unwrap();
    let base = base(&one);
    let (values, [before, after, of]) = finetuned(&base, row_of_zigzags, &one);
    assert!(before < after && 2 * after > of, "{before} of {of} before and {after} after");
    let mixed = |number: u64| if number.is_multiple_of(2) { zigzags(number) } else { row_of_zigzags(number) };
    let (others, [before, after, of]) = finetuned(&base, mixed, &Workers::new(Some(3)).unwrap());
    assert!(before < after, "{before} of {of} before and {after} after");
    assert_ne!(others, values);
}

#[test]
fn what_cannot_be_told_is_refused_before_anything_is_trained() {
    let workers = Workers::new(Some(1)).unwrap();
    let base = base(&workers);
    let refusal = |recipe, data| match Finetuning::new(&base, "base", recipe, data, &workers) {
        Err(error) => error,
        Ok(_) => panic!("it was not refused"),
    };
    let many = || (0..30).map(zigzags).collect::<Vec<_>>();
    let few = refusal(recipe(), data((0..9).map(zigzags).collect()));
    assert!(
        matches!(few, Error::Corrections { .. }) && few.to_string().contains("9 corrections are too few")
    );

    // What the model reads is right: it has nothing to learn.
    let right = read_right(&base);
    let known = refusal(recipe(), data(right.clone()));
    assert!(known.to_string().contains("reads all 30 corrections right"), "{known}");
    // One that is wrong is enough, whether it is held out or not.
    let begun = right.iter().enumerate().map(|(wrong, example)| {
        let mut examples = right.clone();
        let labels = example.labels().iter().map(|label| label.map(|digit| 9 - digit)).collect();
        examples[wrong] = LabeledExample::new(example.input().clone(), labels, None).unwrap();
        let begun = Finetuning::new(&base, "base", recipe(), data(examples.clone()), &workers).unwrap();
        begun.held_out().contains(&examples[wrong])
    });
    let held_out = begun.take(12).filter(|&is_held_out| is_held_out).count();
    assert!((1..12).contains(&held_out), "{held_out} of 12");

    let wide =
        ModelInput::render_strokes(&[&Strokes::default(); 4], None, GridShape { rows: 2, cols: 2 }).unwrap();
    let wide = LabeledExample::new(wide, vec![None; 4], None).unwrap();
    let other = refusal(recipe(), data(many().into_iter().chain([wide]).collect()));
    assert!(other.to_string().contains("2 x 2 cells, but the model reads 1 x 3"), "{other}");

    let share = refusal(recipe(), FinetuneData { share: 0.0, ..data(many()) });
    assert!(share.to_string().contains("share of corrections is 0"), "{share}");
    let target = refusal(recipe(), FinetuneData { target_confidence: Some(1.1), ..data(many()) });
    assert!(target.to_string().contains("target confidence is 1.1"), "{target}");
    let blind = refusal(Recipe { validation_fraction: 0.0, ..recipe() }, data(many()));
    assert!(blind.to_string().contains("`validation_fraction`"), "{blind}");
    let rare = refusal(Recipe { rare_fraction: 0.1, ..recipe() }, data(many()));
    assert!(rare.to_string().contains("`rare_fraction` must be 0: "), "{rare}");
}
