//! A model as ONNX files, which many programs run: onnxruntime, browsers, telephones.
//!
//! Two graphs under the names that Hugging Face's *optimum* uses: the encoder, from a picture to the memory that the decoder looks
//! at, and the decoder, from the memory and the tokens so far to the logits of each next token. The decoder keeps nothing between two
//! tokens: each step reads all tokens anew, which costs little here. Only the number of pictures, and of tokens, is left open.
//!
//! The operators are those of opset 17, the first with `LayerNormalization`.

mod proto;

use std::collections::BTreeMap;

use mnist2x2_model::{Config, Parameters};
use prost::Message;

use self::proto::{
    Attribute, Dimension, Graph, Model, Node, OperatorSet, Shape, Size, Tensor, TensorType, Type, Value,
};
use crate::Error;

/// The versions of the file format and of the operators.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
/// Numbers of the specification for kinds of numbers, and of attributes.
const FLOAT: i32 = 1;
const INT64: i32 = 7;
const ATTRIBUTE_FLOAT: i32 = 1;
const ATTRIBUTE_INT: i32 = 2;
const ATTRIBUTE_INTS: i32 = 7;
/// What is added to scores of later tokens, as in the network.
const MASKED: f32 = -1e9;
const EPSILON: f32 = 1e-5;

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
    let mut tensors = BTreeMap::new();
    for (name, tensor) in parameters.state_dict()? {
        let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
        tensors.insert(name, values.map_err(mnist2x2_model::Error::from)?);
    }
    let config = parameters.config();
    Ok(OnnxModel { encoder: encoder(config, &tensors), decoder: decoder(config, &tensors) })
}

type Tensors = BTreeMap<String, Vec<f32>>;

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

/// A graph that grows node by node. What a node gives is called by the node's number.
struct Builder<'a> {
    graph: Graph,
    tensors: &'a Tensors,
}

impl<'a> Builder<'a> {
    fn new(name: &str, tensors: &'a Tensors) -> Self {
        Self { graph: Graph { name: name.into(), ..Graph::default() }, tensors }
    }

    fn input(&mut self, name: &str, kind: i32, sizes: &[Size]) {
        self.graph.input.push(value(name, kind, sizes));
    }

    /// Gives what the last node gave to the outside, under this name.
    fn output(&mut self, last: &str, name: &str, sizes: &[Size]) {
        for given in self.graph.node.iter_mut().flat_map(|node| &mut node.output) {
            if given == last {
                name.clone_into(given);
            }
        }
        self.graph.output.push(value(name, FLOAT, sizes));
    }

