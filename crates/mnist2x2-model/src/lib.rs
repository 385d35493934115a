//! An encoder-decoder Transformer that reads a gray image of digits and writes them as a sequence of tokens.
//!
//! The architecture is that of Vaswani et al., *Attention Is All You Need*, 2017 (section 3), with the norms before the
//! sub-layers (Xiong et al., *On Layer Normalization in the Transformer Architecture*, 2020) and an image cut into
//! patches for the encoder (Dosovitskiy et al., *An Image Is Worth 16x16 Words*, 2021). The whole network is on one page,
//! [`transformer`], composed of candle's operations. On the CPU [`Seq2Seq`] computes the same by fused kernels.
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
mod presets;
mod tensor_table;
mod state_dict;
mod parameters;
mod flat;

mod targets;
mod patch_embedding;
pub mod transformer;

mod network;
mod fused;
mod seq2seq;

/// candle's own types, so that a dependent crate need not name candle.
pub use candle_core::{DType, Device, Tensor};

/// The backward pass of a loss.
pub use mnist2x2_kernels::Gradients;

pub use config::{Config, Convolution, LayoutKind};
pub use error::Error;
pub use flat::GroupGradient;
pub use parameters::Parameters;
pub use seq2seq::{Cache, Seq2Seq};
pub use state_dict::StateDict;
pub use tensor_table::{Init, Initialization, ParameterGroup, TensorSpec, parameter_groups};
