//! Fused Transformer sub-layers for the CPU: forward and backward passes over slices of `f32`.
#![warn(clippy::undocumented_unsafe_blocks)]
#![cfg_attr(test, allow(clippy::float_cmp))] // tests ask for exact zeros and ones

mod simd;

mod exp;
mod gelu;
mod gemm;
mod layer_norm;
mod linear;
mod softmax;
mod transpose;

mod attention;
mod cross_entropy;

mod layout;
mod scratch;

mod attention_layer;
mod cross_attention;
mod head;
mod mlp;
mod patch_embedding;
mod self_attention;
mod token_embedding;

mod decode;

mod candle;

pub use candle::{cross_attention, head_loss, logits, mlp, patch_embedding, self_attention, token_embedding};
pub use cross_attention::CrossAttention;
pub use decode::KeyValueCache;
pub use head::Head;
pub use layout::{
    CrossAttentionLayout, HeadLayout, MlpLayout, Parameter, PatchEmbeddingLayout, SelfAttentionLayout,
    TokenEmbeddingLayout,
};
pub use mlp::Mlp;
pub use patch_embedding::PatchEmbedding;
pub use scratch::Scratch;
pub use self_attention::SelfAttention;
pub use simd::Level;
pub use token_embedding::TokenEmbedding;

#[cfg(test)]
#[path = "../tests/oracle/mod.rs"]
mod test_oracle;
