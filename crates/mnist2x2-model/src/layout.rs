//! The table of a model's tensors: names, shapes, initial values, and how they are packed.
//!
//! Names are those of the published PyTorch checkpoint, so that weights travel both ways without renaming. The tensors
//! of one sub-layer lie one after another in one *pack*: one variable to differentiate, one slice for a fused kernel.

use crate::Config;
use crate::initialisation::Init;

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
    /// Number of elements.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The tensors of one sub-layer, which lie one after another in this order.
#[derive(Clone, Debug, PartialEq)]
pub struct Pack {
    /// The sub-layer, such as `encoder.layers.0.self_attention`.
    pub name: String,
    /// Its tensors in the order in which they lie.
    pub tensors: Vec<TensorSpec>,
}

impl Pack {
    /// Number of elements of all tensors together.
    pub fn count(&self) -> usize {
        self.tensors.iter().map(TensorSpec::count).sum()
    }
}

/// All packs of a model, in the order of its forward pass.
pub fn layout(config: &Config) -> Vec<Pack> {
    let (d, f) = (config.width, config.feed_forward_width);
    let mut packs = Vec::new();
    if !config.stem.is_empty() {
        packs.push(pack("stem", "", |p| {
            for (index, (inputs, convolution)) in config.convolutions().enumerate() {
                p.linear(&format!("stem.{index}"), 9 * inputs, convolution.channels);
            }
        }));
    }
    packs.push(pack("patch_embedding", "", |p| {
        p.linear("feature_extractor.proj", config.patch_numbers(), d);
        p.tensor("encoder.pos_embedding", &[1, config.patches(), d], Init::Embedding);
    }));
    for layer in 0..config.encoder_layers {
        let block = format!("encoder.layers.{layer}.");
        packs.push(pack("self_attention", &block, |p| p.self_attention("norm1", "qkv_proj", "out_proj", d)));
        packs.push(pack("feed_forward", &block, |p| p.feed_forward("norm2", d, f)));
    }
    packs.push(pack("token_embedding", "decoder.", |p| {
        p.tensor("token_embedding.weight", &[config.vocabulary, d], Init::Embedding);
        p.tensor("pos_embedding", &[1, config.max_tokens(), d], Init::Embedding);
    }));
    for layer in 0..config.decoder_layers {
        let block = format!("decoder.layers.{layer}.");
        packs.push(pack("self_attention", &block, |p| {
            p.self_attention("norm1", "self_attn_proj", "self_out", d);
        }));
        packs.push(pack("cross_attention", &block, |p| p.cross_attention(d)));
        packs.push(pack("feed_forward", &block, |p| p.feed_forward("norm3", d, f)));
    }
    packs.push(pack("head", "decoder.", |p| p.linear("output_proj", d, config.vocabulary)));
    packs
}

/// A pack of the given name whose tensors all start with `prefix`.
fn pack(name: &str, prefix: &str, fill: impl FnOnce(&mut PackBuilder)) -> Pack {
    let mut builder = PackBuilder { prefix, tensors: Vec::new() };
    fill(&mut builder);
    Pack { name: format!("{prefix}{name}"), tensors: builder.tensors }
}

struct PackBuilder<'a> {
    prefix: &'a str,
    tensors: Vec<TensorSpec>,
}

impl PackBuilder<'_> {
    fn tensor(&mut self, name: &str, shape: &[usize], init: Init) {
        self.tensors.push(TensorSpec { name: format!("{}{name}", self.prefix), shape: shape.to_vec(), init });
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.tensor(&format!("{name}.weight"), &[outputs, inputs], Init::Weight { inputs });
        self.tensor(&format!("{name}.bias"), &[outputs], Init::Bias { inputs });
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.tensor(&format!("{name}.weight"), &[width], Init::One);
        self.tensor(&format!("{name}.bias"), &[width], Init::Zero);
    }

    fn self_attention(&mut self, norm: &str, projection: &str, out: &str, width: usize) {
        self.norm(norm, width);
        self.linear(projection, width, 3 * width);
        self.linear(out, width, width);
    }

    fn cross_attention(&mut self, width: usize) {
        self.norm("norm2", width);
        self.linear("cross_attn_q", width, width);
        self.linear("cross_attn_kv", width, 2 * width);
        self.linear("cross_out", width, width);
    }

    fn feed_forward(&mut self, norm: &str, width: usize, hidden: usize) {
        self.norm(norm, width);
        self.linear("mlp.0", width, hidden);
        self.linear("mlp.2", hidden, width);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_published_model_has_95_tensors_and_249_997_parameters() {
        let packs = layout(&Config::reference());
        let names: BTreeSet<&str> = packs.iter().flat_map(|p| &p.tensors).map(|t| t.name.as_str()).collect();
        assert_eq!(names.len(), 95);
        assert_eq!(packs.iter().map(Pack::count).sum::<usize>(), 249_997);
        let fine: usize = layout(&Config::fine()).iter().map(Pack::count).sum();
        assert_eq!(fine, 286_837, "fewer than 300,000");
        for name in [
            "feature_extractor.proj.weight",
            "encoder.layers.3.mlp.2.bias",
            "decoder.layers.1.cross_attn_kv.weight",
        ] {
            assert!(names.contains(name), "{name}");
        }
    }
}
