//! The model against PyTorch: the same weights and inputs must give the same logits, loss and gradients.
//!
//! `fixtures/parity.safetensors` is made by `fixtures/parity.py`, which builds the model from PyTorch's own layers.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use mnist2x2_model::{Config, Parameters, Seq2Seq, StateDict};
use safetensors::SafeTensors;

const FIXTURE: &[u8] = include_bytes!("fixtures/parity.safetensors");

fn fixture() -> (Config, BTreeMap<String, Tensor>) {
    let (_, header) = SafeTensors::read_metadata(FIXTURE).unwrap();
    let sizes = &header.metadata().as_ref().expect("the fixture's metadata")["sizes"];
    let tensors = candle_core::safetensors::load_buffer(FIXTURE, &Device::Cpu).unwrap();
    (serde_json::from_str(sizes).unwrap(), tensors.into_iter().collect())
}

/// The tensors under `prefix/`, without it.
fn under(tensors: &BTreeMap<String, Tensor>, prefix: &str) -> StateDict {
    let strip =
        |(name, tensor): (&String, &Tensor)| Some((name.strip_prefix(prefix)?.into(), tensor.clone()));
    tensors.iter().filter_map(strip).collect()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(what: &str, ours: &[f32], torch: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), torch.len(), "{what}");
    let worst = ours.iter().zip(torch).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "{what} differs from PyTorch's by {worst}");
}

#[test]
fn logits_loss_and_gradients_are_pytorchs() {
    let (config, tensors) = fixture();
    let parameters =
        Parameters::from_state_dict(&config, &under(&tensors, "weights/"), &Device::Cpu).unwrap();
    let parameters = parameters.trainable().unwrap();
    compare("fused", &Seq2Seq::new(parameters.clone()).unwrap(), &tensors);
    compare("plain", &Seq2Seq::plain(parameters).unwrap(), &tensors);
}

fn compare(way: &str, model: &Seq2Seq, tensors: &BTreeMap<String, Tensor>) {
    let [tokens, targets] = ["tokens", "targets"].map(|name| tensors[name].to_dtype(DType::U32).unwrap());
    let logits = model.forward(&tensors["images"], &tokens).unwrap();
    assert_close(&format!("{way} logits"), &values(&logits), &values(&tensors["logits"]), 1e-4);
    let loss = model.loss(&tensors["images"], &tokens, &targets).unwrap();
    assert_close(&format!("{way} loss"), &[loss.to_scalar().unwrap()], &values(&tensors["loss"]), 1e-5);

    let gradient = model.parameters().gradient(&loss).unwrap();
    let gradients = under(tensors, "gradients/");
    let gradients = Parameters::from_state_dict(model.config(), &gradients, &Device::Cpu).unwrap();
    assert_close(&format!("{way} gradient"), &gradient, &gradients.to_flat().unwrap(), 1e-5);
}
