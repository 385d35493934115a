//! Laws that hold for any weights: gradients, causality, and that all ways to compute the same thing agree.

use candle_core::{DType, Device, Result, Tensor};
use mnist2x2_model::{Cache, Config, Error, Parameters, Seq2Seq};
use mnist2x2_random::Random;

/// A batch of noise: images (B, height, width), decoder input (B, T) and targets (B, T).
struct Batch {
    images: Tensor,
    tokens: Tensor,
    targets: Tensor,
}

fn batch(config: &Config, size: usize, dtype: DType) -> Batch {
    let mut random = Random::keyed(1, "batch", 0, 0);
    let (height, width, steps) = (config.image_height(), config.image_width(), config.max_tokens());
    let pixels: Vec<f32> = (0..size * height * width).map(|_| random.normal() as f32).collect();
    let mut ids = || {
        let ids: Vec<u32> = (0..size * steps).map(|_| random.below(config.vocabulary as u32)).collect();
        Tensor::from_vec(ids, (size, steps), &Device::Cpu).unwrap()
    };
    let (tokens, targets) = (ids(), ids());
    let images = Tensor::from_vec(pixels, (size, height, width), &Device::Cpu).unwrap();
    Batch { images: images.to_dtype(dtype).unwrap(), tokens, targets }
}

fn model(config: &Config, seed: u64) -> Seq2Seq {
    Seq2Seq::new(Parameters::init(config, seed, &Device::Cpu).unwrap()).unwrap()
}

/// The same frozen model in both ways to compute it: fused kernels and candle's own operations.
fn frozen(config: &Config, seed: u64) -> [Seq2Seq; 2] {
    let parameters = Parameters::init(config, seed, &Device::Cpu).unwrap().frozen().unwrap();
    [Seq2Seq::new(parameters.clone()).unwrap(), Seq2Seq::plain(parameters).unwrap()]
}

fn loss(model: &Seq2Seq, batch: &Batch) -> std::result::Result<Tensor, Error> {
    model.loss(&batch.images, &batch.tokens, &batch.targets)
}

fn largest_difference(a: &Tensor, b: &Tensor) -> Result<f32> {
    (a - b)?.abs()?.flatten_all()?.max(0)?.to_dtype(DType::F32)?.to_scalar()
}

#[test]
fn every_tensor_has_a_finite_gradient_and_moves_in_one_step() {
    let parameters = Parameters::init(&Config::reference(), 0, &Device::Cpu).unwrap();
    every_tensor_moves(&Seq2Seq::new(parameters.trainable().unwrap()).unwrap());
    every_tensor_moves(&Seq2Seq::plain(parameters).unwrap());
}

fn every_tensor_moves(model: &Seq2Seq) {
    let parameters = model.parameters();
    let before = parameters.to_flat().unwrap();

    let loss = loss(model, &batch(model.config(), 3, DType::F32)).unwrap();
    let gradient = parameters.gradient(&loss).unwrap();
    let after: Vec<f32> = before.iter().zip(&gradient).map(|(value, g)| value - 0.1 * g).collect();
    parameters.set_flat(&after).unwrap();

    let state = parameters.state_dict().unwrap();
    let (mut start, mut tensors) = (0, 0);
    for spec in parameters.specs() {
        let end = start + spec.count();
        assert!(
            gradient[start..end].iter().all(|g| g.is_finite()),
            "{}: a gradient is not finite",
            spec.name
        );
        assert!(gradient[start..end].iter().any(|g| *g != 0.0), "{}: the gradient is zero", spec.name);
        assert_ne!(before[start..end], after[start..end], "{}: did not move", spec.name);
        let view: Vec<f32> = state[&spec.name].flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(view, after[start..end], "{}: the view does not see the new values", spec.name);
        (start, tensors) = (end, tensors + 1);
    }
    assert_eq!((start, tensors), (249_997, 95));
}

#[test]
fn gradients_agree_with_central_differences_in_f64() {
    [Config::tiny(), Config::tiny_with_stem()].iter().for_each(gradients_agree_with_central_differences);
}

