//! A model as ONNX files, which many programs run: onnxruntime, browsers, telephones.
//!
//! Two graphs under the names that Hugging Face's *optimum* uses: the encoder, from a picture to the memory that the decoder looks
//! at, and the decoder, from the memory and the tokens so far to the logits of each next token. The decoder keeps nothing between two
//! tokens: each step reads all tokens anew, which costs little here. Only the number of pictures, and of tokens, is left open.
//!
//! The operators are those of opset 17, the first with `LayerNormalization`.

mod builder;
mod proto;

use mnist2x2_model::{Config, Parameters};

use self::builder::{Builder, FLOAT, INT64, Tensors, int, ints, known, named};
use crate::Error;

/// What is added to scores of later tokens, as in the network.
const MASKED: f32 = -1e9;

/// A script of Python that reads a picture with both files and a `preprocessor_config.json`.
pub const RUN_ONNX: &str = include_str!("onnx/run_onnx.py");

/// The bytes of `encoder_model.onnx` and of `decoder_model.onnx`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OnnxModel {
    /// `pixel_values` (batch, 1, height, width), normalized -> `last_hidden_state` (batch, N, D).
    pub encoder: Vec<u8>,
    /// `input_ids` (batch, T) of int64 and `encoder_hidden_states` (batch, N, D) -> `logits` (batch, T, V).
    pub decoder: Vec<u8>,
}

/// A model as two ONNX graphs, weights inside.
///
/// # Errors
/// [`Error::Model`] if the device of the parameters fails.
pub fn to_onnx(parameters: &Parameters) -> Result<OnnxModel, Error> {
    let mut tensors = Tensors::new();
    for (name, tensor) in parameters.state_dict()? {
        let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
        tensors.insert(name, values.map_err(mnist2x2_model::Error::from)?);
    }
    let config = parameters.config();
    Ok(OnnxModel { encoder: encoder(config, &tensors), decoder: decoder(config, &tensors) })
}

fn encoder(config: &Config, tensors: &Tensors) -> Vec<u8> {
    let mut g = Builder::new("encoder", tensors);
    let [height, width] = [config.image_height(), config.image_width()];
    g.input("pixel_values", FLOAT, &[named("batch"), known(1), known(height), known(width)]);
    let mut x = "pixel_values".to_owned();
    for (layer, (inputs, convolution)) in config.convolutions().enumerate() {
        let name = format!("stem.{layer}");
        // From windows whose channels come last to windows of each channel.
        let read = tensors[&format!("{name}.weight")].chunks_exact(inputs).collect::<Vec<_>>();
        let of_output = read.chunks_exact(9);
        let weight =
            of_output.flat_map(|window| (0..inputs).flat_map(move |c| window.iter().map(move |at| at[c])));
        let weight =
            g.constant(&format!("{name}.weight"), &[convolution.channels, inputs, 3, 3], weight.collect());
        let bias = g.own(&format!("{name}.bias"), &[convolution.channels]);
        let stride = convolution.stride as i64;
        let attributes =
            [ints("kernel_shape", &[3, 3]), ints("strides", &[stride, stride]), ints("pads", &[1, 1, 1, 1])];
        x = g.node("Conv", &[&x, &weight, &bias], &attributes);
        x = g.gelu(&x);
    }
    // (B, C, rows, columns) to (B, N, P): channels last, then patches row by row.
    x = g.node("Transpose", &[&x], &[ints("perm", &[0, 2, 3, 1])]);
    let (rows, numbers) = config.patch_shape();
    let [down, across] = [height / config.patch_height, width / config.patch_width];
    x = g.reshape(&x, &[0, down, rows, across, numbers]);
    x = g.node("Transpose", &[&x], &[ints("perm", &[0, 1, 3, 2, 4])]);
    x = g.reshape(&x, &[0, config.patches(), config.patch_numbers()]);
    x = g.linear(&x, "feature_extractor.proj", config.patch_numbers(), config.width);
    let positions = g.own("encoder.pos_embedding", &[1, config.patches(), config.width]);
    x = g.node("Add", &[&x, &positions], &[]);
    for layer in 0..config.encoder_layers {
        let prefix = format!("encoder.layers.{layer}.");
        x = g.self_attention(&x, config, &prefix, ["qkv_proj", "out_proj"], None);
        x = g.feed_forward(&x, config, &prefix, "norm2");
    }
    g.output(&x, "last_hidden_state", &[named("batch"), known(config.patches()), known(config.width)]);
    g.finish()
}

