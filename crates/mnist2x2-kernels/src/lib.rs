//! Fused Transformer sub-layers for the CPU: forward and backward passes in `f32`.
//!
//! A sub-layer of a Transformer, such as `x + attention(norm(x))`, is some twenty tensor operations, and training spends
//! more time between them than on their matrix products. Here each sub-layer is one function forward and one backward,
//! over slices, with hand-written vector code inside. Three layers, from the bottom:
//!
//! 1. Building blocks: the matrix product, layer normalization, softmax, GELU, attention, cross-entropy. Written once over
//!    [`pulp::Simd`] and compiled for AVX-512, AVX2, NEON and no vectors at all; the machine decides when the program runs
//!    ([`Level`]).
//! 2. Sub-layers over slices, each a [`SubLayer`]: [`Stem`], [`PatchEmbedding`], [`SelfAttention`], [`CrossAttention`], [`Mlp`],
//!    [`Head`] and [`HeadLoss`]; and the [`TokenEmbedding`]. What the forward pass saves, the working memory ([`Scratch`]) and
//!    the transposed weights are the caller's. For writing token by token there is a [`KeyValueCache`].
//! 3. Operations of candle with gradients: [`stem()`], [`patch_embedding`], [`token_embedding`], [`self_attention`],
//!    [`cross_attention`], [`mlp()`], [`logits`] and [`head_loss`]. The parameters of a sub-layer are one tensor of rank 1,
//!    laid out as [`SelfAttentionLayout`] and its like say, or [`Packed`], which keeps its transpose. [`Gradients`] is the
//!    backward pass in the calling thread alone. The same functions take the values of a [`Tape`], whose way back costs less.
//!
//! Everything runs in the thread that calls, and the same call gives the same bits on the same machine: data parallelism
//! belongs to the caller.
//!
//! ```
//! use candle_core::{Device, Result, Tensor, Var};
//! use mnist2x2_kernels::{MlpLayout, SelfAttentionLayout, mlp, self_attention};
//!
//! fn main() -> Result<()> {
//!     let (batch, tokens, width, heads, hidden) = (2, 16, 64, 4, 128);
//!     let attention = Var::zeros(SelfAttentionLayout::new(width).size(), candle_core::DType::F32, &Device::Cpu)?;
//!     let feed_forward = Var::zeros(MlpLayout::new(width, hidden).size(), candle_core::DType::F32, &Device::Cpu)?;
//!     let x = Tensor::ones((batch, tokens, width), candle_core::DType::F32, &Device::Cpu)?;
//!
//!     let block = mlp(&self_attention(&x, &attention, heads, false)?, &feed_forward)?; // (B, T, D)
//!     assert_eq!(block.dims(), [batch, tokens, width]);
//!     let gradients = block.sum_all()?.backward()?;
//!     assert_eq!(gradients.get(&attention).map(Tensor::elem_count), Some(SelfAttentionLayout::new(width).size()));
//!     Ok(())
//! }
//! ```
#![warn(clippy::undocumented_unsafe_blocks)]
#![cfg_attr(test, allow(clippy::float_cmp, reason = "tests ask for exact zeros and ones"))]

mod sizes;

mod simd;

mod exp;
mod gelu;
mod gemm;
mod layer_norm;
mod linear;
mod panel;
mod peak;
mod softmax;
mod transpose;

mod attention;
mod cross_entropy;

mod packed;
mod memory;
mod scratch;

mod sub_layer;

mod windows;

mod attention_layer;
mod convolution;
mod head;
mod mlp;
mod patch_embedding;
mod stem;
mod token_embedding;

mod decode;

mod orthogonal;

mod candle;

pub use attention_layer::{AttentionLayer, CrossAttention, SelfAttention};
pub use candle::{
    Cut, Gradients, Layer, Lookup, Operand, Packed, Recorded, Tape, cross_attention, cross_attention_step,
    cut_patches, head_loss, logits, mlp, patch_embedding, project_memory, self_attention,
    self_attention_step, stem, token_embedding,
};
pub use convolution::Convolution;
pub use decode::KeyValueCache;
pub use head::{Head, HeadLoss};
pub use memory::{keep_freed_memory, use_large_pages};
pub use mlp::Mlp;
pub use orthogonal::Orthogonalizer;
pub use packed::{
    ConvolutionLayout, CrossAttentionLayout, HeadLayout, MlpLayout, Parameter, PatchEmbeddingLayout,
    SelfAttentionLayout, TokenEmbeddingLayout,
};
pub use patch_embedding::PatchEmbedding;
pub use peak::peak;
pub use scratch::Scratch;
pub use simd::{Level, vectorize};
pub use stem::Stem;
pub use sub_layer::{Backward, Forward, Lens, SubLayer};
pub use token_embedding::TokenEmbedding;

#[cfg(test)]
#[path = "../tests/oracle/mod.rs"]
mod test_oracle;