    fn finish(self) -> Vec<u8> {
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: "mnist2x2".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        };
        model.encode_to_vec()
    }

    /// An operation with one result.
    fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute]) -> String {
        self.nodes(operator, inputs, attributes, 1).swap_remove(0)
    }

    fn nodes(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[Attribute],
        results: usize,
    ) -> Vec<String> {
        let name = format!("{operator}_{}", self.graph.node.len());
        let output: Vec<String> = (0..results).map(|result| format!("{name}.{result}")).collect();
        self.graph.node.push(Node {
            input: inputs.iter().map(ToString::to_string).collect(),
            output: output.clone(),
            name,
            op_type: operator.into(),
            attribute: attributes.to_vec(),
        });
        output
    }

    /// Constant numbers.
    fn constant(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> String {
        let raw_data = values.into_iter().flat_map(f32::to_le_bytes).collect();
        let dims = shape.iter().map(|&side| side as i64).collect();
        self.graph.initializer.push(Tensor { dims, data_type: FLOAT, name: name.into(), raw_data });
        name.into()
    }

    fn integers(&mut self, values: &[i64]) -> String {
        let words: Vec<String> = values.iter().map(ToString::to_string).collect();
        let name = format!("integers_{}", words.join("_"));
        if self.graph.initializer.iter().all(|tensor| tensor.name != name) {
            let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let dims = vec![values.len() as i64];
            self.graph.initializer.push(Tensor { dims, data_type: INT64, name: name.clone(), raw_data });
        }
        name
    }

    /// A single number.
    fn number(&mut self, name: &str, value: f32) -> String {
        if self.graph.initializer.iter().all(|tensor| tensor.name != name) {
            self.constant(name, &[], vec![value]);
        }
        name.into()
    }

    /// A tensor of the model as it is.
    fn own(&mut self, name: &str, shape: &[usize]) -> String {
        self.constant(name, shape, self.tensors[name].clone())
    }

    /// The same numbers in another shape; a side of 0 stays as it is.
    fn reshape(&mut self, x: &str, sides: &[usize]) -> String {
        let sides: Vec<i64> = sides.iter().map(|&side| side as i64).collect();
        let shape = self.integers(&sides);
        self.node("Reshape", &[x, &shape], &[])
    }

    /// `x W^T + b`; a matrix product takes W^T.
    fn linear(&mut self, x: &str, name: &str, inputs: usize, outputs: usize) -> String {
        let weight = &self.tensors[&format!("{name}.weight")];
        let turned =
            (0..inputs).flat_map(|input| (0..outputs).map(move |output| weight[output * inputs + input]));
        let weight = self.constant(&format!("{name}.weight^T"), &[inputs, outputs], turned.collect());
        let bias = self.own(&format!("{name}.bias"), &[outputs]);
        let product = self.node("MatMul", &[x, &weight], &[]);
        self.node("Add", &[&product, &bias], &[])
    }

    fn norm(&mut self, x: &str, name: &str, width: usize) -> String {
        let weight = self.own(&format!("{name}.weight"), &[width]);
        let bias = self.own(&format!("{name}.bias"), &[width]);
        let epsilon =
            Attribute { name: "epsilon".into(), f: EPSILON, kind: ATTRIBUTE_FLOAT, ..Attribute::default() };
        self.node("LayerNormalization", &[x, &weight, &bias], &[int("axis", -1), epsilon])
    }

    /// `x / 2 (1 + erf(x / sqrt(2)))`
    fn gelu(&mut self, x: &str) -> String {
        let [half, one] = [("half", 0.5), ("one", 1.0)].map(|(name, value)| self.number(name, value));
        let scale = self.number("one_over_root_two", std::f32::consts::FRAC_1_SQRT_2);
        let scaled = self.node("Mul", &[x, &scale], &[]);
        let erf = self.node("Erf", &[&scaled], &[]);
        let share = self.node("Add", &[&erf, &one], &[]);
        let halved = self.node("Mul", &[x, &half], &[]);
        self.node("Mul", &[&halved, &share], &[])
    }

    /// `x + contract(gelu(expand(norm(x))))`
    fn feed_forward(&mut self, x: &str, config: &Config, prefix: &str, norm: &str) -> String {
        let (d, hidden) = (config.width, config.feed_forward_width);
        let normed = self.norm(x, &format!("{prefix}{norm}"), d);
        let expanded = self.linear(&normed, &format!("{prefix}mlp.0"), d, hidden);
        let expanded = self.gelu(&expanded);
        let contracted = self.linear(&expanded, &format!("{prefix}mlp.2"), hidden, d);
        self.node("Add", &[x, &contracted], &[])
    }

    /// `x + out(attention(q, k, v))`, all three of `norm(x)`.
    fn self_attention(
        &mut self,
        x: &str,
        config: &Config,
        prefix: &str,
        [qkv, out]: [&str; 2],
        mask: Option<&str>,
    ) -> String {
        let d = config.width;
        let normed = self.norm(x, &format!("{prefix}norm1"), d);
        let projected = self.linear(&normed, &format!("{prefix}{qkv}"), d, 3 * d);
        let parts = self.split(&projected, d, 3);
        let gathered = self.attention([&parts[0], &parts[1], &parts[2]], config, mask);
        let out = self.linear(&gathered, &format!("{prefix}{out}"), d, d);
        self.node("Add", &[x, &out], &[])
    }

    /// `x + out(attention(q, k, v))`, with keys and values of the memory.
    fn cross_attention(&mut self, x: &str, config: &Config, prefix: &str) -> String {
        let d = config.width;
        let normed = self.norm(x, &format!("{prefix}norm2"), d);
        let query = self.linear(&normed, &format!("{prefix}cross_attn_q"), d, d);
        let projected = self.linear("encoder_hidden_states", &format!("{prefix}cross_attn_kv"), d, 2 * d);
        let parts = self.split(&projected, d, 2);
        let gathered = self.attention([&query, &parts[0], &parts[1]], config, None);
        let out = self.linear(&gathered, &format!("{prefix}cross_out"), d, d);
        self.node("Add", &[x, &out], &[])
    }

    /// Parts of this width along the last axis.
    fn split(&mut self, x: &str, width: usize, count: usize) -> Vec<String> {
        let widths = self.integers(&vec![width as i64; count]);
        self.nodes("Split", &[x, &widths], &[int("axis", -1)], count)
    }

    /// `softmax(q k^T / sqrt(D / H) + mask) v` of all heads, side by side again: (B, T, D).
    fn attention(&mut self, [query, key, value]: [&str; 3], config: &Config, mask: Option<&str>) -> String {
        let (heads, size) = (config.heads, config.width / config.heads);
        let mut of_heads = |x: &str, order: [i64; 4]| {
            let parted = self.reshape(x, &[0, 0, heads, size]);
            self.node("Transpose", &[&parted], &[ints("perm", &order)])
        };
        let query = of_heads(query, [0, 2, 1, 3]);
        let key = of_heads(key, [0, 2, 3, 1]);
        let value = of_heads(value, [0, 2, 1, 3]);
        let scale = self.number("one_over_root_of_a_heads_width", (size as f32).sqrt().recip());
        let scores = self.node("MatMul", &[&query, &key], &[]);
        let mut scores = self.node("Mul", &[&scores, &scale], &[]);
        if let Some(mask) = mask {
            scores = self.node("Add", &[&scores, mask], &[]);
        }
        let weights = self.node("Softmax", &[&scores], &[int("axis", -1)]);
        let gathered = self.node("MatMul", &[&weights, &value], &[]);
        let gathered = self.node("Transpose", &[&gathered], &[ints("perm", &[0, 2, 1, 3])]);
        self.reshape(&gathered, &[0, 0, config.width])
    }
}

fn int(name: &str, value: i64) -> Attribute {
    Attribute { name: name.into(), i: value, kind: ATTRIBUTE_INT, ..Attribute::default() }
}

fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute { name: name.into(), ints: values.to_vec(), kind: ATTRIBUTE_INTS, ..Attribute::default() }
}

fn known(size: usize) -> Size {
    Size::Known(size as i64)
}

fn named(name: &str) -> Size {
    Size::Named(name.into())
}

fn value(name: &str, kind: i32, sizes: &[Size]) -> Value {
    let dim = sizes.iter().map(|size| Dimension { value: Some(size.clone()) }).collect();
    let tensor_type = Some(TensorType { elem_type: kind, shape: Some(Shape { dim }) });
    Value { name: name.into(), r#type: Some(Type { tensor_type }) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use mnist2x2_model::Device;

    use super::*;

    #[test]
    fn every_name_is_given_once_and_before_it_is_taken_and_constants_are_whole() {
        for config in [Config::tiny(), Config::reference(), Config::fine(), Config::line()] {
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
