//! The one table of a model's tensors: names, shapes, order and initial values.
//!
//! Names are those of the published PyTorch checkpoint, so that weights travel both ways without renaming. The tensors of
//! one sub-layer form a *parameter group*: they lie one after another in one variable, which a fused kernel takes as one
//! slice. The order of groups is that of the forward pass.

use mnist2x2_random::Random;
use serde::{Deserialize, Serialize};

use crate::Config;

/// The parameter groups of a model. The kernels of `mnist2x2-kernels` expect the tensors of a group in this order.
pub fn parameter_groups(config: &Config) -> Vec<ParameterGroup> {
    let d = config.width;
    let mut groups = Vec::new();
    if !config.stem.is_empty() {
        groups.push(stem(config));
    }
    let proj = linear("feature_extractor.proj", config.patch_numbers(), d);
    let patches = [config.image_height() / config.patch_height, config.image_width() / config.patch_width];
    let positions = positions("encoder.pos_embedding", &[1, config.patches(), d], patches, patches);
    groups.push(ParameterGroup::new("", "patch_embedding", [proj, positions]));
    for layer in 0..config.encoder_layers {
        groups.extend(encoder_block(config, &format!("encoder.layers.{layer}.")));
    }
    let tokens = embedding("token_embedding.weight", &[config.vocabulary, d]);
    let cells = if config.digits == 0 { [config.rows, config.cols] } else { [1, config.digits] };
    let positions = self::positions("pos_embedding", &[1, config.max_tokens(), d], cells, patches);
    groups.push(ParameterGroup::new("decoder.", "token_embedding", [tokens, positions]));
    for layer in 0..config.decoder_layers {
        groups.extend(decoder_block(config, &format!("decoder.layers.{layer}.")));
    }
    groups.push(ParameterGroup::new("decoder.", "head", [linear("output_proj", d, config.vocabulary)]));
    groups
}

fn stem(config: &Config) -> ParameterGroup {
    let layers = config.convolutions().enumerate();
    let layers = layers.map(|(i, (inputs, c))| linear(&format!("stem.{i}"), 9 * inputs, c.channels));
    ParameterGroup::new("", "stem", layers)
}

fn encoder_block(config: &Config, prefix: &str) -> [ParameterGroup; 2] {
    let d = config.width;
    let self_attention = [norm("norm1", d), linear("qkv_proj", d, 3 * d), linear("out_proj", d, d)];
    [ParameterGroup::new(prefix, "self_attention", self_attention), feed_forward(config, prefix, "norm2")]
}

fn decoder_block(config: &Config, prefix: &str) -> [ParameterGroup; 3] {
    let d = config.width;
    let self_attention = [norm("norm1", d), linear("self_attn_proj", d, 3 * d), linear("self_out", d, d)];
    let (q, kv) = (linear("cross_attn_q", d, d), linear("cross_attn_kv", d, 2 * d));
    let cross_attention = [norm("norm2", d), q, kv, linear("cross_out", d, d)];
    [
        ParameterGroup::new(prefix, "self_attention", self_attention),
        ParameterGroup::new(prefix, "cross_attention", cross_attention),
        feed_forward(config, prefix, "norm3"),
    ]
}

fn feed_forward(config: &Config, prefix: &str, name: &str) -> ParameterGroup {
    let (d, hidden) = (config.width, config.feed_forward_width);
    let tensors = [norm(name, d), linear("mlp.0", d, hidden), linear("mlp.2", hidden, d)];
    ParameterGroup::new(prefix, "feed_forward", tensors)
}

fn linear(name: &str, inputs: usize, outputs: usize) -> Vec<TensorSpec> {
    let weight = TensorSpec::new(format!("{name}.weight"), &[outputs, inputs], Init::Weight { inputs });
    vec![weight, TensorSpec::new(format!("{name}.bias"), &[outputs], Init::Bias { inputs })]
}

fn norm(name: &str, width: usize) -> Vec<TensorSpec> {
    let weight = TensorSpec::new(format!("{name}.weight"), &[width], Init::One);
    vec![weight, TensorSpec::new(format!("{name}.bias"), &[width], Init::Zero)]
}

fn embedding(name: &str, shape: &[usize]) -> Vec<TensorSpec> {
    vec![TensorSpec::new(name.into(), shape, Init::Embedding)]
}

fn positions(name: &str, shape: &[usize], places: [usize; 2], patches: [usize; 2]) -> Vec<TensorSpec> {
    vec![TensorSpec::new(name.into(), shape, Init::Positions { places, patches })]
}

/// The tensors of one sub-layer, which lie one after another in this order.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterGroup {
    /// The sub-layer, such as `encoder.layers.0.self_attention`.
    pub name: String,
    /// Its tensors in the order in which they lie.
    pub tensors: Vec<TensorSpec>,
}

