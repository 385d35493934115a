//! An encoder-decoder Transformer that reads a grey image of digits and writes them as a sequence of tokens.
//!
//! The architecture is that of Vaswani et al., *Attention Is All You Need*, 2017 (section 3), with the norms before the
//! sub-layers (Xiong et al., *On Layer Normalization in the Transformer Architecture*, 2020) and an image cut into
//! patches for the encoder (Dosovitskiy et al., *An Image Is Worth 16x16 Words*, 2021). Read the modules in the order in
//! which they are declared: each builds on those before it.
//!
//! Shapes use fixed letters: **B** batch, **N** patches, **T** tokens, **D** width, **H** heads, **V** vocabulary.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use mnist2x2_model::{Config, Parameters, Seq2Seq};
//!
//! let parameters = Parameters::init(&Config::reference(), 42, &Device::Cpu)?;
//! assert_eq!(parameters.count(), 249_997);
//!
//! let model = Seq2Seq::new(parameters)?;
//! let images = Tensor::zeros((3, 56, 56), candle_core::DType::F32, &Device::Cpu)?; // (B, height, width)
//! let tokens = Tensor::new(&[[10_u32, 5], [10, 3], [10, 7]], &Device::Cpu)?; // (B, T)
//! assert_eq!(model.forward(&images, &tokens)?.dims(), [3, 2, 13]); // (B, T, V)
//! # Ok::<(), mnist2x2_model::Error>(())
//! ```
#![forbid(unsafe_code)]

mod error;

mod config;
mod initialisation;
mod layout;
mod state_dict;
mod parameters;
mod flat;

mod norm;
mod stem;
mod patches;
mod attention;
mod feed_forward;
mod encoder;
mod tokens;
mod decoder;
mod seq2seq;
mod cache;

/// Where tensors lie: candle's own type, so that a dependent crate need not name candle.
pub use candle_core::Device;

pub use attention::{CrossAttention, SelfAttention, scaled_dot_product_attention};
pub use cache::Cache;
pub use config::{Config, Convolution};
pub use decoder::{Decoder, DecoderBlock};
pub use encoder::{Encoder, EncoderBlock};
pub use error::Error;
pub use feed_forward::FeedForward;
pub use flat::PackGradient;
pub use initialisation::{Init, Initialisation};
pub use layout::{Pack, TensorSpec, layout};
pub use norm::LayerNorm;
pub use parameters::Parameters;
pub use patches::PatchEmbedding;
pub use seq2seq::Seq2Seq;
pub use state_dict::StateDict;
pub use tokens::{Head, TokenEmbedding};
