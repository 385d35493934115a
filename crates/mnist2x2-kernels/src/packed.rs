//! Where each parameter of a sub-layer lies in its packed slice.
//!
//! A sub-layer's parameters are one slice, one after another in a fixed order and without gaps, because a custom
//! operation of candle has at most three inputs that are differentiated. Weights have `PyTorch`'s shapes, row-major:
//! (outputs, inputs).

use std::ops::Range;

use crate::sizes::numbers_in;
use crate::windows::SIDE;

/// One parameter of a sub-layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name inside the sub-layer, such as `norm.weight`.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers in the packed slice.
    pub range: Range<usize>,
}

/// Declares a layout: its sizes, then each parameter's field, name and shape in packed order.
macro_rules! layout {
    ($(#[$doc:meta])* $layout:ident($($size:ident),+) { $($field:ident $name:literal [$($side:expr),+];)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $layout {
            $(#[doc = concat!("`", $name, "` (", stringify!($($side),+), ").")] pub $field: Range<usize>,)+
            $($size: usize,)+
        }

        impl $layout {
            /// The layout for these sizes. What lies past the largest number there is has no length.
            pub fn new($($size: usize),+) -> Self {
                let mut end = 0_usize;
                $(
                    let start = end;
                    end = end.saturating_add(numbers_in([$($side),+]));
                    let $field = start..end;
                )+
                Self { $($field,)+ $($size,)+ }
            }

            /// Every parameter, in packed order.
            pub fn parameters(&self) -> Vec<Parameter> {
                let Self { $($size,)+ .. } = *self;
                vec![$(Parameter { name: $name, shape: vec![$($side),+], range: self.$field.clone() },)+]
            }

            /// How many numbers the packed slice holds.
            pub fn size(&self) -> usize {
                [$(self.$field.end),+].into_iter().fold(0, usize::max)
            }
        }
    };
}

layout! {
    /// The parameters of a self-attention sub-layer; rows of `qkv.weight` are ordered (query, key, value), then by head.
    SelfAttentionLayout(width) {
        norm_weight "norm.weight" [width];
        norm_bias "norm.bias" [width];
        qkv_weight "qkv.weight" [numbers_in([3, width]), width];
        qkv_bias "qkv.bias" [numbers_in([3, width])];
        out_weight "out.weight" [width, width];
        out_bias "out.bias" [width];
    }
}

layout! {
    /// The parameters of a cross-attention sub-layer; rows of `kv.weight` are ordered (key, value), then by head.
    CrossAttentionLayout(width) {
        norm_weight "norm.weight" [width];
        norm_bias "norm.bias" [width];
        q_weight "q.weight" [width, width];
        q_bias "q.bias" [width];
        kv_weight "kv.weight" [numbers_in([2, width]), width];
        kv_bias "kv.bias" [numbers_in([2, width])];
        out_weight "out.weight" [width, width];
        out_bias "out.bias" [width];
    }
}

layout! {
    /// The parameters of a feed-forward sub-layer.
    MlpLayout(width, hidden) {
        norm_weight "norm.weight" [width];
        norm_bias "norm.bias" [width];
        fc1_weight "fc1.weight" [hidden, width];
        fc1_bias "fc1.bias" [hidden];
        fc2_weight "fc2.weight" [width, hidden];
        fc2_bias "fc2.bias" [width];
    }
}

layout! {
    /// The parameters of a convolution; a row of `weight` has a window's numbers row by row, the channels of a pixel side by
    /// side.
    ConvolutionLayout(channels, outputs) {
        weight "weight" [outputs, numbers_in([SIDE, SIDE, channels])];
        bias "bias" [outputs];
    }
}

layout! {
    /// The parameters of a patch embedding for `positions` patches of `pixels` numbers.
    PatchEmbeddingLayout(positions, pixels, width) {
        proj_weight "proj.weight" [width, pixels];
        proj_bias "proj.bias" [width];
        pos "pos" [positions, width];
    }
}

layout! {
    /// The parameters of a token embedding for sequences of at most `positions` tokens.
    TokenEmbeddingLayout(vocabulary, positions, width) {
        token "token" [vocabulary, width];
        pos "pos" [positions, width];
    }
}

layout! {
    /// The parameters of the head that turns a token's vector into logits.
    HeadLayout(vocabulary, width) {
        weight "weight" [vocabulary, width];
        bias "bias" [vocabulary];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_follow_each_other_without_gaps() {
        let lists = [
            SelfAttentionLayout::new(24).parameters(),
            CrossAttentionLayout::new(24).parameters(),
            MlpLayout::new(24, 37).parameters(),
            ConvolutionLayout::new(5, 7).parameters(),
            PatchEmbeddingLayout::new(7, 11, 24).parameters(),
            TokenEmbeddingLayout::new(13, 5, 24).parameters(),
            HeadLayout::new(13, 24).parameters(),
        ];
        for list in lists {
            let mut end = 0;
            for parameter in list {
                assert_eq!(parameter.range.start, end, "{}", parameter.name);
                assert_eq!(
                    parameter.range.len(),
                    parameter.shape.iter().product::<usize>(),
                    "{}",
                    parameter.name
                );
                end = parameter.range.end;
            }
        }
    }

    #[test]
    fn the_published_model_has_249_997_parameters() {
        let encoder = SelfAttentionLayout::new(64).size() + MlpLayout::new(64, 128).size();
        let decoder = encoder + CrossAttentionLayout::new(64).size();
        let embeddings =
            PatchEmbeddingLayout::new(16, 196, 64).size() + TokenEmbeddingLayout::new(13, 5, 64).size();
        assert_eq!(4 * encoder + 2 * decoder + embeddings + HeadLayout::new(13, 64).size(), 249_997);
    }
}