impl ParameterGroup {
    /// A group whose own name and whose tensors' names all start with `prefix`.
    fn new(prefix: &str, name: &str, tensors: impl IntoIterator<Item = Vec<TensorSpec>>) -> Self {
        let mut tensors: Vec<TensorSpec> = tensors.into_iter().flatten().collect();
        for tensor in &mut tensors {
            tensor.name.insert_str(0, prefix);
        }
        Self { name: format!("{prefix}{name}"), tensors }
    }

    /// Number of elements of all tensors together.
    pub fn count(&self) -> usize {
        self.tensors.iter().map(TensorSpec::count).sum()
    }
}

/// One tensor of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// The name in the published checkpoint, such as `encoder.layers.0.norm1.weight`.
    pub name: String,
    /// Its shape; linear weights are (outputs, inputs).
    pub shape: Vec<usize>,
    /// What it is, and so how it is filled before training.
    pub init: Init,
}

impl TensorSpec {
    fn new(name: String, shape: &[usize], init: Init) -> Self {
        Self { name, shape: shape.to_vec(), init }
    }

    /// Number of elements.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What a tensor is, as far as its initial values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// Every element is 1: the scale of a norm.
    One,
    /// Every element is 0: the shift of a norm.
    Zero,
    /// The matrix of a linear layer.
    Weight {
        /// How many values it adds up for each output.
        inputs: usize,
    },
    /// The bias of a linear layer.
    Bias {
        /// As for its weight.
        inputs: usize,
    },
    /// Vectors that are looked up for tokens.
    Embedding,
    /// Vectors that are looked up for positions.
    Positions {
        /// Into how many rows and columns the positions part a picture: those of patches, or of the digits that are written.
        places: [usize; 2],
        /// The rows and columns of patches.
        patches: [usize; 2],
    },
}

/// How a model's tensors are filled before training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Initialization {
    /// PyTorch's defaults: weights and biases U(-b, b) with b = 1 / sqrt(inputs), embeddings N(0, 1).
    PyTorch,
    /// Weights N(0, 1 / inputs), truncated at two standard deviations, so that a layer keeps the variance of its input (K. He
    /// and others, *Delving Deep into Rectifiers*, 2015, section 2.2, without the factor for rectifiers); biases 0;
    /// embeddings N(0, 0.02^2) (A. Radford and others, *Improving Language Understanding by Generative Pre-Training*, 2018).
    Truncated,
    /// The same, but positions are waves: half of each vector tells the row and half the column, as shares of the picture (A.
    /// Vaswani and others, *Attention Is All You Need*, 2017, section 3.5, in two dimensions). The position of a digit that is
    /// written is that of its cell, so that attention can tell from the start where to look.
    Waves,
}

impl Initialization {
    /// The values of one tensor, drawn from the stream of `seed` and its name.
    pub(crate) fn values(self, spec: &TensorSpec, seed: u64) -> Vec<f32> {
        if let (Self::Waves, Init::Positions { places, patches }) = (self, spec.init) {
            return waves(spec, places, patches);
        }
        let mut random = Random::keyed(seed, &spec.name, 0, 0);
        let mut draw = || match (self, spec.init) {
            (_, Init::One) => 1.0,
            (_, Init::Zero) | (Self::Truncated | Self::Waves, Init::Bias { .. }) => 0.0,
            (Self::PyTorch, Init::Weight { inputs } | Init::Bias { inputs }) => {
                let bound = 1.0 / (inputs as f64).sqrt();
                random.uniform(-bound, bound)
            }
            (Self::PyTorch, Init::Embedding | Init::Positions { .. }) => random.normal(),
            (Self::Truncated | Self::Waves, Init::Weight { inputs }) => {
                truncated_normal(&mut random) / (inputs as f64).sqrt()
            }
            (Self::Truncated | Self::Waves, Init::Embedding | Init::Positions { .. }) => {
                0.02 * random.normal()
            }
        };
        (0..spec.count()).map(|_| draw() as f32).collect()
    }
}

/// How high the waves of positions are, beside patches and tokens of variance 1.
const WAVE: f64 = 0.7;

/// Positions as waves along both axes: of a quarter of the picture's length up to the shortest that patches can show.
fn waves(spec: &TensorSpec, [rows, columns]: [usize; 2], patches: [usize; 2]) -> Vec<f32> {
    let width = spec.shape[spec.shape.len() - 1];
    let value = |at: usize| {
        let (position, number) = (at / width, at % width);
        let axis = usize::from(number >= width / 2);
        let share =
            [(position / columns) as f64 / rows as f64, (position % columns) as f64 / columns as f64][axis];
        let middle = share + 0.5 / [rows, columns][axis] as f64;
        let (count, number) = ((width / 4).max(2), number % (width / 2));
        let along = (number / 2) as f64 / (count - 1) as f64;
        let cycles = 0.25 * libm::pow(2.0 * patches[axis].max(2) as f64, along);
        let angle = std::f64::consts::TAU * cycles * middle;
        (WAVE * if number % 2 == 0 { libm::sin(angle) } else { libm::cos(angle) }) as f32
    };
    (0..spec.count()).map(value).collect()
}

