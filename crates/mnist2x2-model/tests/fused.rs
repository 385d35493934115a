//! The fused kernels against the plain composition of candle's operations, for the whole model.

use candle_core::{Device, Tensor};
use mnist2x2_model::{Config, Parameters, Seq2Seq};
use mnist2x2_random::Random;

/// Images (B, height, width), decoder input and targets (B, T): noise.
fn batch(config: &Config, size: usize) -> [Tensor; 3] {
    let mut random = Random::keyed(3, "batch", 0, 0);
    let (height, width) = (config.image_height(), config.image_width());
    let pixels: Vec<f32> = (0..size * height * width).map(|_| random.normal() as f32).collect();
    let mut ids = || {
        let ids: Vec<u32> = (0..size * config.max_tokens()).map(|_| random.below(13)).collect();
        Tensor::from_vec(ids, (size, config.max_tokens()), &Device::Cpu).unwrap()
    };
    let (tokens, targets) = (ids(), ids());
    [Tensor::from_vec(pixels, (size, height, width), &Device::Cpu).unwrap(), tokens, targets]
}

fn both(config: &Config) -> [Seq2Seq; 2] {
    let parameters = Parameters::init(config, 9, &Device::Cpu).unwrap();
    let copy = parameters.trainable().unwrap();
    [Seq2Seq::new(parameters).unwrap(), Seq2Seq::plain(copy).unwrap()]
}

/// The loss and its gradient in flat order, which are the same whether candle's graph is asked for them or not.
fn gradient(model: &Seq2Seq, [images, tokens, targets]: &[Tensor; 3]) -> (f32, Vec<f32>) {
    let loss = model.loss(images, tokens, targets).unwrap();
    let of_graph = (loss.to_scalar().unwrap(), model.parameters().gradient(&loss).unwrap());
    let (loss, gradients) = model.differentiate(images, tokens, targets).unwrap();
    let found = (loss, model.parameters().flat_gradient(&gradients).unwrap());
    assert!(found == of_graph, "other bits than those of candle's graph");
    let fixed = model.fixed();
    for _ in 0..2 {
        let (loss, gradients) = fixed.differentiate(images, tokens, targets).unwrap();
        let again = (loss, model.parameters().flat_gradient(&gradients).unwrap());
        assert!(again == found, "other bits where parameters are fixed");
    }
    found
}

fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn the_gradient_of_every_tensor_agrees_within_1e_4() {
    for config in [Config::reference(), Config::tiny(), Config::tiny_with_stem()] {
        let batch = batch(&config, 5);
        let [fused, plain] = both(&config);
        let ((_, ours), (_, theirs)) = (gradient(&fused, &batch), gradient(&plain, &batch));
        let mut start = 0;
        for spec in fused.parameters().specs() {
            let (ours, theirs) = (&ours[start..start + spec.count()], &theirs[start..start + spec.count()]);
            let difference = norm(ours.iter().zip(theirs).map(|(a, b)| a - b));
            let relative = difference / norm(theirs.iter().copied());
            assert!(relative < 1e-4, "{}: {relative}", spec.name);
            start += spec.count();
        }
    }
}

#[test]
fn the_first_20_losses_agree_within_1e_4() {
    let config = Config::reference();
    let batch = batch(&config, 8);
    let losses = both(&config).map(|model| {
        let step = |_| {
            let (loss, gradient) = gradient(&model, &batch);
            let values = model.parameters().to_flat().unwrap();
            let moved: Vec<f32> = values.iter().zip(&gradient).map(|(value, g)| value - 0.05 * g).collect();
            model.parameters().set_flat(&moved).unwrap();
            loss
        };
        (0..20).map(step).collect::<Vec<f32>>()
    });
    for (step, (ours, theirs)) in losses[0].iter().zip(&losses[1]).enumerate() {
        assert!((ours - theirs).abs() < 1e-4, "step {step}: {ours} fused, {theirs} plain");
    }
    assert!(losses[0][19] < 0.8 * losses[0][0], "nothing was learned: {losses:?}");
}

/// Pictures with no ink, with ink alone, and far outside what the model was made for.
#[test]
fn extreme_pictures_give_finite_logits_and_gradients() {
    let config = Config::tiny();
    let [fused, plain] = both(&config);
    let [images, tokens, targets] = batch(&config, 2);
    for scale in [0.0, 1e-20, 1e6] {
        let batch = [(&images * scale).unwrap(), tokens.clone(), targets.clone()];
        let ((loss, gradient), (plain_loss, _)) = (gradient(&fused, &batch), gradient(&plain, &batch));
        assert!(gradient.iter().all(|g| g.is_finite()), "scale {scale}");
        assert!(
            (loss - plain_loss).abs() < 1e-3 * (1.0 + plain_loss.abs()),
            "scale {scale}: {loss} {plain_loss}"
        );
    }
}
