//! A graph that grows operation by operation: what the layers of a network are in ONNX.

use std::collections::BTreeMap;

use mnist2x2_model::Config;
use mnist2x2_model::transformer::LayerNorm;
use prost::Message;

use super::proto::{
    Attribute, Dimension, Graph, Model, Node, OperatorSet, Shape, Size, Tensor, TensorType, Type, Value,
};

/// The versions of the file format and of the operators.
pub(super) const IR_VERSION: i64 = 8;
pub(super) const OPSET: i64 = 17;
/// Numbers of the specification for kinds of numbers, and of attributes.
pub(super) const FLOAT: i32 = 1;
pub(super) const INT64: i32 = 7;
const ATTRIBUTE_FLOAT: i32 = 1;
const ATTRIBUTE_INT: i32 = 2;
const ATTRIBUTE_INTS: i32 = 7;

/// The numbers of each tensor of a model, by its name.
pub(super) type Tensors = BTreeMap<String, Vec<f32>>;

/// A graph that grows node by node. What a node gives is called by the node's number.
pub(super) struct Builder<'a> {
    graph: Graph,
    tensors: &'a Tensors,
}

impl<'a> Builder<'a> {
    pub(super) fn new(name: &str, tensors: &'a Tensors) -> Self {
        Self { graph: Graph { name: name.into(), ..Graph::default() }, tensors }
    }

    pub(super) fn input(&mut self, name: &str, kind: i32, sizes: &[Size]) {
        self.graph.input.push(value(name, kind, sizes));
    }

    /// Gives what the last node gave to the outside, under this name.
    pub(super) fn output(&mut self, last: &str, name: &str, sizes: &[Size]) {
        for given in self.graph.node.iter_mut().flat_map(|node| &mut node.output) {
            if given == last {
                name.clone_into(given);
            }
        }
        self.graph.output.push(value(name, FLOAT, sizes));
    }

    pub(super) fn finish(self) -> Vec<u8> {
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
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute]) -> String {
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
    pub(super) fn constant(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> String {
        let raw_data = values.into_iter().flat_map(f32::to_le_bytes).collect();
        let dims = shape.iter().map(|&side| side as i64).collect();
        self.graph.initializer.push(Tensor { dims, data_type: FLOAT, name: name.into(), raw_data });
        name.into()
    }

    pub(super) fn integers(&mut self, values: &[i64]) -> String {
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
    pub(super) fn own(&mut self, name: &str, shape: &[usize]) -> String {
        self.constant(name, shape, self.tensors[name].clone())
    }

    /// The same numbers in another shape; a side of 0 stays as it is.
    pub(super) fn reshape(&mut self, x: &str, sides: &[usize]) -> String {
        let sides: Vec<i64> = sides.iter().map(|&side| side as i64).collect();
        let shape = self.integers(&sides);
        self.node("Reshape", &[x, &shape], &[])
    }

    /// `x W^T + b`; a matrix product takes W^T.
    pub(super) fn linear(&mut self, x: &str, name: &str, inputs: usize, outputs: usize) -> String {
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
        let epsilon = Attribute {
            name: "epsilon".into(),
            f: LayerNorm::EPSILON as f32,
            kind: ATTRIBUTE_FLOAT,
            ..Attribute::default()
        };
        self.node("LayerNormalization", &[x, &weight, &bias], &[int("axis", -1), epsilon])
    }

    /// `x / 2 (1 + erf(x / sqrt(2)))`
    pub(super) fn gelu(&mut self, x: &str) -> String {
        let [half, one] = [("half", 0.5), ("one", 1.0)].map(|(name, value)| self.number(name, value));
        let scale = self.number("one_over_root_two", std::f32::consts::FRAC_1_SQRT_2);
        let scaled = self.node("Mul", &[x, &scale], &[]);
        let erf = self.node("Erf", &[&scaled], &[]);
        let share = self.node("Add", &[&erf, &one], &[]);
        let halved = self.node("Mul", &[x, &half], &[]);
        self.node("Mul", &[&halved, &share], &[])
    }

    /// `x + contract(gelu(expand(norm(x))))`
    pub(super) fn feed_forward(&mut self, x: &str, config: &Config, prefix: &str, norm: &str) -> String {
        let (d, hidden) = (config.width, config.feed_forward_width);
        let normed = self.norm(x, &format!("{prefix}{norm}"), d);
        let expanded = self.linear(&normed, &format!("{prefix}mlp.0"), d, hidden);
        let expanded = self.gelu(&expanded);
        let contracted = self.linear(&expanded, &format!("{prefix}mlp.2"), hidden, d);
        self.node("Add", &[x, &contracted], &[])
    }

    /// `x + out(attention(q, k, v))`, all three of `norm(x)`.
    pub(super) fn self_attention(
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
    pub(super) fn cross_attention(&mut self, x: &str, config: &Config, prefix: &str) -> String {
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

pub(super) fn int(name: &str, value: i64) -> Attribute {
    Attribute { name: name.into(), i: value, kind: ATTRIBUTE_INT, ..Attribute::default() }
}

pub(super) fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute { name: name.into(), ints: values.to_vec(), kind: ATTRIBUTE_INTS, ..Attribute::default() }
}

pub(super) fn known(size: usize) -> Size {
    Size::Known(size as i64)
}

pub(super) fn named(name: &str) -> Size {
    Size::Named(name.into())
}

fn value(name: &str, kind: i32, sizes: &[Size]) -> Value {
    let dim = sizes.iter().map(|size| Dimension { value: Some(size.clone()) }).collect();
    let tensor_type = Some(TensorType { elem_type: kind, shape: Some(Shape { dim }) });
    Value { name: name.into(), r#type: Some(Type { tensor_type }) }
}