fn gradients_agree_with_central_differences(config: &Config) {
    let parameters = Parameters::init(config, 2, &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
    let batch = batch(config, 2, DType::F64);
    let loss_of = |parameters: &Parameters| loss(&Seq2Seq::new(parameters.clone()).unwrap(), &batch).unwrap();
    let grads = loss_of(&parameters).backward().unwrap();

    let h = 1e-5;
    let mut random = Random::keyed(0, "probe", 0, 0);
    for (name, variable) in parameters.variables() {
        let gradient: Vec<f64> = grads.get(variable).expect(name).to_vec1().unwrap();
        let values: Vec<f64> = variable.to_vec1().unwrap();
        let shifted_loss = |index: usize, shift: f64| {
            let mut values = values.clone();
            values[index] += shift;
            variable.set(&Tensor::new(values.as_slice(), &Device::Cpu).unwrap()).unwrap();
            loss_of(&parameters).to_scalar::<f64>().unwrap()
        };
        for _ in 0..12 {
            let index = random.below(values.len() as u32) as usize;
            let numeric = (shifted_loss(index, h) - shifted_loss(index, -h)) / (2.0 * h);
            shifted_loss(index, 0.0);
            let error = (numeric - gradient[index]).abs() / gradient[index].abs().max(1e-4);
            assert!(
                error < 1e-5,
                "{name}[{index}]: {numeric} by differences, {} by backward",
                gradient[index]
            );
        }
    }
}

#[test]
fn later_tokens_never_change_earlier_logits() {
    for model in [Config::reference(), Config::tiny()].iter().flat_map(|config| frozen(config, 3)) {
        let config = model.config();
        let batch = batch(config, 2, DType::F32);
        let memory = model.encode(&batch.images).unwrap();
        let logits = model.decode(&batch.tokens, &memory).unwrap();
        for kept in 1..config.max_tokens() {
            let other = batch.targets.narrow(1, kept, config.max_tokens() - kept).unwrap();
            let changed = Tensor::cat(&[&batch.tokens.narrow(1, 0, kept).unwrap(), &other], 1).unwrap();
            let changed = model.decode(&changed, &memory).unwrap();
            let difference = |start, length| {
                let [a, b] = [&logits, &changed].map(|logits| logits.narrow(1, start, length).unwrap());
                largest_difference(&a, &b).unwrap()
            };
            assert!(difference(0, kept) < 1e-6, "the first {kept} logits changed with later tokens");
            assert!(difference(kept, 1) > 1e-3, "token {kept} itself has no influence");
        }
    }
}

#[test]
fn a_batch_equals_its_singles() {
    for model in [Config::tiny(), Config::tiny_with_stem()].iter().flat_map(|config| frozen(config, 4)) {
        let batch = batch(model.config(), 5, DType::F32);
        let logits = model.forward(&batch.images, &batch.tokens).unwrap();
        for row in 0..5 {
            let [images, tokens] = [&batch.images, &batch.tokens].map(|all| all.narrow(0, row, 1).unwrap());
            let single = model.forward(&images, &tokens).unwrap();
            let difference = largest_difference(&single, &logits.narrow(0, row, 1).unwrap()).unwrap();
            assert!(difference < 1e-5, "row {row} differs by {difference}");
        }
    }
}

#[test]
fn step_by_step_equals_all_at_once() {
    for model in [Config::reference(), Config::tiny()].iter().flat_map(|config| frozen(config, 5)) {
        let config = model.config();
        let batch = batch(config, 3, DType::F32);
        let memory = model.encode(&batch.images).unwrap();
        let expected = model.decode(&batch.tokens, &memory).unwrap();
        let mut cache = Cache::new(&model, &memory).unwrap();
        for position in 0..config.max_tokens() {
            let tokens = batch.tokens.narrow(1, position, 1).unwrap().squeeze(1).unwrap();
            let logits = cache.step(&tokens).unwrap();
            let expected = expected.narrow(1, position, 1).unwrap().squeeze(1).unwrap();
            let difference = largest_difference(&logits, &expected).unwrap();
            assert!(difference < 1e-5, "position {position} differs by {difference}");
        }
        let one_too_many = batch.tokens.narrow(1, 0, 1).unwrap().squeeze(1).unwrap();
        assert!(matches!(cache.step(&one_too_many), Err(Error::Shape { .. })));
    }
}

#[test]
fn a_cache_of_selected_rows_goes_on_as_those_rows() {
    frozen(&Config::tiny(), 6).iter().for_each(selected_rows_go_on);
}

fn selected_rows_go_on(model: &Seq2Seq) {
    let batch = batch(model.config(), 4, DType::F32);
    let column =
        |position| batch.tokens.narrow(1, position, 1).unwrap().squeeze(1).unwrap().contiguous().unwrap();
    let mut cache = Cache::new(model, &model.encode(&batch.images).unwrap()).unwrap();
    cache.step(&column(0)).unwrap();
    let mut selected = cache.select(&[2, 0, 2]).unwrap();
    assert!(cache.select(&[4]).is_err(), "there is no fifth sequence");
    let rows = Tensor::new(&[2_u32, 0, 2], &Device::Cpu).unwrap();
    let all = cache.step(&column(1)).unwrap().index_select(&rows, 0).unwrap();
    let some = selected.step(&column(1).index_select(&rows, 0).unwrap()).unwrap();
    assert!(largest_difference(&all, &some).unwrap() < 1e-5);
}

#[test]
fn attention_weights_are_a_distribution_over_the_patches() {
    let model = model(&Config::tiny(), 7).frozen().unwrap();
    let batch = batch(model.config(), 2, DType::F32);
    let (memory, attention) = model.encode_with_attention(&batch.images).unwrap();
    assert_eq!(attention.iter().map(Tensor::dims).collect::<Vec<_>>(), [[2, 3, 14, 14]; 2], "(B, H, N, N)");
    assert!(largest_difference(&memory, &model.encode(&batch.images).unwrap()).unwrap() < 1e-5);
    let (logits, attention) = model.decode_with_attention(&batch.tokens, &memory).unwrap();
    assert_eq!(attention.len(), 1, "one decoder block");
    assert_eq!(attention[0].dims(), [2, 3, 4, 14], "(B, H, T, N)");
    let sums: Vec<f32> = attention[0].sum(3).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5), "{sums:?}");
    assert!(largest_difference(&logits, &model.decode(&batch.tokens, &memory).unwrap()).unwrap() < 1e-5);
}

