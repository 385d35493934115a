//! Laws of calibration: it finds the scale of the logits, changes no answer, and reads as evaluation does.

use std::sync::Arc;

use candle_core::Device;
use mnist2x2_data::mnist::Split;
use mnist2x2_data::{GridShape, GridSource, Loader, synthetic};
use mnist2x2_infer::{Calibration, Temperature};
use mnist2x2_model::{Config, Parameters, Seq2Seq};
use mnist2x2_train::{
    Evaluation, Observer, ReadingFor, Recipe, Trainer, Workers, calibrate, evaluate, predict_dataset,
};

fn loader(split: Split, grids: usize) -> Loader {
    let digits = Arc::new(synthetic::digits(split, 300, 0));
    let shape = GridShape { rows: 1, cols: 3 };
    Loader::new(digits, GridSource::Fresh { grids }, shape, 16, 0).unwrap()
}

/// A model that reads some unseen grids right and others wrong.
fn half_trained(workers: &Workers) -> Seq2Seq {
    let mut recipe = Recipe { epochs: 6, batch_size: 16, ..Recipe::reference() };
    recipe.optimizer.learning_rate = 3e-3;
    let mut trainer =
        Trainer::from_loader(&Config::tiny(), recipe, loader(Split::Train, 1_600), &Device::Cpu).unwrap();
    trainer.run(workers, &mut ()).unwrap();
    trainer.model().frozen().unwrap()
}

/// The same model, with its logits multiplied by `factor`.
fn scaled(model: &Seq2Seq, factor: f64) -> Seq2Seq {
    let mut state = model.parameters().state_dict().unwrap();
    for name in ["decoder.output_proj.weight", "decoder.output_proj.bias"] {
        let tensor = state.get_mut(name).unwrap();
        *tensor = (&*tensor * factor).unwrap();
    }
    Seq2Seq::new(Parameters::from_state_dict(model.config(), &state, &Device::Cpu).unwrap()).unwrap()
}

#[test]
fn calibration_undoes_the_scale_of_the_logits_and_changes_no_answer() {
    let workers = Workers::new(None).unwrap();
    let (model, unseen) = (half_trained(&workers), loader(Split::Test, 601));
    let fitted = |model| calibrate(model, &unseen, usize::MAX, &workers, |_| ()).unwrap();
    let (plain, tripled) = (fitted(&model), fitted(&scaled(&model, 3.0)));
    let ratio = tripled.temperature.get() / plain.temperature.get();
    assert!(
        (ratio - 3.0).abs() < 1e-3,
        "{} is not 3 x {}",
        tripled.temperature.get(),
        plain.temperature.get()
    );
    assert!((tripled.nll_after - plain.nll_after).abs() < 1e-5);
    for Calibration { grids, nll_before, nll_after, .. } in [plain, tripled] {
        assert!(grids == 601 && nll_after <= nll_before, "{nll_before} -> {nll_after}");
    }

    let predict = |temperature| predict_dataset(&model, &unseen, temperature, &workers, |_| ()).unwrap();
    let (before, after) = (predict(Temperature::ONE), predict(plain.temperature));
    assert!(before.iter().zip(&after).all(|(a, b)| (&a.labels, &a.predicted) == (&b.labels, &b.predicted)));
    let right = after.iter().filter(|grid| grid.is_correct()).count() as f64 / 601.0;
    assert!((0.1..0.9).contains(&right), "the test needs right and wrong answers, but {right} are right");
    let confidence = after.iter().map(|grid| grid.confidence).sum::<f64>() / 601.0;
    assert!((confidence - right).abs() < 0.05, "{confidence} sure, {right} right");
}

/// What a run tells of the grids that it reads beside training.
#[derive(Default)]
struct Readings(Vec<(ReadingFor, usize, usize)>);

impl Observer for Readings {
    fn on_reading(&mut self, purpose: ReadingFor, done: usize, grids: usize) {
        self.0.push((purpose, done, grids));
    }
}

#[test]
fn a_small_run_is_validated_and_calibrated_with_few_grids_and_it_is_told_how_far_that_is() {
    let workers = Workers::new(Some(2)).unwrap();
    let recipe = Recipe { epochs: 1, batch_size: 16, ..Recipe::reference() };
    let after = |grids: usize| {
        let training = loader(Split::Train, grids);
        let trainer = Trainer::from_loader(&Config::tiny(), recipe.clone(), training, &Device::Cpu);
        let mut trainer = trainer.unwrap().with_validation(loader(Split::Test, 601)).unwrap();
        let mut told = Readings::default();
        trainer.run(&workers, &mut told).unwrap();
        (trainer, told.0)
    };
    let (_, told) = after(601);
    assert_eq!(told.len(), 1 + 601_usize.div_ceil(16));
    assert_eq!(told[..2], [(ReadingFor::Validation, 0, 601), (ReadingFor::Validation, 16, 601)]);
    assert_eq!(told.last(), Some(&(ReadingFor::Validation, 601, 601)));
    let (trainer, told) = after(40);
    assert_eq!(told, [0, 16, 32, 48].map(|done| (ReadingFor::Validation, done, 48)));
    let mut told = Readings::default();
    let calibration = trainer.calibrate(trainer.model(), &workers, &mut told).unwrap().unwrap();
    assert_eq!(calibration.grids, 48, "40 grids in batches of 16");
    assert_eq!(told.0, [0, 16, 32, 48].map(|done| (ReadingFor::Calibration, done, 48)));
}

#[test]
fn an_evaluation_counts_what_was_predicted() {
    let workers = Workers::new(Some(2)).unwrap();
    let model = Seq2Seq::new(Parameters::init(&Config::tiny(), 0, &Device::Cpu).unwrap()).unwrap();
    let (unseen, mut told) = (loader(Split::Test, 37), Vec::new());
    let predictions =
        predict_dataset(&model, &unseen, Temperature::ONE, &workers, |grids| told.push(grids)).unwrap();
    assert_eq!(told, [16, 16, 5]);
    for grid in &predictions {
        let written = grid.cell_confidences.iter().filter(|&&cell| cell > 0.0);
        assert!((written.product::<f64>() - grid.confidence).abs() < 1e-12);
    }
    let evaluation = evaluate(&model, &unseen, &workers, |_| ()).unwrap();
    assert_eq!(Evaluation::of(&predictions, evaluation.seconds), evaluation);
}