fn decoder(config: &Config, tensors: &Tensors) -> Vec<u8> {
    let mut g = Builder::new("decoder", tensors);
    let d = config.width;
    g.input("input_ids", INT64, &[named("batch"), named("tokens")]);
    g.input("encoder_hidden_states", FLOAT, &[named("batch"), known(config.patches()), known(d)]);
    // How many tokens there are cuts positions and mask.
    let shape = g.node("Shape", &["input_ids"], &[]);
    let [zero, one] = [0, 1].map(|number| g.integers(&[number]));
    let count = g.node("Gather", &[&shape, &one], &[int("axis", 0)]);
    let words = g.own("decoder.token_embedding.weight", &[config.vocabulary, d]);
    let words = g.node("Gather", &[&words, "input_ids"], &[int("axis", 0)]);
    let most = config.max_tokens();
    let positions = g.own("decoder.pos_embedding", &[1, most, d]);
    let positions = g.node("Slice", &[&positions, &zero, &count, &one], &[]);
    let mut x = g.node("Add", &[&words, &positions], &[]);
    let later = (0..most).flat_map(|query| (0..most).map(move |key| if key > query { MASKED } else { 0.0 }));
    let mask = g.constant("causal_mask", &[most, most], later.collect());
    let mask = g.node("Slice", &[&mask, &zero, &count, &zero], &[]);
    let mask = g.node("Slice", &[&mask, &zero, &count, &one], &[]);
    for layer in 0..config.decoder_layers {
        let prefix = format!("decoder.layers.{layer}.");
        x = g.self_attention(&x, config, &prefix, ["self_attn_proj", "self_out"], Some(&mask));
        x = g.cross_attention(&x, config, &prefix);
        x = g.feed_forward(&x, config, &prefix, "norm3");
    }
    x = g.linear(&x, "decoder.output_proj", d, config.vocabulary);
    g.output(&x, "logits", &[named("batch"), named("tokens"), known(config.vocabulary)]);
    g.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use mnist2x2_model::Device;
    use prost::Message;

    use super::builder::{IR_VERSION, OPSET};
    use super::proto::{Model, Tensor};
    use super::*;

    #[test]
    fn every_name_is_given_once_and_before_it_is_taken_and_constants_are_whole() {
        for config in [Config::tiny(), Config::reference(), Config::fine(), Config::line(), Config::scatter()]
        {
            let onnx = to_onnx(&Parameters::init(&config, 3, &Device::Cpu).unwrap()).unwrap();
            for (bytes, output) in [(onnx.encoder, "last_hidden_state"), (onnx.decoder, "logits")] {
                let model = Model::decode(&*bytes).unwrap();
                assert_eq!((model.ir_version, model.opset_import[0].version), (IR_VERSION, OPSET));
                let graph = model.graph.unwrap();
                let mut given = HashSet::new();
                let outside = graph.input.iter().map(|input| &input.name);
                for name in outside.chain(graph.initializer.iter().map(|tensor| &tensor.name)) {
                    assert!(given.insert(name), "{name} twice");
                }
                for node in &graph.node {
                    assert!(node.input.iter().all(|name| given.contains(name)), "{node:?}");
                    assert!(node.output.iter().all(|name| given.insert(name)), "{node:?}");
                }
                assert!(graph.output.len() == 1 && given.contains(&graph.output[0].name));
                assert_eq!(graph.output[0].name, output);
                for Tensor { dims, data_type, raw_data, name } in &graph.initializer {
                    let size = if *data_type == FLOAT { 4 } else { 8 };
                    assert_eq!(dims.iter().product::<i64>() * size, raw_data.len() as i64, "{name}");
                }
            }
        }
    }
}