#[test]
fn initial_values_depend_on_the_seed_alone() {
    let flat = |seed| Parameters::init(&Config::tiny(), seed, &Device::Cpu).unwrap().to_flat().unwrap();
    assert_eq!(flat(8), flat(8));
    assert_ne!(flat(8), flat(9));
}

#[test]
fn a_frozen_model_records_nothing_and_stays_as_it_is() {
    let model = model(&Config::tiny(), 10);
    let frozen = model.frozen().unwrap();
    let batch = batch(model.config(), 1, DType::F32);
    let logits = |model: &Seq2Seq| model.forward(&batch.images, &batch.tokens).unwrap();
    let before = logits(&frozen);
    assert!(!before.track_op(), "a graph would keep every activation alive");
    model.parameters().set_flat(&vec![0.01; model.parameters().count()]).unwrap();
    assert!(largest_difference(&logits(&model), &before).unwrap() > 1e-3);
    assert!(largest_difference(&logits(&frozen), &before).unwrap() == 0.0);
    assert!(frozen.parameters().set_flat(&[]).is_err());
}

/// The way that accelerators compute: in f16 an f32-only custom operation, or a constant in f64, would be an error.
#[test]
fn the_plain_path_trains_20_steps_in_one_type() {
    let parameters =
        Parameters::init(&Config::tiny(), 12, &Device::Cpu).unwrap().to_dtype(DType::F16).unwrap();
    let model = Seq2Seq::new(parameters).unwrap();
    let batch = batch(model.config(), 2, DType::F16);
    let step = || {
        let loss = loss(&model, &batch).unwrap();
        let grads = loss.backward().unwrap();
        for (_, variable) in model.parameters().variables() {
            let update = (grads.get(variable).unwrap() * 0.02).unwrap();
            variable.set(&(variable.as_detached_tensor() - update).unwrap()).unwrap();
        }
        loss.to_dtype(DType::F32).unwrap().to_scalar::<f32>().unwrap()
    };
    let losses: Vec<f32> = (0..20).map(|_| step()).collect();
    assert!(losses[19] < 0.7 * losses[0], "{losses:?}");
}

#[test]
fn inputs_of_another_size_are_refused() {
    let model = model(&Config::tiny(), 11);
    let zeros = |dims: &[usize]| Tensor::zeros(dims, DType::F32, &Device::Cpu).unwrap();
    let tokens = |b, t| Tensor::zeros((b, t), DType::U32, &Device::Cpu).unwrap();
    let message = model.encode(&zeros(&[1, 84, 28])).unwrap_err().to_string();
    assert_eq!(message, "images must have shape (B, 28, 84), not [1, 84, 28]");
    let message = model.decode(&tokens(2, 5), &zeros(&[2, 14, 24])).unwrap_err().to_string();
    assert_eq!(message, "tokens must have shape (2, 1 to 4), not [2, 5]");
    let message = model.decode(&tokens(2, 4), &zeros(&[2, 24, 14])).unwrap_err().to_string();
    assert_eq!(message, "memory must have shape (B, 14, 24), not [2, 24, 14]");
}