/// A number from N(0, 1), drawn again while it lies beyond two standard deviations.
fn truncated_normal(random: &mut Random) -> f64 {
    loop {
        let normal = random.normal();
        if normal.abs() <= 2.0 {
            return normal;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mnist2x2_kernels::{
        ConvolutionLayout, CrossAttentionLayout, HeadLayout, MlpLayout, PatchEmbeddingLayout,
        SelfAttentionLayout, TokenEmbeddingLayout,
    };

    use super::*;

    fn values(initialization: Initialization, init: Init) -> Vec<f32> {
        let spec = TensorSpec::new("a.weight".into(), &[300, 50], init);
        initialization.values(&spec, 4)
    }

    fn deviation(values: &[f32]) -> f32 {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        (values.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt()
    }

    #[test]
    fn spreads_are_those_of_the_schemes() {
        let (weight, bias) = (Init::Weight { inputs: 25 }, Init::Bias { inputs: 25 });
        for (initialization, init, expected, most) in [
            (Initialization::PyTorch, weight, 0.2 / 3.0_f32.sqrt(), 0.2),
            (Initialization::PyTorch, bias, 0.2 / 3.0_f32.sqrt(), 0.2),
            (Initialization::PyTorch, Init::Embedding, 1.0, 6.0),
            // A normal distribution cut at two standard deviations has 0.88 of its spread left.
            (Initialization::Truncated, weight, 0.88 * 0.2, 0.4),
            (Initialization::Truncated, bias, 0.0, 0.0),
            (Initialization::Truncated, Init::Embedding, 0.02, 0.12),
            (Initialization::Truncated, Init::One, 0.0, 1.0),
            (Initialization::Waves, weight, 0.88 * 0.2, 0.4),
            (Initialization::Waves, Init::Embedding, 0.02, 0.12),
        ] {
            let values = values(initialization, init);
            let found = deviation(&values);
            assert!((found - expected).abs() <= 0.02 * expected, "{initialization:?} {init:?}: {found}");
            assert!(values.iter().all(|x| x.abs() <= most), "{initialization:?} {init:?}");
        }
    }

    #[test]
    fn the_published_model_has_95_tensors_and_249_997_parameters() {
        let groups = parameter_groups(&Config::reference());
        let names: BTreeSet<&str> =
            groups.iter().flat_map(|group| &group.tensors).map(|t| t.name.as_str()).collect();
        assert_eq!(names.len(), 95);
        assert_eq!(groups.iter().map(ParameterGroup::count).sum::<usize>(), 249_997);
        let fine: usize = parameter_groups(&Config::fine()).iter().map(ParameterGroup::count).sum();
        assert_eq!(fine, 286_837, "fewer than 300,000");
        for name in [
            "feature_extractor.proj.weight",
            "encoder.layers.3.mlp.2.bias",
            "decoder.layers.1.cross_attn_kv.weight",
        ] {
            assert!(names.contains(name), "{name}");
        }
    }

    /// The kernels take a group as one slice: both must lay out the same shapes in the same order.
    #[test]
    fn groups_are_laid_out_as_the_kernels_read_them() {
        let config = Config::tiny_with_stem();
        let (d, hidden, v) = (config.width, config.feed_forward_width, config.vocabulary);
        for group in parameter_groups(&config) {
            let expected = match group.name.rsplit('.').next().unwrap() {
                "stem" => {
                    let layouts =
                        config.convolutions().map(|(inputs, c)| ConvolutionLayout::new(inputs, c.channels));
                    layouts.flat_map(|layout| layout.parameters()).collect()
                }
                "patch_embedding" => {
                    PatchEmbeddingLayout::new(config.patches(), config.patch_numbers(), d).parameters()
                }
                "token_embedding" => TokenEmbeddingLayout::new(v, config.max_tokens(), d).parameters(),
                "self_attention" => SelfAttentionLayout::new(d).parameters(),
                "cross_attention" => CrossAttentionLayout::new(d).parameters(),
                "feed_forward" => MlpLayout::new(d, hidden).parameters(),
                "head" => HeadLayout::new(v, d).parameters(),
                other => panic!("no kernel reads `{other}`"),
            };
            // Positions have an axis of length 1 for the batch.
            let shapes =
                group.tensors.iter().map(|t| t.shape.iter().copied().skip_while(|&side| side == 1).collect());
            let shapes: Vec<Vec<usize>> = shapes.collect();
            assert_eq!(shapes, expected.into_iter().map(|p| p.shape).collect::<Vec<_>>(), "{}", group.name);
        }
    }
}
